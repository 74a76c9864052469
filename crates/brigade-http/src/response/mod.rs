//! A response: its head, and its body as it arrives.
//!
//! The body is read only as fast as it is asked for, so memory is bounded by one chunk. Dropping a
//! response gives up the rest of its body and frees its connection.
//!
//! * `received`: the head, and the body chunk by chunk.

mod received;

pub use received::Response;
