//! What the pool needs to know of whatever opens its connections.
//!
//! The pool decides when there is a dial and for whom; how a server is reached is none of its
//! business. A dialer never opens a socket without a slot.

use std::fmt;
use std::pin::Pin;

use brigade_core::pool::Sharing;
use brigade_core::time::Moment;

use super::connection::Stream;
use super::guards::SlotGuard;
use super::want::DialPlan;
use crate::Result;
use crate::protocol::Protocol;

/// A stream that is being opened.
pub(crate) type Dialing<'a> = Pin<Box<dyn Future<Output = Result<Stream>> + Send + 'a>>;

/// Opens byte streams to servers.
pub(crate) trait Dialer: fmt::Debug + Send + Sync {
    /// A connected stream to the origin of `plan`, ready for HTTP, for the dial that has `slot`.
    fn dial<'a>(&'a self, plan: &'a DialPlan, slot: &'a SlotGuard, until: Moment) -> Dialing<'a>;

    /// What is spoken to the origin of `plan`.
    fn protocol(&self, plan: &DialPlan) -> Protocol;

    /// Whether requests may turn out to share a connection to the origin of `plan`.
    fn sharing(&self, plan: &DialPlan) -> Sharing {
        self.protocol(plan).versions.sharing(&plan.url)
    }
}

/// Reaches nothing.
#[cfg(test)]
#[derive(Debug)]
pub(super) struct Nowhere;

#[cfg(test)]
impl Dialer for Nowhere {
    fn dial<'a>(&'a self, _: &'a DialPlan, _: &'a SlotGuard, _: Moment) -> Dialing<'a> {
        Box::pin(std::future::ready(Err(crate::Error::new(
            crate::Kind::Connect,
        ))))
    }

    fn protocol(&self, _: &DialPlan) -> Protocol {
        Protocol::default()
    }
}
