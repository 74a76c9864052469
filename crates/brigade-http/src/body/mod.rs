//! The body of a request: bytes, or a stream that is read while it is sent.
//!
//! Bytes can be sent as often as the rules for sending again allow. A stream may be one that can be
//! read only once, and then nothing that has read of it is ever sent again; or it is made anew each
//! time ([`RequestBody::repeatable`]). Memory is one chunk, whatever the length.
//!
//! * `request_body`: the body as users give it and as the connection reads it.
//! * `streamed`: a stream on its way, held against the length that was said.
//! * `payload`: what a request keeps of it, to send it again.
//!
//! A stream that fails, or has another length than was said, ends the request with an error, and
//! its connection or its stream of HTTP/2 in a way that the server cannot take for an end.

mod payload;
mod request_body;
mod streamed;

pub(crate) use payload::Payload;
pub use request_body::RequestBody;
pub(crate) use streamed::Fed;
