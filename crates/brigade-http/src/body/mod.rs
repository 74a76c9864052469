//! The body of a request: bytes, or a stream that is read while it is sent.
//!
//! Bytes can be sent as often as the rules for sending again allow. A stream may be one that can be
//! read only once, and then nothing that has read of it is ever sent again; or it is made anew each
//! time ([`RequestBody::repeatable`], [`RequestBody::file`]). Memory is one chunk and what a
//! connection has taken ahead (some 400 KiB), whatever the length.
//!
//! * `request_body`: the body as users give it and as the connection reads it.
//! * `source`: where the chunks come from, once or each time anew.
//! * `streamed`: a stream on its way, held against the length that was said.
//! * `later`: a body that looks at its files when it is sent, not before.
//! * `file`: the chunks of a file.
//! * `payload`: what a request keeps of it, to send it again.
//!
//! A stream that fails, or has another length than was said, ends the request with an error, and
//! its connection or its stream of HTTP/2 in a way that the server cannot take for an end.

mod file;
mod later;
mod payload;
mod request_body;
mod source;
mod streamed;

pub(crate) use later::Later;
pub(crate) use payload::Payload;
pub use request_body::RequestBody;
pub(crate) use streamed::Fed;
