//! One response of an event source, from its head to its loss.
//!
//! It says how it was lost and leaves to others what follows. It keeps nothing that must survive it.

use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use brigade::clock;
use brigade_core::time::Moment;
use http::StatusCode;
use url::Url;

use super::event::Event;
use super::events::poll_event;
use super::head::check_type;
use super::parser::Parser;
use super::reconnect::{Lost, is_busy};
use crate::incoming::Body;
use crate::retry::parse_retry_after;
use crate::{Error, Kind, Response, Result};

/// A stream that sends something after so long is one that works, if only by a heartbeat.
const STEADY: Duration = Duration::from_secs(10);

/// A stream of events that is being read.
pub(super) struct Open {
    body: Body,
    url: Url,
    since: Moment,
}

/// What the head of a response says about the stream.
pub(super) fn opened(head: Result<Response>) -> Result<Open, Lost> {
    let (head, body, url) = head.map_err(Lost::Broken)?.into_parts();
    match head.status {
        StatusCode::OK => match check_type(&head.headers) {
            Ok(()) => Ok(Open {
                body,
                url,
                since: clock::now(),
            }),
            Err(error) => Err(Lost::Broken(error.about(&url))),
        },
        StatusCode::NO_CONTENT => Err(Lost::Done),
        status if is_busy(status) => {
            let asked = parse_retry_after(&head.headers, SystemTime::now());
            Err(Lost::Busy(status, asked))
        }
        status => {
            let error = Error::new(Kind::Status(status)).about(&url);
            Err(Lost::Broken(error))
        }
    }
}

impl Open {
    /// The next event, which sets `failures` to zero, as anything does on a steady stream.
    pub(super) fn poll_event(
        &mut self,
        parser: &mut Parser,
        failures: &mut u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event, Lost>> {
        let steady = self.since + STEADY;
        let arrived = || {
            if *failures > 0 && clock::now() >= steady {
                *failures = 0;
            }
        };
        let event = ready!(poll_event(parser, &mut self.body, arrived, cx));
        Poll::Ready(match event {
            Ok(Some(event)) => {
                *failures = 0;
                Ok(event)
            }
            Ok(None) => Err(Lost::Ended),
            Err(error) => Err(Lost::Broken(error.about(&self.url))),
        })
    }
}
