//! From a host name to addresses: who is asked, and for how long the answer counts.
//!
//! A client looks a name up once, for all who want it at that moment, and uses the answer for as
//! long as whoever gave it says. Three things can be chosen:
//!
//! * **Who is asked.** By default [`System`], the operating system's resolver, with all that an
//!   administrator has set there (files, name servers, virtual private networks). It does not say
//!   how long an answer counts. Anything else implements [`Resolve`] and goes to
//!   [`ClientBuilder::resolver`](crate::ClientBuilder::resolver). With the feature `hickory` there
//!   is `Hickory`, which asks name servers itself, and is told the lifetime of each answer.
//! * **How long** an answer counts that says nothing about it:
//!   [`ClientBuilder::dns_ttl`](crate::ClientBuilder::dns_ttl).
//! * **Fixed answers** for single names, as with curl's `--resolve`:
//!   [`ClientBuilder::resolve`](crate::ClientBuilder::resolve).
//!
//! A look-up belongs to those who wait for it: any of them drives it, so one that is dropped or not
//! polled holds up nobody, and it ends with the last of them. It needs no task. What is remembered
//! is bounded, ends a little before its time so that names of one moment do not end together, and
//! is never a failure.
//!
//! An address in a URL is used as it is; nothing here sees it. Nothing here opens a connection to
//! an address that it found, or judges one.

mod answer;
mod cache;
#[cfg(feature = "hickory")]
mod hickory;
mod kept;
mod resolve;
mod resolver;
mod system;

#[cfg(test)]
mod tests;

pub use answer::Answer;
#[cfg(feature = "hickory")]
pub use hickory::Hickory;
pub use resolve::{Resolve, Resolving};
pub(crate) use resolver::{Names, Resolver};
pub use system::System;
