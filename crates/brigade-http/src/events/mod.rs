//! Server-sent events (the HTML standard, section 9.2): a response that never ends by itself, cut into
//! events, and taken up again where it broke off.
//!
//! A stream of events breaks: servers restart, proxies cut what is quiet. So an [`EventSource`],
//! made by [`RequestBuilder::events`](crate::RequestBuilder::events), connects again, tells the
//! server which event it has seen last, and hands out one gapless sequence; what is an error to its
//! caller is final. Which ends are final, and how long it waits after the others, is decided in
//! `reconnect`.
//!
//! For a response that one already has there is [`Response::events`](crate::Response::events), and
//! for bytes from elsewhere the [`Parser`]: bytes in, events out, without I/O or a clock.
//!
//! An event is bounded, so nothing that a server sends fills the memory. A request that must not be
//! sent twice is not: see [`EventSource::any_method`].
//!
//! * `lines`, `parser`, `event`: the grammar.
//! * `head`: whether a response is a stream of events.
//! * `events`: the events of one response.
//! * `open`, `reconnect`, `source`: those of as many as it takes.

mod event;
#[expect(
    clippy::module_inception,
    reason = "the type is called so, and each type has its file"
)]
mod events;
mod head;
mod lines;
mod open;
mod parser;
mod reconnect;
mod source;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use events::Events;
pub use parser::{Parser, TooLarge};
pub use source::EventSource;

/// The most bytes of an event unless another limit is set: 16 MiB.
pub const MAX_EVENT: usize = 16 << 20;
