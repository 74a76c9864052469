//! Runs a job and shows how far it is.
//!
//! One future does both in turn, so showing needs no task of its own and ends with the job. The
//! job is polled before the clock: it never waits for the screen.

use super::bar::Bar;
use super::json::Json;
use super::plain::Plain;
use crate::message;
use crate::stdout::Stdout;
use brigade::cancel::Token;
use brigade_jobs::{Progress, ProgressHandle};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A bar on stderr, which is a terminal.
    Bar,
    /// A line on stderr now and then.
    Plain,
    /// A line of JSON on stdout each second.
    Json,
    /// Not at all.
    Silent,
}

/// One way of showing progress.
pub(super) trait Show {
    /// Time between two looks.
    fn every(&self) -> Duration;
    /// Shows the numbers.
    fn show(&mut self, progress: &Progress);
    /// The job was told to stop.
    fn stopping(&mut self);
    /// The job has ended.
    fn end(&mut self);
}

/// A job that is watched: how far it is, and what it stops for.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) progress: ProgressHandle,
    pub(crate) stop: Token,
}

/// Runs `job` to its end and shows its progress meanwhile, programs on `stdout`.
pub(crate) async fn watch<T>(
    mode: Mode,
    stdout: &mut Stdout,
    Watched { progress, stop }: Watched,
    job: impl Future<Output = T>,
) -> T {
    let mut show: Box<dyn Show + '_> = match mode {
        Mode::Bar => Box::new(Bar::new()),
        Mode::Plain => Box::new(Plain::default()),
        Mode::Json => Box::new(Json::new(stdout)),
        Mode::Silent => Box::new(Silent),
    };
    let mut job = pin!(job);
    let mut ticks = tokio::time::interval(show.every());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    let result = loop {
        tokio::select! {
            biased;
            _ = stop.cancelled(), if !told => {
                told = true;
                show.stopping();
            }
            result = &mut job => break result,
            _ = ticks.tick() => show.show(&progress.snapshot()),
        }
    };
    show.end();
    result
}

/// What is said on the first signal.
pub(super) const STOPPING: &str =
    "stopping: what is in flight is finished or given back (again to stop at once)";

struct Silent;

impl Show for Silent {
    fn every(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    fn show(&mut self, _: &Progress) {}

    fn stopping(&mut self) {
        message::say(STOPPING);
    }

    fn end(&mut self) {}
}
