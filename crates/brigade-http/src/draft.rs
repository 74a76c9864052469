//! A request as it is meant, before anything of it is sent.
//!
//! It is boxed once and moves as a pointer through everything that sends it. It never holds
//! anything of a connection.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::{HeaderMap, HeaderName, Method};
use url::{Position, Url};

use crate::body::{Later, Payload};
use crate::pool::connection::Switch;
use crate::settings::Settings;
use crate::{Error, Kind, Result};

/// All that a request is made of.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) hop: Hop,
    pub(crate) settings: Settings,
    /// The body of the first hop, if that is to be waited for.
    pub(crate) later: Option<Later>,
    /// What is wrong with it.
    pub(crate) error: Option<Error>,
}

impl Draft {
    /// Whether it can be sent once more: not if there is something wrong with it, or if its body was
    /// a stream for one time, or files that were not looked at yet.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.error.is_none() && self.later.is_none() && self.hop.body.is_whole()
    }

    /// The same request, to be sent once more, if it can be.
    pub(crate) fn again(&self) -> Option<Self> {
        let Hop {
            method,
            url,
            headers,
            body,
            merged,
            resent: _,
            switch,
            is_recorded,
            check,
        } = &self.hop;
        self.is_repeatable().then(|| Self {
            hop: Hop {
                method: method.clone(),
                url: url.clone(),
                headers: headers.clone(),
                body: body.clone(),
                merged: *merged,
                resent: AtomicU32::new(0),
                switch: switch.clone(),
                is_recorded: *is_recorded,
                check: check.clone(),
            },
            settings: self.settings.clone(),
            later: None,
            error: None,
        })
    }
}

/// One step on the way from the first URL to the last.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Payload,
    /// Whether the client's headers are among `headers` already.
    pub(crate) merged: bool,
    /// How often the request was sent before, whatever the reason.
    pub(crate) resent: AtomicU32,
    /// Whether it asks for the connection itself.
    pub(crate) switch: Option<Arc<Switch>>,
    /// Whether the exchange is kept as it goes over the wire.
    pub(crate) is_recorded: bool,
    /// Asked at the last moment whether it may be sent.
    pub(crate) check: Option<Check>,
}

/// Says whether a request may be sent now.
pub(crate) type Check = Arc<dyn Fn() -> bool + Send + Sync>;

/// By which a server tells a request that is sent again from a new one
/// (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Hop {
    /// Whether to act on it twice is the same as to act on it once.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent() || self.headers.contains_key(IDEMPOTENCY_KEY)
    }

    /// Whose connections it may be sent on. Those that are to leave HTTP have keys of their own,
    /// with ws in place of http, because they are opened in another way.
    pub(crate) fn key(&self) -> Cow<'_, str> {
        let origin = &self.url[..Position::BeforePath];
        match &self.switch {
            None => Cow::Borrowed(origin),
            Some(_) => Cow::Owned(origin.replacen("http", "ws", 1)),
        }
    }

    /// Refuses what is not to be sent any more. Nothing may be waited for between this and the moment
    /// when a connection gets the request.
    pub(crate) fn may_leave(&self) -> Result<()> {
        match &self.check {
            Some(check) if !check() => Err(Error::new(Kind::Withheld)),
            _ => Ok(()),
        }
    }

    /// The request moves to another connection, although it was sent on one.
    pub(crate) fn move_on(&self) {
        self.resent.fetch_add(1, Relaxed);
        tracing::debug!("moving to another connection");
    }
}

/// Without the body, which may hold secrets.
impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop")
            .field("method", &self.method)
            .field("url", &self.url.as_str())
            .field("headers", &Names(&self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Shows the names of headers, whose values may be secrets.
pub(crate) struct Names<'a>(pub(crate) &'a HeaderMap);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
