//! What came of each request, as the servers and the callers saw it.
//!
//! Both sides write here, so that what one says can be held against the other. It never decides
//! what a server or a caller does.

use std::sync::Mutex;
use std::time::Duration;

use brigade_http::{Error, Kind, Phase, Timeouts};

use super::plan::Plan;
use super::watch::lock;

/// How a request ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Read,
    Failed(Kind),
    /// The caller gave it up.
    Dropped,
    /// The client was gone before.
    Skipped,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// How often a server has received its head.
    arrivals: usize,
    /// How often a server has said that it did not look at it.
    unseen: usize,
    outcomes: Vec<Outcome>,
}

#[derive(Debug)]
pub(super) struct Book(Mutex<Vec<Entry>>);

impl Book {
    pub(super) fn new(plan: &Plan) -> Self {
        Self(Mutex::new(vec![Entry::default(); plan.asks.len()]))
    }

    /// Notes that a request came; the number of times that it came before.
    pub(super) fn arrived(&self, request: usize) -> usize {
        let entry = &mut lock(&self.0)[request];
        entry.arrivals += 1;
        entry.arrivals - 1
    }

    pub(super) fn unseen(&self, request: usize) {
        lock(&self.0)[request].unseen += 1;
    }

    pub(super) fn ended(&self, request: usize, outcome: Outcome) {
        lock(&self.0)[request].outcomes.push(outcome);
    }

    /// Whether one was read, or none will be.
    pub(super) fn is_under_way(&self) -> bool {
        let entries = lock(&self.0);
        let mut outcomes = entries.iter().map(|entry| &entry.outcomes);
        outcomes
            .clone()
            .any(|outcomes| outcomes.contains(&Outcome::Read))
            || outcomes.all(|outcomes| !outcomes.is_empty())
    }

    /// The end of each request, or what is wrong with one.
    pub(super) fn close(&self, plan: &Plan) -> Result<Vec<Outcome>, String> {
        let entries = lock(&self.0);
        let each = entries.iter().zip(&plan.asks).enumerate();
        each.map(|(request, (entry, ask))| {
            // A GET that dies with a used connection is sent once more.
            let free = if ask.upload.is_some() { 1 } else { 2 };
            match entry.outcomes[..] {
                _ if entry.arrivals > free + entry.unseen => Err(format!(
                    "request {request} came too often: {entry:?}, {ask:?}"
                )),
                [Outcome::Read] if entry.arrivals == 0 => {
                    Err(format!("request {request} was answered by nobody"))
                }
                [outcome] => Ok(outcome),
                _ => Err(format!("request {request} did not end once: {entry:?}")),
            }
        })
        .collect()
    }
}

/// Whether a request may end in this error after so long.
pub(super) fn allows(timeouts: &Timeouts, error: &Error, after: Duration, is_closed: bool) -> bool {
    let limit = match error.kind() {
        Kind::Protocol | Kind::Connect | Kind::Tls => return true,
        Kind::Closed => return is_closed,
        Kind::Timeout(Phase::Pool) => timeouts.pool,
        Kind::Timeout(Phase::Connect) => timeouts.connect,
        Kind::Timeout(Phase::Write) => timeouts.write,
        Kind::Timeout(Phase::Read) => timeouts.read,
        Kind::Timeout(Phase::Total) => timeouts.total,
        _ => return false,
    };
    limit.is_some_and(|limit| after >= limit)
}
