//! The last look before a request leaves: is its host still to be asked?
//!
//! The schedule gives a line its turn, but its request may have to wait for a connection, and be
//! sent once more on another. Meanwhile an answer to a neighbour may have said that the host wants
//! to be left alone. So the client asks here when it has a connection, each time. What is refused
//! goes back into its line, as if its turn had not come. It never waits for anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::clock;
use brigade_core::time::Moment;

use super::run::Shared;
use crate::progress::add;
use crate::schedule::HostId;

/// The gate of one worker, which has one request at a time.
pub(super) struct Gate {
    shared: Arc<Shared>,
    leaving: Mutex<Leaving>,
}

#[derive(Debug, Default)]
struct Leaving {
    host: Option<HostId>,
    /// When its request was let through last.
    at: Option<Moment>,
}

impl Gate {
    pub(super) fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            shared: shared.clone(),
            leaving: Mutex::default(),
        })
    }

    /// The next request is one to `host`.
    pub(super) fn begin(&self, host: HostId) {
        *self.lock() = Leaving {
            host: Some(host),
            at: None,
        };
    }

    /// When the request left last; none if it has not.
    pub(super) fn left_at(&self) -> Option<Moment> {
        self.lock().at
    }

    /// Whether the request may leave now. What the client asks.
    pub(super) fn lets_through(&self) -> bool {
        let now = clock::now();
        let mut leaving = self.lock();
        let schedule = &self.shared.floor.lock().schedule;
        if leaving
            .host
            .is_some_and(|host| schedule.is_paused(host, now))
        {
            return false;
        }
        // Counted before it is sent: the ledger must know of it even if nothing follows.
        if leaving.at.replace(now).is_none() {
            add(&self.shared.counters.requests, 1);
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Leaving> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
