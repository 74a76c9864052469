//! Whether a stream of events that is lost is asked for again, and after how long: a pure decision.
//!
//! The HTML standard leaves no doubt about some ends: 204 is the server's way to say "never again",
//! and another type or status will not get better. The others are the weather. It reads no clock
//! and draws no random number, never waits less than the server wants, and never tries more often
//! in a row than it was told.

use std::error::Error as _;
use std::time::Duration;

use brigade_core::backoff::Backoff;
use http::{Method, StatusCode};

use crate::{Error, Kind, tls};

/// How long to wait where the server says nothing: what browsers do.
const RETRY: Duration = Duration::from_secs(3);

/// How a stream was lost, or why it did not come about.
#[derive(Debug)]
pub(super) enum Lost {
    /// The server says that there is nothing to come, ever.
    Done,
    /// The server has ended it.
    Ended,
    /// The server cannot give it now, and perhaps says when to ask again.
    Busy(StatusCode, Option<Duration>),
    /// Something on the way, or within a limit of time.
    Broken(Error),
}

impl Lost {
    /// The name of it in events.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Done => "done",
            Self::Ended => "ended",
            Self::Busy(status, _) => status.as_str(),
            Self::Broken(error) => error.kind().name(),
        }
    }
}

/// Whether a server that answers with `status` may give the stream later.
pub(super) fn is_busy(status: StatusCode) -> bool {
    let may_pass = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_server_error() || may_pass.contains(&status)
}

/// Whether trying again can help.
fn may_pass(error: &Error) -> bool {
    match error.kind() {
        Kind::Dns | Kind::Connect | Kind::Protocol | Kind::Timeout(_) => true,
        // A handshake that broke off, but not one in which something was wrong.
        Kind::Tls => !error.source().is_some_and(|cause| cause.is::<tls::Error>()),
        _ => false,
    }
}

/// What follows when a stream is lost.
#[derive(Debug)]
pub(super) enum Next {
    /// It is asked for again after this time.
    Wait(Duration),
    /// That was its end.
    End,
    Fail(Error),
}

/// The rules of an event source.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// How often in a row it tries again.
    pub(super) reconnects: u32,
    pub(super) any_method: bool,
    pub(super) backoff: Backoff,
    /// The longest wait that a server may ask for.
    pub(super) wait_max: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reconnects: 10,
            any_method: false,
            backoff: Backoff::default(),
            wait_max: Duration::from_secs(3600),
        }
    }
}

impl Rules {
    /// Whether the request may be sent more than once.
    pub(super) fn repeat(&self, method: &Method) -> bool {
        self.reconnects > 0 && (self.any_method || method.is_idempotent())
    }

    /// What follows after so many reconnects without success. `retry` is the last field of this
    /// name that the server has sent, and `random` lies in `0.0..1.0`.
    pub(super) fn next(
        &self,
        lost: Lost,
        failures: u32,
        retry: Option<Duration>,
        random: f64,
    ) -> Next {
        let asked = match &lost {
            Lost::Done => return Next::End,
            Lost::Broken(error) if !may_pass(error) => return last(lost, ""),
            Lost::Busy(_, asked) => asked.unwrap_or_default(),
            Lost::Ended | Lost::Broken(_) => Duration::ZERO,
        };
        if failures >= self.reconnects {
            let detail = format!("after {failures} reconnects without an event");
            return last(lost, &detail);
        }
        let asked = asked.max(retry.unwrap_or(RETRY));
        if asked > self.wait_max {
            let longest = self.wait_max;
            let detail = format!("and is not to be asked for {asked:?} (at most {longest:?})");
            return last(lost, &detail);
        }
        Next::Wait(self.backoff.delay(failures, random, Some(asked)))
    }
}

/// The final error about a stream that is lost, and what else there is to say.
fn last(lost: Lost, detail: &str) -> Next {
    Next::Fail(match lost {
        Lost::Broken(error) => error,
        Lost::Busy(status, _) if detail.is_empty() => Error::new(Kind::Status(status)),
        Lost::Busy(status, _) => Error::new(Kind::Status(status)).because(detail),
        Lost::Done | Lost::Ended => {
            Error::new(Kind::Protocol).because(format!("the stream of events ended {detail}"))
        }
    })
}

/// What follows when a stream is lost whose request must not be sent again.
pub(super) fn only(lost: Lost) -> Next {
    match lost {
        Lost::Done | Lost::Ended => Next::End,
        lost => last(lost, ""),
    }
}
