//! What follows from an exchange: a result, a failure, another attempt, a redirect, a pause of the
//! host.
//!
//! The schedule hears of each exchange exactly once, here. Nothing here waits.

use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use brigade_core::verdict::{Answer, FailureKind, Verdict, judge};

use super::attempt::Fetched;
use super::run::Shared;
use crate::format::place;
use crate::input::Item;
use crate::ledger::{Failure, HostState};
use crate::meter::wall_ms;
use crate::progress::add;
use crate::schedule::{Asked, GivenUp, HostId, host_name};
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
    let mut state = shared.floor.lock();
    let given_up = answer.too_long.or(state.schedule.given_up(host, now));
    if given_up.is_none() && failed.is_none() {
        state.schedule.again(host, item, answer.until, now);
        return None;
    }
    drop(state);
    let (status, mut message) = said;
    if let Some(asked) = given_up {
        if answer.too_long.is_none() {
            message.push_str(&format!(", and {} to another request", asked.status));
        }
        message.push_str(&too_long(shared, asked));
    }
    let verdict = Verdict::Fail(failed.unwrap_or(FailureKind::HttpStatus));
    follow(shared, host, item, now, verdict, (status, message))
}

/// Lets a line fail without being asked for, since its host has asked for more patience than there
/// is.
pub(super) fn give_up(shared: &Shared, item: Item, given_up: &GivenUp) -> Outcome {
    let GivenUp { host, asked } = given_up;
    let again = if item.attempts > 0 { " again" } else { "" };
    let message = format!(
        "not asked for{again}: {host} answered {} to another request{}",
        asked.status,
        too_long(shared, *asked)
    );
    let said = (Some(asked.status), message);
    fail(shared, item, FailureKind::HttpStatus, said)
}

/// Goes on after what the server answered.
fn too_long(shared: &Shared, asked: Asked) -> String {
    let (wait, most) = (span(asked.wait), span(shared.max_pause));
    format!(" and asked for {wait}, longer than the longest pause ({most})")
}

/// A time as people say it, in two units at most: `1h`, `2d 3h`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds == 0 {
        return format!("{}ms", time.as_millis());
    }
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let count = |at: usize| match at {
        0 => seconds / units[0].0,
        _ => seconds % units[at - 1].0 / units[at].0,
    };
    let shown = (0..units.len()).filter(|at| count(*at) > 0).take(2);
    let shown: Vec<_> = shown
        .map(|at| format!("{}{}", count(at), units[at].1))
        .collect();
    shown.join(" ")
}

/// Leaves the host of a request alone that was refused, and has that remembered. Returns until when.
pub(super) fn pause(
    shared: &Shared,
    item: &Item,
    (sent, now): (Moment, Moment),
    asked: Option<Duration>,
    too_long: Option<Asked>,
) -> Moment {
    let (random, name) = (fastrand::f64(), host_name(item.target()));
    let mut state = shared.floor.lock();
    let schedule = &mut state.schedule;
    // What comes on top, so that not everybody is back at once, is within the longest.
    let on_top = schedule.pause_least().min(shared.max_pause / 2);
    let most = shared.max_pause.saturating_sub(on_top);
    let wait = if too_long.is_some() {
        Some(most)
    } else {
        asked
    };
    let (until, strikes) = schedule.refused(name, sent, now, random, wait);
    if let Some(asked) = too_long {
        schedule.give_up(name, asked);
        state.wake_one();
    }
    let pause = until.since(now).as_millis() as i64;
    // In the order in which the schedule hears of them: the last one is remembered.
    shared.handover.note(|batch| {
        batch.hosts.push(HostState {
            name: name.to_owned(),
            paused_until: wall_ms().saturating_add(pause),
            strikes,
        });
    });
    drop(state);
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
    Some(fail(shared, item, kind, (status, message)))
}

/// How a line ends that failed for good.
fn fail(
    shared: &Shared,
    item: Item,
    kind: FailureKind,
    (status, message): (Option<u16>, String),
) -> Outcome {
    if shared.files && shared.continued {
        let place = place(&item.url, item.index).into();
        shared.handover.note(|batch| batch.discarded.push(place));
    }
    add(shared.counters.kind(kind), 1);
    shared.brake.failed(kind);
    Outcome::Failure(Failure {
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f3q_a_time_is_said_in_its_two_largest_units() {
        let seconds = [0, 1, 60, 61, 3600, 3601, 3661, 86_400, 90_000, 31_536_000];
        let said = seconds.map(|seconds| span(Duration::from_secs(seconds)));
        let expected = [
            "0ms", "1s", "1m", "1m 1s", "1h", "1h 1s", "1h 1m", "1d", "1d 1h", "365d",
        ];
        assert_eq!(said, expected);
        assert_eq!(span(Duration::from_millis(250)), "250ms");
        assert_eq!(span(Duration::MAX), "213503982334601d 7h");
    }
}
