//! More requests at once than a server takes, and responses that are read slowly.

use std::cell::Cell;
use std::sync::Arc;

use brigade_http::{Client, PoolLimits, Response};
use libtest_mimic::Failed;

use crate::bodies::{LARGE, memory_max, memory_now};
use crate::everyday::{fetch, posted_once_each, swarm};
use crate::files::Files;
use crate::servers::{Feat, Program, Server, Setup, Speaks};
use crate::{Outcome, close};

const STREAMS_MAX: u32 = 4;
const CONNECTIONS_MAX: usize = 3;

/// What may be under way of a response that is read slowly, and how many there are.
const WINDOW: u32 = 1 << 20;
const SLOW: usize = 8;
/// The windows twice, because frames lie in buffers that are larger, and what else is in use. All
/// that is asked for is sixteen times as much.
const MEMORY_MAX: u64 = 2 * (SLOW as u64 * WINDOW as u64) + (8 << 20);

pub(crate) fn few_streams() -> Setup {
    Setup {
        streams: STREAMS_MAX,
        ..Setup::default()
    }
}

pub(crate) async fn h11d_more_requests_than_streams_open_more_connections(
    server: Server,
) -> Outcome {
    const REQUESTS: usize = 300;
    let limits = PoolLimits::default().per_host(CONNECTIONS_MAX);
    let client = server.client()?.limits(limits).build()?;
    let most = Cell::new(0);
    let (client, server, most) = (&client, &server, &most);
    swarm(REQUESTS, |number| async move {
        match number % 5 == 0 && server.program.can(Feat::Log) {
            true => post(client, server, number).await?,
            false => fetch(client, server, number).await?,
        }
        let connections = client.stats().connections;
        most.set(most.get().max(connections.len()));
        match connections.iter().all(|one| one.in_flight <= STREAMS_MAX) {
            true => Ok(()),
            false => Err(format!("too much on one: {connections:?}").into()),
        }
    })
    .await?;
    if most.get() != CONNECTIONS_MAX {
        return Err(format!("{} connections were used", most.get()).into());
    }
    if server.program.can(Feat::Log) {
        posted_once_each(&server.log(REQUESTS)?)?;
    }
    close(client.clone()).await
}

async fn post(client: &Client, server: &Server, number: usize) -> Outcome {
    let url = server.url(&format!("/echo/{number}"));
    let text = client.post(url)?.body("ok").send().await?.text().await?;
    match text == "ok" {
        true => Ok(()),
        false => Err(format!("POST {number} was answered {text:?}").into()),
    }
}

pub(crate) async fn h11h_slow_readers_cost_their_windows_and_hold_up_nobody(
    server: Server,
) -> Outcome {
    let limits = PoolLimits::default().per_host(1);
    let builder = server.client()?.limits(limits);
    let builder = builder.http2_window(WINDOW);
    let client = builder.build()?;
    // What is allocated once is not what is measured.
    fetch(&client, &server, 1).await?;
    let before = memory_now();
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let url = server.url("/large");
        let response = client.get(url)?.send().await?;
        let mut reader = Reader { response, place: 0 };
        reader.read(1).await?;
        slow.push(reader);
    }
    swarm(200, |number| fetch(&client, &server, number)).await?;
    let mut last = slow.pop().ok_or("nobody reads")?;
    for reader in &mut slow {
        reader.read(3 << 20).await?;
    }
    // The others are given up in the middle of it.
    drop(slow);
    last.read(u64::MAX).await?;
    if last.place != LARGE * 8 {
        return Err(format!("{} bytes arrived", last.place).into());
    }
    if let (Some(before), Some(after)) = (before, memory_max()) {
        let grown = after.saturating_sub(before);
        if grown > MEMORY_MAX {
            return Err(format!("memory grew by {grown} bytes").into());
        }
    }
    fetch(&client, &server, 7).await?;
    match client.stats().connections.as_slice() {
        [one] if one.requests == 202 + SLOW as u64 => close(client).await,
        other => Err(format!("not all went over one connection: {other:?}").into()),
    }
}

/// Compares what it reads with what there should be.
struct Reader {
    response: Response,
    place: u64,
}

impl Reader {
    /// Reads at least `count` bytes more, or to the end.
    async fn read(&mut self, count: u64) -> Outcome {
        let until = self.place.saturating_add(count);
        while self.place < until {
            let Some(chunk) = self.response.chunk().await? else {
                return Ok(());
            };
            let end = self.place + chunk.len() as u64;
            let (first, skipped) = (self.place / 8, (self.place % 8) as usize);
            let words = (first..end.div_ceil(8)).map(u64::to_be_bytes);
            let expected: Vec<_> = words.collect();
            let expected = &expected.as_flattened()[skipped..];
            if chunk != expected[..chunk.len()] {
                return Err(format!("a byte at or after {} is wrong", self.place).into());
            }
            self.place = end;
        }
        Ok(())
    }
}

/// Gives a body little room.
pub(crate) fn narrow() -> Setup {
    Setup {
        is_narrow: true,
        ..Setup::default()
    }
}

/// nginx refuses a body (REFUSED_STREAM) on a connection on which its settings are not yet known.
pub(crate) async fn h11l_bodies_that_nginx_refuses_at_first_arrive_once(
    files: Arc<Files>,
) -> Outcome {
    const CLIENTS: usize = 20;
    for speaks in [Speaks::Http2, Speaks::H2c] {
        let server = Server::start(Program::Nginx, speaks, &files, narrow())?;
        for number in 0..CLIENTS {
            let client = server.client()?.build()?;
            post(&client, &server, number).await?;
            close(client).await?;
        }
        let log = server.log(CLIENTS)?;
        posted_once_each(&log)?;
        if log.len() != CLIENTS {
            return Err(Failed::from(format!("{} requests arrived", log.len())));
        }
    }
    Ok(())
}
