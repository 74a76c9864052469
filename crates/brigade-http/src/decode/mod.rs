//! Takes the content encoding off a body, piece by piece, in bounded memory.
//!
//! A server may answer with ten bytes that unpack to ten gigabytes, with half a stream, or with a
//! good stream and something hidden behind it. So the decoder hands out small pieces on demand
//! instead of unpacking what it is given, counts what it hands out against a limit, and takes
//! nothing for complete that does not end as its format says.
//!
//! * [`Decoder`] is what a response uses: chunks in, chunks out.
//! * `Coding` reads the `Content-Encoding` header, where several codings may be stacked.
//! * `Stage` takes off one of them, and counts.
//! * `Codec` is what unpacks it: one file for each format.
//! * [`Error`] says what was wrong.
//!
//! Understood are `gzip` (with any number of members, RFC 1952, section 2.2), `deflate` (with the
//! zlib wrapper that RFC 9110 asks for, or without, as some servers send it), `br` (RFC 7932; feature
//! `brotli`), `zstd` (any number of frames, RFC 8878; feature `zstd`) and `identity`. A coding that
//! is not compiled in is not asked for, and refused like any other that is not known.
//!
//! It does no I/O and never waits. It never holds more than one piece of output and the window of
//! each coding: 32 KiB for gzip and deflate, 8 MiB for zstd and 16 MiB for brotli, if the stream asks
//! for as much. It never unpacks more than the limit.

mod codec;
mod coding;
mod decoder;
mod error;
mod stage;

#[cfg(test)]
mod tests;

pub use coding::ACCEPT_ENCODING;
pub use decoder::Decoder;
pub use error::Error;
