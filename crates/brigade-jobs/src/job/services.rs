//! The tasks beside the workers: the timer, the commits, the looks at hosts and at the writer, and the spill.

use std::path::PathBuf;
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep_until};

use super::run::Shared;
use crate::error::Error;
use crate::input::Origin;
use crate::ledger::HostState;
use crate::progress::set;
use crate::schedule::Spill;

/// Orders that may wait for the spill's thread.
const ORDERS: usize = 64;

/// The time between a commit and one that is made for something pressing.
const SOON: Duration = Duration::from_millis(100);

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Wakes a worker when a pause, a rate or a backoff lets something start.
pub(super) async fn timer(shared: &Shared) -> Result<(), Error> {
    loop {
        let changed = shared.floor.timer.notified();
        let at = shared.floor.lock().wake_at;
        let Some(at) = at else {
            changed.await;
            continue;
        };
        tokio::select! {
            biased;
            () = sleep_until(clock::instant(at)) => {
                let mut state = shared.floor.lock();
                state.wake_at = None;
                state.wake_one();
            }
            () = changed => {}
        }
    }
}

/// Has the writer commit at every interval, and soon after something that must not get lost.
pub(super) async fn commits(shared: &Shared, every: Duration) -> Result<(), Error> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut committed = clock::now();
    loop {
        let pressing = async {
            sleep_until(clock::instant(committed + SOON)).await;
            shared.handover.pressing.notified().await;
        };
        tokio::select! {
            biased;
            _ = ticks.tick() => {}
            () = pressing => {}
        }
        let now = clock::now();
        committed = now;
        {
            let schedule = &mut shared.floor.lock().schedule;
            set(&shared.counters.waiting, schedule.waiting());
            let (paused, first) = schedule.paused(now);
            set(&shared.counters.paused_hosts, paused);
            set(
                &shared.counters.paused_until,
                first.map_or(0, Moment::as_nanos),
            );
            let forgiven = schedule.forgive(now).into_iter();
            let forgiven = forgiven.map(|name| HostState {
                name,
                paused_until: 0,
                strikes: 0,
            });
            // While the schedule is held: a host that refuses at this moment is noted after it.
            shared.handover.note(|batch| batch.hosts.extend(forgiven));
        }
        shared.handover.send(true).await?;
    }
}

/// Ends the run when the writer ended, also while every worker waits for a server, or for bytes of
/// the budget that nobody gives back any more.
pub(super) async fn watch(shared: &Shared) -> Result<(), Error> {
    Err(shared.handover.gone().await)
}

/// Looks at all hosts once a second: those that decide when everything ends go first.
pub(super) async fn looks(shared: &Shared) -> Result<(), Error> {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let hosts = shared.floor.lock().schedule.look(clock::now());
        *shared.counters.hosts() = hosts;
    }
}

/// Carries out the schedule's orders; the thread and its file come with the first one.
pub(super) async fn spill(shared: &Shared, path: PathBuf, list: Origin) -> Result<(), Error> {
    shared.floor.orders.notified().await;
    let (orders, to_follow) = mpsc::channel(ORDERS);
    let (send_loaded, mut loaded) = mpsc::channel(ORDERS);
    Spill::start(&path, list, to_follow, send_loaded)?;
    loop {
        let given = shared.floor.lock().schedule.take_orders();
        for order in given {
            // Answers are taken while an order waits, or both sides would wait for each other.
            let mut place = std::pin::pin!(orders.reserve());
            loop {
                tokio::select! {
                    place = &mut place => {
                        let gone = |_| Error::Stopped("the spill");
                        place.map_err(gone)?.send(order);
                        break;
                    }
                    Some(answer) = loaded.recv() => shared.take_loaded(answer?),
                }
            }
        }
        tokio::select! {
            () = shared.floor.orders.notified() => {}
            answer = loaded.recv() => match answer {
                Some(answer) => shared.take_loaded(answer?),
                None => return Err(Error::Stopped("the spill")),
            },
        }
    }
}
