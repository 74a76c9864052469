//! Cutting bytes that arrive in chunks into lines.
//!
//! Where a chunk ends says nothing about where a line ends, and whoever forgets that loses a line
//! once in a million chunks. So the cutting is a state machine of its own, fed with chunks:
//!
//! ```text
//! chunk ─► whole lines: one block, cut without a copy, walked without an allocation
//!      └─► the rest: kept until its line end comes, and never searched twice
//! ```
//!
//! A line ends with LF or CRLF; what stands behind the last line end is the last line. A line that
//! is longer than the limit becomes an error at its place, its bytes are thrown away as they come,
//! and the next line is read as if nothing had happened. Memory is the limit and one chunk.
//!
//! It never looks at what a line means: text is the matter of the caller.

mod block;
mod scan;
mod splitter;
#[cfg(test)]
mod tests;

pub use block::{Block, TooLong};
pub use splitter::Splitter;
