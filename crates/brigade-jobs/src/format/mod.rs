//! The formats of the results: what becomes of a fetched URL on disk.
//!
//! Plain JSONL is encoded by the writer itself, straight into its buffer. Every other format has an
//! encoder ([`Encode`]), which turns some results into a block of bytes; it works on threads beside
//! the writer, and the writer appends the blocks to the part in the order of the results. So a
//! block stands for itself: it holds whole records, and nothing of it is needed to read another.

mod archive;
mod compressed;
mod encode;
mod files;
mod kind;
mod place;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use encode::{Block, Encode};
pub(crate) use kind::Shape;
pub use kind::{Compression, Format};
pub(crate) use place::place;

use std::sync::Arc;

use crate::directory::Directory;

/// The encoder of a shape; none for plain JSONL.
pub(crate) fn encoder(shape: Shape, directory: &Arc<Directory>) -> Option<Arc<dyn Encode>> {
    match (shape.format, shape.compression) {
        (Format::Jsonl, Compression::None) => None,
        (Format::Jsonl, compression) => Some(Arc::new(compressed::Lines::new(
            compression,
            shape.json_bodies,
        ))),
        (Format::Warc, compression) => Some(Arc::new(archive::Archive::new(
            compression != Compression::None,
            shape.revisits,
        ))),
        (Format::Files, _) => Some(Arc::new(files::Files::new(directory.clone()))),
    }
}
