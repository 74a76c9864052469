//! WARC/1.1 (ISO 28500:2017): exchanges as an archive keeps them, and the index by which they are
//! replayed.
//!
//! A part begins with a `warcinfo` record. Each exchange is a `response` and a `request` record
//! that name each other; compressed, each record is a gzip member of its own, so that a reader can
//! begin at any of them. The index has a line for each response (CDXJ), with the URL as a key that
//! sorts by host and path (SURT). On request a response whose payload the archive has already is a
//! `revisit` record that refers to the one that has it.
//!
//! * `revisits`: the payloads that are there. `record`: the bytes of records. `wire`: what is read of a head. `digest`: what it is proven by.
//! * `redact`: what is taken out of a request. `member`: gzip.
//! * `surt` and `cdxj`: the index. `sort`: the index of all parts, in order.
//!
//! Nothing here does I/O but `sort`.

mod cdxj;
mod digest;
mod member;
mod record;
mod redact;
mod revisits;
mod sort;
mod surt;
mod wire;

pub(crate) use cdxj::{Entry, Origin};
pub(crate) use member::Member;
pub(crate) use record::{Exchange, info};
pub(crate) use redact::Redaction;
pub(crate) use revisits::{Originals, Revisits};
pub(crate) use sort::{Runs, sort};
