//! The facts of what happened on a connection's socket, shared by its three observers.
//!
//! The I/O wrapper sees bytes move, the driver keeps the timeouts, the request decides whether it
//! may be sent again. Each fact is one atomic number with one writer at a time. The channels of
//! hyper order what the request and the driver see of each other, so relaxed ordering is enough but
//! where a comment says otherwise. It never decides anything about the pool.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;

use crate::{Error, Kind, Phase};

/// How long a polite end (TLS close_notify) may take.
const GOODBYE: Duration = Duration::from_secs(1);

const IDLE: u8 = 0;
const SENT: u8 = 1;
const WRITTEN: u8 = 2;
const ANSWERED: u8 = 3;

/// Stands for the time of the poll that is going on, which is read once, and only if it is needed.
const JUST_NOW: u64 = 1;

/// Why the driver gave a connection up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Timeout(Phase),
    Closed,
}

impl Fault {
    pub(super) fn error(self) -> Error {
        match self {
            Self::Timeout(phase) => Error::timeout(phase),
            Self::Closed => Error::new(Kind::Closed),
        }
    }
}

/// The timeouts of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) total: Moment,
}

/// What the nearest deadline of a connection stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Idle,
    Goodbye,
    Timeout(Phase),
}

#[derive(Debug, Default)]
pub(crate) struct Wire {
    stage: AtomicU8,
    fault: AtomicU8,
    /// Since when bytes have been waited for, or 0. The same for the next two.
    read_since: AtomicU64,
    write_since: AtomicU64,
    shutdown_since: AtomicU64,
    read_max: AtomicU64,
    write_max: AtomicU64,
    total: AtomicU64,
    /// How long the server keeps the connection, in nanoseconds, or 0 if it did not say.
    keep: AtomicU64,
    exchanges: AtomicU64,
    /// When the last exchange was over.
    rested: AtomicU64,
    /// When the peer of HTTP/2 was heard last, or 0.
    heard_at: AtomicU64,
    /// Whether the peer of HTTP/2 has answered a request.
    has_served: AtomicBool,
    /// Whether the body of the request is read while it is sent, and not yet over.
    is_fed: AtomicBool,
    /// The last exchange of which the caller is through with the response.
    heard: AtomicU64,
}

fn nanos(limit: Option<Duration>) -> u64 {
    limit.map_or(u64::MAX, |limit| {
        limit.as_nanos().try_into().unwrap_or(u64::MAX)
    })
}

impl Wire {
    /// A request is about to be handed to the driver. Returns the number of the exchange.
    pub(super) fn begin(&self, terms: Terms, is_fed: bool) -> u64 {
        self.read_max.store(nanos(terms.read), Relaxed);
        self.write_max.store(nanos(terms.write), Relaxed);
        self.total.store(terms.total.as_nanos(), Relaxed);
        self.stage.store(SENT, Relaxed);
        let number = self.exchanges.fetch_add(1, SeqCst) + 1;
        // After that, or the last exchange would look as if it were stuck.
        self.is_fed.store(is_fed, SeqCst);
        number
    }

    /// A stream of HTTP/2 is about to be opened. Returns how many were before.
    pub(super) fn begin_stream(&self) -> u64 {
        self.exchanges.fetch_add(1, Relaxed)
    }

    /// When the peer of HTTP/2 was heard last.
    pub(super) fn heard_at(&self) -> Option<Moment> {
        let at = self.heard_at.load(Relaxed);
        (at != 0).then(|| Moment::from_nanos(at))
    }

    pub(super) fn note_heard(&self) {
        self.heard_at.store(clock::now().as_nanos(), Relaxed);
    }

    pub(super) fn note_served(&self) {
        self.has_served.store(true, Relaxed);
    }

    /// Whether the peer of HTTP/2 has answered a request.
    pub(crate) fn has_served(&self) -> bool {
        self.has_served.load(Relaxed)
    }

    /// Since when the socket has taken no bytes that are to be written.
    pub(super) fn write_since(&self) -> Option<Moment> {
        let since = self.write_since.load(Relaxed);
        (since != 0).then(|| Moment::from_nanos(since))
    }

    /// The exchange is over and the connection unused.
    pub(super) fn rest(&self) {
        self.stage.store(IDLE, Relaxed);
    }

    /// When the last exchange was over, which proved that the server is there.
    pub(crate) fn rested(&self) -> Moment {
        Moment::from_nanos(self.rested.load(Relaxed))
    }

    pub(crate) fn set_rested(&self, now: Moment) {
        self.rested.store(now.as_nanos(), Relaxed);
    }

    /// Whether bytes of the request have left, which is when hyper has taken it up.
    pub(crate) fn is_written(&self) -> bool {
        self.stage.load(Relaxed) >= WRITTEN
    }

    /// Whether bytes of the response have arrived.
    pub(crate) fn is_answered(&self) -> bool {
        self.stage.load(Relaxed) == ANSWERED
    }

    /// Whether the response is over while the request is not: bytes of it wait to be taken, or to be
    /// read of its stream.
    ///
    /// Nothing will come of such a connection: what is left of the request would be taken for the
    /// start of the next one, and hyper waits until it is gone.
    pub(super) fn is_stuck(&self) -> bool {
        let is_sending = self.is_fed.load(SeqCst) || self.write_since.load(SeqCst) != 0;
        is_sending && self.heard.load(SeqCst) == self.exchanges.load(SeqCst)
    }

    /// The caller is through with the response of this exchange. The connection may be at a later
    /// one, which that does not concern.
    pub(super) fn set_heard(&self, exchange: u64) {
        self.heard.fetch_max(exchange, SeqCst);
    }

    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Relaxed)
    }

    pub(crate) fn keep(&self) -> Option<Duration> {
        let keep = self.keep.load(Relaxed);
        (keep != 0).then(|| Duration::from_nanos(keep))
    }

    /// Notes how long the server keeps the connection; `true` if that is news.
    pub(crate) fn set_keep(&self, keep: Duration) -> bool {
        let keep = nanos(Some(keep)).max(1);
        self.keep.swap(keep, Relaxed) != keep
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        let code = match fault {
            Fault::Timeout(Phase::Read) => 1,
            Fault::Timeout(Phase::Write) => 2,
            Fault::Timeout(Phase::Connect) => 4,
            Fault::Timeout(_) => 3,
            Fault::Closed => 5,
        };
        self.fault.store(code, Relaxed);
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        match self.fault.load(Relaxed) {
            0 => None,
            1 => Some(Fault::Timeout(Phase::Read)),
            2 => Some(Fault::Timeout(Phase::Write)),
            3 => Some(Fault::Timeout(Phase::Total)),
            4 => Some(Fault::Timeout(Phase::Connect)),
            _ => Some(Fault::Closed),
        }
    }

    pub(super) fn read(&self, bytes: usize) {
        self.read_since.store(0, Relaxed);
        if bytes > 0 && self.stage.load(Relaxed) == WRITTEN {
            self.stage.store(ANSWERED, Relaxed);
        }
    }

    pub(super) fn read_pending(&self) {
        if self.read_since.load(Relaxed) == 0 {
            self.read_since.store(JUST_NOW, Relaxed);
        }
    }

    /// Puts in the time of the poll that is over, if something has begun in it that is timed.
    pub(super) fn settle_time(&self) {
        if self.read_since.load(Relaxed) == JUST_NOW {
            self.read_since.store(clock::now().as_nanos(), Relaxed);
        }
    }

    pub(super) fn wrote(&self, bytes: usize) {
        self.write_since.store(0, Relaxed);
        if bytes == 0 {
            return;
        }
        let stage = self.stage.load(Relaxed);
        if stage == SENT {
            self.stage.store(WRITTEN, Relaxed);
        }
        // The wait for the response starts again with each part of the request that leaves. Once
        // the response has begun, reading may be paused, and only a pending read is a wait.
        if stage != ANSWERED || self.read_since.load(Relaxed) != 0 {
            self.read_since.store(JUST_NOW, Relaxed);
        }
    }

    /// The body of the request is over, so that the response is waited for from now on.
    pub(super) fn fed(&self) {
        self.is_fed.store(false, SeqCst);
        if self.read_since.load(Relaxed) != 0 {
            self.read_since.store(JUST_NOW, Relaxed);
        }
    }

    pub(super) fn flushed(&self) {
        self.write_since.store(0, Relaxed);
    }

    pub(super) fn write_pending(&self) {
        // Sequentially consistent with `heard`, so that driver or caller sees that it is stuck.
        if self.write_since.load(Relaxed) == 0 {
            self.write_since.store(clock::now().as_nanos(), SeqCst);
        }
    }

    pub(super) fn shutdown_pending(&self) {
        since_now(&self.shutdown_since);
    }

    /// The nearest deadline. `idle_until` is when the connection has been idle for too long.
    pub(super) fn due(&self, idle_until: Moment) -> (Moment, Due) {
        let shutdown = self.shutdown_since.load(Relaxed);
        if shutdown != 0 {
            return (Moment::from_nanos(shutdown) + GOODBYE, Due::Goodbye);
        }
        let stage = self.stage.load(Relaxed);
        if stage == IDLE {
            return (idle_until, Due::Idle);
        }
        let total = self.total.load(Relaxed);
        let write = self.write_since.load(Relaxed);
        let read = self.read_since.load(Relaxed);
        let (at, phase) = if write != 0 {
            (
                write.saturating_add(self.write_max.load(Relaxed)),
                Phase::Write,
            )
        } else if read != 0 && stage >= WRITTEN && !self.is_fed.load(Relaxed) {
            (
                read.saturating_add(self.read_max.load(Relaxed)),
                Phase::Read,
            )
        } else {
            (u64::MAX, Phase::Total)
        };
        if at < total {
            (Moment::from_nanos(at), Due::Timeout(phase))
        } else {
            (Moment::from_nanos(total), Due::Timeout(Phase::Total))
        }
    }
}

fn since_now(since: &AtomicU64) {
    if since.load(Relaxed) == 0 {
        since.store(clock::now().as_nanos(), Relaxed);
    }
}
