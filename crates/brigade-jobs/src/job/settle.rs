//! What follows from an exchange: a result, a failure, another attempt, a redirect, a pause of the
//! host.
//!
//! The schedule hears of each exchange exactly once, here. Nothing here waits.

use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use brigade_core::verdict::{Answer, Verdict, judge};

use super::attempt::Fetched;
use super::run::Shared;
use crate::format::place;
use crate::input::Item;
use crate::ledger::{Failure, HostState};
use crate::meter::wall_ms;
use crate::progress::add;
use crate::schedule::{HostId, host_name};
use crate::sink::Outcome;

/// Tells the schedule how the attempt ended; returns the outcome if the line is settled.
pub(super) fn settle(
    shared: &Shared,
    host: HostId,
    item: Item,
    begun: Moment,
    fetched: Fetched,
) -> Option<Outcome> {
    let now = clock::now();
    let bytes = match &fetched {
        Fetched::Success(success) => success.data.len() - success.body_at,
        _ => 0,
    };
    let mut state = shared.floor.lock();
    let took = now.since(begun);
    state.schedule.measure(host, took, bytes as u64, now);
    let answer = match fetched {
        Fetched::Success(success) => {
            state.schedule.finish(host, now);
            add(&shared.counters.ok, 1);
            shared.brake.succeeded();
            return Some(Outcome::Success(success));
        }
        Fetched::Moved(redirect, capture) => {
            let mut item = item;
            item.follow(redirect, capture);
            state.schedule.follow(host, item, now);
            return None;
        }
        Fetched::Status(refusal) => refusal,
        Fetched::Error(kind, message) => {
            let verdict = judge(Answer::Error(kind), item.attempts, &shared.retries);
            drop(state);
            return follow(shared, host, item, now, verdict, (None, message));
        }
    };
    drop(state);
    let said = (Some(answer.status), answer.message);
    let Verdict::PauseHost(failed) = answer.verdict else {
        return follow(shared, host, item, now, answer.verdict, said);
    };
    if let Some(kind) = failed {
        return follow(shared, host, item, now, Verdict::Fail(kind), said);
    }
    let mut state = shared.floor.lock();
    state.schedule.again(host, item, answer.until, now);
    None
}

/// Leaves the host of a request alone that was refused, and has that remembered. Returns until when.
pub(super) fn pause(
    shared: &Shared,
    item: &Item,
    sent: Moment,
    now: Moment,
    retry_after: Option<Duration>,
) -> Moment {
    let (random, name) = (fastrand::f64(), host_name(item.target()));
    let (until, strikes) = {
        let mut state = shared.floor.lock();
        state.schedule.refused(name, sent, now, random, retry_after)
    };
    let pause = until.since(now).as_millis() as i64;
    shared.handover.note(|batch| {
        batch.hosts.push(HostState {
            name: name.to_owned(),
            paused_until: wall_ms().saturating_add(pause),
            strikes,
        });
    });
    // Else a job that is killed would not know of it.
    shared.handover.pressing.notify_one();
    until
}

fn follow(
    shared: &Shared,
    host: HostId,
    item: Item,
    now: Moment,
    verdict: Verdict,
    (status, message): (Option<u16>, String),
) -> Option<Outcome> {
    let mut state = shared.floor.lock();
    let Verdict::Fail(kind) = verdict else {
        let failed = item.attempts.saturating_sub(1);
        let delay = shared.backoff.delay(failed, fastrand::f64(), None);
        state.schedule.again(host, item, now + delay, now);
        return None;
    };
    state.schedule.finish(host, now);
    drop(state);
    if shared.files && shared.continued {
        let place = place(&item.url, item.index).into();
        shared.handover.note(|batch| batch.discarded.push(place));
    }
    add(shared.counters.kind(kind), 1);
    shared.brake.failed(kind);
    Some(Outcome::Failure(Failure {
        index: item.index,
        offset: item.offset,
        length: item.length.into(),
        url: item.shown().into_owned(),
        kind,
        status,
        message,
        attempts: item.attempts,
        failed_at: wall_ms(),
        columns: item.columns,
    }))
}
