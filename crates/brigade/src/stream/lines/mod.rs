//! Lines of any byte stream, and values parsed of them.
//!
//! The cutting is [`brigade_core::split`]; here it meets a source, an encoding and a parser. What
//! can go wrong with one line (too long, not UTF-8, not parsed) is an item with the number of the
//! line, and the next line is read; only an error of the source is the end.
//!
//! There are two ways through the lines. [`Lines::next`] gives one owned line after the other.
//! [`Lines::next_batch`] lends all lines that are there: no await and no allocation for each line,
//! and text is checked as a whole.

mod batch;
mod chunks;
mod encoding;
mod error;
#[allow(
    clippy::module_inception,
    reason = "the folder is named for its main type"
)]
mod lines;
mod parsed;

pub use batch::Batch;
pub use chunks::Chunks;
pub use encoding::{Encoding, Lossy, Raw, Utf8};
pub use error::{LineError, LinesError, ParseError};
pub use lines::{Lines, lines, read_lines};
pub use parsed::Parsed;
