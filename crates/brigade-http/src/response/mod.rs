//! A response: its head, and its body as it arrives.
//!
//! The body is read only as fast as it is asked for, so memory is bounded by one chunk. Dropping a
//! response gives up the rest of its body and frees its connection.
//!
//! * `received`: the head, and the body chunk by chunk.
//! * `chunks`: the same as a stream.
//! * `content`: what is made of it.

mod chunks;
mod content;
mod received;

pub use chunks::Chunks;
pub use content::Ndjson;
pub use received::Response;
