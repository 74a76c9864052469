//! Streams: items that are made, fetched or read one after the other.
//!
//! A stream that is left early has to let go of what it holds, and a group that is open inside of
//! it must not reach into the code that asks for the items. Both follow from one decision:
//! a producer runs *inside* of whoever asks, in a scope of its own, and only while it is asked.
//!
//! * [`generate`] and [`try_generate`] make a stream of an async closure that yields.
//! * [`paginate`] walks through the pages of an API, in any of the usual styles.
//! * [`lines()`] and [`read_lines`] cut bytes into lines; [`Lines::parse`] makes values of them.
//! * [`prefetch`] runs any stream ahead, as a child of a group, by a fixed number of items.
//!
//! ```text
//! next() ─► the producer is polled in its own scope ─► yields: the item is handed over, it rests
//!                                                  └─► ends: its finalisers run, then the stream ends
//! dropped ─► its future is destroyed now ─► the task around waits for what it left behind
//! close() ─► the same, and waits itself
//! ```
//!
//! The code between two items never runs in the producer's scope: a group in the producer, its
//! deadline, a shield or a tracing span does not reach it. Nor does a cancellation of the consumer
//! reach the producer otherwise than by the drop of the stream.
//!
//! All of them are `Stream`s and `Unpin`, so the adapters of `futures_util::StreamExt` work on them:
//! `map`, `take`, `buffered` and the like. Prefer the methods of the types here where there are
//! any: an adapter has no `close`, and while it waits, a shield of the producer does not hold for
//! the consumer. Use `by_ref` to adapt a part of a stream and then close it.
//! [`Generator::boxed`] gives a type that can be named.

mod generator;
mod lines;
mod pages;
mod prefetch;
mod producer;
mod rest;
mod slot;
#[cfg(test)]
mod tests;
mod yielder;

pub use generator::{BoxGenerator, Generator, generate, try_generate};
pub use lines::{
    Batch, Chunks, Encoding, LineError, Lines, LinesError, Lossy, ParseError, Parsed, Raw, Utf8,
    lines, read_lines,
};
pub use pages::{Bookmark, Fetched, Items, Page, Paginate, PaginateError, items, paginate};
pub use prefetch::{Prefetch, prefetch};
pub use yielder::{TryYielder, Yielder};

pub use brigade_core::link;
pub use brigade_core::paging::{
    Cursor, Facts, Following, NextUrl, Offset, PageNumber, Stop, Style,
};
