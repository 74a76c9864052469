//! What must hold at every moment, whatever happens.
//!
//! It compares what the client says of its connections with its limits, and with the sockets that
//! really exist. It never panics where it sees a breach, which is often inside of the client's own
//! tasks, but notes the first one for the end.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use brigade_http::{Client, ConnectionState, PoolLimits, Stats};

use super::plan::{Plan, Speech};

/// Watches one client.
#[derive(Debug)]
pub(super) struct Watch {
    limits: PoolLimits,
    is_http1: bool,
    /// The origin of each host.
    origins: Vec<String>,
    client: Mutex<Option<Client>>,
    is_closed: AtomicBool,
    peak: AtomicUsize,
    breach: Mutex<Option<String>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    pub(super) fn new(plan: &Plan, origins: Vec<String>) -> Self {
        Self {
            limits: plan.limits,
            is_http1: plan.speech == Speech::Http1,
            origins,
            client: Mutex::default(),
            is_closed: AtomicBool::default(),
            peak: AtomicUsize::default(),
            breach: Mutex::default(),
        }
    }

    pub(super) fn begin(&self, client: Client) {
        *lock(&self.client) = Some(client);
    }

    /// Another handle of the client, as long as there is one.
    pub(super) fn client(&self) -> Option<Client> {
        lock(&self.client).clone()
    }

    /// Gives up its handle of the client.
    pub(super) fn forget(&self) {
        // Not under the lock, because the end of a client ends connections, which are watched.
        let client = lock(&self.client).take();
        drop(client);
    }

    /// The client is about to be closed.
    pub(super) fn set_closed(&self) {
        self.is_closed.store(true, SeqCst);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(SeqCst)
    }

    /// Notes what should not be.
    pub(super) fn report(&self, breach: impl FnOnce() -> String) {
        lock(&self.breach).get_or_insert_with(breach);
    }

    pub(super) fn breach(&self) -> Option<String> {
        lock(&self.breach).clone()
    }

    /// The most connections that there were at once.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(SeqCst)
    }

    pub(super) fn stats(&self) -> Option<Stats> {
        lock(&self.client).as_ref().map(Client::stats)
    }

    /// Looks at what the client says of itself, and at the sockets that it has to each host.
    pub(super) fn check(&self, sockets: Option<&[usize]>) {
        let stats = self.stats();
        let breach = stats.as_ref().and_then(|stats| self.wrong(stats));
        let breach = breach.or_else(|| self.wrong_sockets(sockets?, stats.as_ref()));
        if let Some(breach) = breach {
            self.report(|| {
                format!(
                    "{breach}: {:?}, sockets {sockets:?}, {stats:?}",
                    self.limits
                )
            });
        }
    }

    fn wrong(&self, stats: &Stats) -> Option<&'static str> {
        let limits = &self.limits;
        self.peak.fetch_max(stats.total(), SeqCst);
        let most = self.origins.iter().map(|origin| count(stats, origin)).max();
        let most = most.unwrap_or(0);
        let is_overloaded = stats.connections.iter().any(|connection| {
            let places = if connection.is_http2 {
                limits.streams
            } else {
                1
            };
            connection.in_flight > places
        });
        let is_busy_idle = (stats.connections.iter()).any(|connection| {
            connection.state == ConnectionState::Idle && connection.in_flight > 0
        });
        let is_full = stats.total() == limits.total;
        let has_room = !is_full && most < limits.per_host;
        // Of HTTP/1.1, every waiter needs a connection of its own.
        let unserved = stats.waiting.saturating_sub(stats.dialing);
        let rules = [
            (stats.total() > limits.total, "too many connections"),
            (most > limits.per_host, "too many connections to one host"),
            (stats.idle > limits.idle, "too many idle connections"),
            (is_overloaded, "too many requests on one connection"),
            (is_busy_idle, "an idle connection has a request"),
            (
                stats.waiting > 0 && stats.total() == 0,
                "a request waits for nothing",
            ),
            (
                self.is_http1 && has_room && unserved > 0,
                "a request waits although there is room",
            ),
            (
                self.is_http1
                    && is_full
                    && most < limits.per_host
                    && stats.idle > 0
                    && unserved > 0
                    && stats.closing == 0,
                "a request waits although an idle connection could make room",
            ),
        ];
        rules.iter().find(|rule| rule.0).map(|rule| rule.1)
    }

    fn wrong_sockets(&self, sockets: &[usize], stats: Option<&Stats>) -> Option<&'static str> {
        let most = sockets.iter().max().copied().unwrap_or(0);
        let total = sockets.iter().sum::<usize>();
        let uncounted = |stats| {
            let mut hosts = sockets.iter().zip(&self.origins);
            hosts.any(|(sockets, origin)| *sockets > count(stats, origin))
        };
        let rules = [
            (total > self.limits.total, "too many sockets"),
            (most > self.limits.per_host, "too many sockets to one host"),
            (stats.is_some_and(uncounted), "a socket that is not counted"),
        ];
        rules.iter().find(|rule| rule.0).map(|rule| rule.1)
    }
}

fn count(stats: &Stats, origin: &str) -> usize {
    let connections = stats.connections.iter();
    connections
        .filter(|connection| *connection.origin == *origin)
        .count()
}

/// A future after each turn of which `check` is called.
pub(super) struct Turns<F, C> {
    future: Pin<Box<F>>,
    check: C,
}

impl<F: Future, C: Fn()> Turns<F, C> {
    pub(super) fn new(future: F, check: C) -> Self {
        Self {
            future: Box::pin(future),
            check,
        }
    }
}

impl<F: Future, C: Fn() + Unpin> Future for Turns<F, C> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let turn = self.future.as_mut().poll(cx);
        (self.check)();
        turn
    }
}
