//! What all connections of one server have in common: the closure, the counters, the log.
//!
//! The log is bounded, so a server under load keeps its memory; and a panic of the closure is kept
//! here for the owner, because a connection has nobody to tell.

use super::builder::Rules;
use super::count::Counter;
use super::reply::Reply;
use super::request::Request;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

pub(crate) type Handler = dyn Fn(&Request) -> Reply + Send + Sync;
pub(crate) type Panic = Box<dyn Any + Send>;

pub(crate) struct Shared {
    pub(crate) handler: Box<Handler>,
    pub(crate) rules: Rules,
    pub(crate) started: Instant,
    pub(crate) connections: Arc<Counter>,
    pub(crate) exchanges: Arc<Counter>,
    log: Mutex<VecDeque<Request>>,
    panicked: AtomicBool,
    panic: Mutex<Option<Panic>>,
}

impl Shared {
    pub(crate) fn new(handler: Box<Handler>, rules: Rules) -> Self {
        Self {
            handler,
            rules,
            started: Instant::now(),
            connections: Arc::default(),
            exchanges: Arc::default(),
            log: Mutex::default(),
            panicked: AtomicBool::new(false),
            panic: Mutex::default(),
        }
    }

    /// Asks the closure. A panic is kept for the owner and answered with a 500.
    pub(crate) fn answer(&self, request: &Request) -> Reply {
        match catch_unwind(AssertUnwindSafe(|| (self.handler)(request))) {
            Ok(reply) => reply,
            Err(payload) => {
                self.keep_panic(payload);
                Reply::status(500)
                    .body("the closure of the server panicked")
                    .keep_alive(false)
            }
        }
    }

    /// Keeps a panic for the owner; the first one wins.
    pub(crate) fn keep_panic(&self, payload: Panic) {
        self.panicked.store(true, Ordering::Release);
        self.panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(payload);
    }

    pub(crate) fn take_panic(&self) -> Option<Panic> {
        if !self.panicked.load(Ordering::Acquire) {
            return None;
        }
        self.panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub(crate) fn record(&self, request: Request) {
        if self.rules.log_max == 0 {
            return;
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == self.rules.log_max {
            log.pop_front();
        }
        log.push_back(request);
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}
