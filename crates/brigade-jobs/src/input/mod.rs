//! The list: lines read as a stream, in chunks, with what is needed to find each of them again.
//!
//! A line is known by its number (from 0) and its byte offset, whatever its [`form`]: plain text, a
//! row of a table, a JSON object. A thread reads the list so that a
//! slow disk or pipe never holds up the event loop, parses it into [`Item`]s and hands them over
//! in [`Chunk`]s through a bounded channel: the list is read as fast as the job works, and memory
//! never depends on its length.
//!
//! What was consumed is hashed as it is read ([`identity`]), so that a job can tell later whether
//! the list is still the same, without reading 10^7 lines at the start.

mod entry;
mod form;
mod header;
mod identity;
mod journey;
mod lines;
mod list;
mod objects;
mod parse;
mod reader;
mod rows;
mod seen;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod unpack;

pub(crate) use entry::Entry;
pub use form::ListForm;
pub(crate) use form::flags;
pub(crate) use identity::{Consumed, Metadata, SEGMENT, Segment};
pub(crate) use list::{Before, Bytes, List, Origin};
#[cfg(test)]
pub(crate) use parse::Bad;
pub(crate) use parse::{Item, shown};
pub(crate) use reader::{Checkpoint, Chunk, Failed, FailedLine, Resume, start};
pub(crate) use seen::Seen;
pub use source::Input;
pub(crate) use source::Opened;
