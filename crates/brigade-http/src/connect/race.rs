//! Connecting to the first address of a host that answers (RFC 8305).
//!
//! A host with an address that is dead must not cost its users the whole connect timeout. So the
//! next address is tried beside the first after a quarter of a second, for which a slot of its own
//! is needed; where the limits leave none, an address gives up its slot to the next after its share
//! of the time. No socket is ever opened without a slot.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use tokio::net::TcpStream;

use crate::pool::SlotGuard;

/// How long an address is tried alone.
const ALONE: Duration = Duration::from_millis(250);

/// The most addresses that are tried at once.
const RACING_MAX: usize = 4;

/// The share of an address where there is no connect timeout.
const SHARE: Duration = Duration::from_secs(10);

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

struct Attempt {
    // Fields are dropped in this order: the socket first, its slot last.
    connecting: Connecting,
    /// A slot of its own; the first attempt, or the one after it, has that of the dial.
    slot: Option<SlotGuard>,
    since: Moment,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl Attempt {
    fn new(address: SocketAddr, slot: Option<SlotGuard>) -> Self {
        Self {
            connecting: Box::pin(TcpStream::connect(address)),
            slot,
            since: clock::now(),
        }
    }
}

/// A connection to one of `addresses`, for the dial that has `slot`.
pub(crate) async fn race(
    addresses: Vec<SocketAddr>,
    slot: &SlotGuard,
    until: Moment,
) -> io::Result<TcpStream> {
    let share = share(addresses.len(), until);
    let mut addresses = interleaved(addresses);
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let first = addresses.pop_front().ok_or_else(none)?;
    let mut attempts = vec![Attempt::new(first, None)];
    loop {
        let failed = match next(&mut attempts, !addresses.is_empty()).await {
            // The others end with their slots, and one slot is left for one socket.
            Some((_, Ok(tcp))) => return Ok(tcp),
            Some((index, Err(error))) => Some((attempts.remove(index), error)),
            None => None,
        };
        match (failed, addresses.pop_front()) {
            (Some((attempt, _)), Some(address)) => {
                attempts.push(Attempt::new(address, attempt.slot));
            }
            (Some((_, error)), None) if attempts.is_empty() => return Err(error),
            (Some((attempt, _)), None) if attempt.slot.is_none() => {
                // The slot of the dial is free, so one more goes back.
                if let Some(other) = attempts.first_mut() {
                    other.slot = None;
                }
            }
            (None, Some(address)) => match further(&mut attempts, slot, share) {
                Some(slot) => attempts.push(Attempt::new(address, slot)),
                None => addresses.push_front(address),
            },
            (_, None) => {}
        }
    }
}

/// The next attempt that ends, or `None` after a while if there are `more` addresses to try.
async fn next(attempts: &mut [Attempt], more: bool) -> Option<(usize, io::Result<TcpStream>)> {
    let ended = poll_fn(|cx| poll(attempts, cx));
    match more {
        true => tokio::time::timeout(ALONE, ended).await.ok(),
        false => Some(ended.await),
    }
}

fn poll(attempts: &mut [Attempt], cx: &mut Context<'_>) -> Poll<(usize, io::Result<TcpStream>)> {
    for (index, attempt) in attempts.iter_mut().enumerate() {
        if let Poll::Ready(result) = attempt.connecting.as_mut().poll(cx) {
            return Poll::Ready((index, result));
        }
    }
    Poll::Pending
}

/// A slot to try one more address with: a free one, or that of an address that had its share.
fn further(
    attempts: &mut Vec<Attempt>,
    dial: &SlotGuard,
    share: Duration,
) -> Option<Option<SlotGuard>> {
    let oldest = attempts.first()?;
    if attempts.len() < RACING_MAX
        && let Some(slot) = dial.another()
    {
        return Some(Some(slot));
    }
    let over = clock::now().since(oldest.since) >= share;
    over.then(|| attempts.remove(0).slot)
}

fn share(addresses: usize, until: Moment) -> Duration {
    if until == Moment::MAX {
        return SHARE;
    }
    let time = until.since(clock::now());
    time / u32::try_from(addresses.max(1)).unwrap_or(u32::MAX)
}

/// The addresses with their families in turn, beginning with the family that comes first.
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let six = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == six);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = VecDeque::new();
    loop {
        let before = all.len();
        all.extend(first.next());
        all.extend(second.next());
        if all.len() == before {
            return all;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_testkit::server::{Port, Reply, Server};

    use super::*;
    use crate::PoolLimits;
    use crate::pool::ClientPool;

    /// A dead address, a live one on the same port, and a pool of `total` with a slot taken.
    async fn given(total: usize) -> (Port, Server, Arc<ClientPool>, SlotGuard) {
        let dead = Port::full().await.unwrap();
        let live = ([127, 0, 0, 2], dead.address().port());
        let live = Server::builder().address(live).start(|_| Reply::ok("x"));
        let (pool, slot) = SlotGuard::of_dial(PoolLimits::default().total(total));
        (dead, live.await.unwrap(), pool, slot)
    }

    /// Races `dead` addresses and a live one: where it led, the time, the most sockets seen.
    async fn timed(dead: usize, total: usize, limit: Duration) -> (SocketAddr, Duration, usize) {
        let (port, live, pool, slot) = given(total).await;
        let before = clock::now();
        let mut addresses = vec![port.address(); dead];
        addresses.push(live.address());
        let mut racing = Box::pin(race(addresses, &slot, before + limit));
        let mut peak = 0;
        let raced = loop {
            peak = peak.max(pool.lock().stats().connections());
            let look = Duration::from_millis(20);
            if let Ok(raced) = tokio::time::timeout(look, &mut racing).await {
                break raced;
            }
        };
        let tcp = raced.unwrap();
        drop(racing);
        let time = clock::now().since(before);
        assert_eq!(pool.lock().stats().connections(), 1, "the losers are gone");
        drop(slot);
        assert_eq!(pool.lock().stats().connections(), 0);
        (tcp.peer_addr().unwrap(), time, peak)
    }

    #[tokio::test]
    async fn h3a_a_dead_address_is_raced_by_the_next_one() {
        let (led, time, _) = timed(1, 2, Duration::from_secs(60)).await;
        assert_eq!(led.ip().to_string(), "127.0.0.2");
        assert!(time >= ALONE && time < 8 * ALONE, "{time:?}");
    }

    #[tokio::test]
    async fn h3b_every_racing_socket_has_a_slot_and_without_one_a_dead_address_costs_its_share() {
        for (dead, total) in [(1, 1), (2, 2)] {
            let share = Duration::from_millis(300);
            let limit = share * (dead as u32 + 1);
            let (led, time, peak) = timed(dead, total, limit).await;
            assert_eq!(led.ip().to_string(), "127.0.0.2");
            assert!(time >= share, "{time:?}");
            assert_eq!(peak, total);
        }
    }

    #[test]
    fn h3c_the_families_are_tried_in_turn() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "1.1.1.2:1"];
        let turns = interleaved(given.map(parse).to_vec());
        let expected = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"];
        assert_eq!(turns, expected.map(parse).to_vec());
    }
}
