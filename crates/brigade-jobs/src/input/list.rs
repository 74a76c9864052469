//! An opened list: where its lines can be read, and read again, and whether it is still the list that
//! a job was started with.
//!
//! It writes nothing but the length of the spool, which it cuts to what was committed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::form::Form;
use super::identity::{Consumed, Metadata, Segment, fill, shorter, verify};
use super::lines::Line;
use super::parse::{Item, Parsed};
use super::seen::Seen;
use super::source::{changed, unreadable};
use crate::error::Error;

/// Bytes that can be read at any offset.
#[derive(Clone, Debug)]
pub(crate) enum Bytes {
    File(Arc<File>),
    Memory(Arc<[u8]>),
}

impl Bytes {
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read_at(buffer, offset),
            Self::Memory(bytes) => {
                let rest = bytes.get(offset as usize..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }
}

/// A stream and the bytes of it that an earlier run spooled.
pub(crate) struct Stream {
    pub(crate) stream: Box<dyn Read + Send>,
    /// What was consumed of it before.
    pub(crate) before: Consumed,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

/// Where lines can be found again, and how each of them is read.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) bytes: Bytes,
    pub(crate) form: Form,
}

impl Origin {
    /// A list of plain lines.
    #[cfg(test)]
    pub(crate) fn lines(bytes: Bytes) -> Self {
        let form = Form::Lines;
        Self { bytes, form }
    }

    /// Reads one line again, for an item that is known by its place in the list.
    pub(crate) fn reread(&self, index: u64, offset: u64, length: u32) -> io::Result<Option<Item>> {
        let mut text = vec![0; length as usize];
        let mut at = Cursor {
            bytes: &self.bytes,
            position: offset,
        };
        let count = fill(&mut at, &mut text)?;
        let line = Line {
            index,
            offset,
            bytes: &text[..count],
            length: u64::from(length),
        };
        Ok(match self.form.parse(&line) {
            Parsed::Item(item) => Some(item),
            _ => None,
        })
    }
}

/// Whether a list of this kind is read through a spool.
pub(super) fn is_spooled(kind: &str) -> bool {
    matches!(kind, "stream" | "compressed")
}

/// A list that can be read, and read again.
#[derive(Debug)]
pub(crate) struct List {
    /// How messages call it.
    pub(crate) name: String,
    /// How the ledger calls its kind.
    pub(crate) kind: &'static str,
    /// For a quick comparison with an earlier run.
    pub(crate) metadata: Metadata,
    /// Where its lines can be found again.
    pub(crate) origin: Origin,
    /// Set if the bytes are a spool that this stream fills.
    pub(crate) stream: Option<Stream>,
    /// The URLs that were read, if none is to be fetched twice.
    pub(crate) seen: Option<Seen>,
}

impl List {
    /// Bytes of the list in plain text, where that is known before it is read.
    pub(crate) fn bytes_total(&self) -> Option<u64> {
        matches!(self.kind, "file" | "urls").then_some(self.metadata.bytes)
    }

    /// Checks that this is the list that an earlier run has consumed so much of, and forgets what
    /// it spooled after that.
    pub(super) fn check(&self, before: Option<&Before>, spool: &Path) -> Result<(), Error> {
        let none = Before::default();
        if is_spooled(self.kind) {
            return self.check_spool(before.unwrap_or(&none), spool);
        }
        let Some(before) = before else {
            return Ok(());
        };
        if before.consumed.bytes > self.metadata.bytes {
            return Err(self.changed(shorter(self.metadata.bytes, before.consumed)));
        }
        let known = self.kind == "file" && before.kind == "file";
        if known && self.metadata == before.metadata {
            return Ok(());
        }
        let mut from_start = Cursor {
            bytes: &self.origin.bytes,
            position: 0,
        };
        let found = verify(&mut from_start, &before.segments, before.consumed);
        match found.map_err(|source| self.unreadable(source))? {
            Ok(()) => Ok(()),
            Err(difference) => Err(self.changed(difference)),
        }
    }

    fn check_spool(&self, before: &Before, path: &Path) -> Result<(), Error> {
        let Bytes::File(spool) = &self.origin.bytes else {
            return Ok(());
        };
        let failed = |error| Error::write(path, error);
        let found = spool.metadata().map_err(failed)?.len();
        if found < before.consumed.bytes {
            return Err(Error::PartLost {
                path: path.to_owned(),
                expected: before.consumed.bytes,
                found,
            });
        }
        // What was read after the last commit is read again.
        spool.set_len(before.consumed.bytes).map_err(failed)
    }

    pub(crate) fn changed(&self, difference: String) -> Error {
        changed(&self.name, difference)
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        unreadable(&self.name, source)
    }
}

/// What a ledger remembers of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) kind: String,
    /// How its lines were read.
    pub(crate) form: String,
    pub(crate) metadata: Metadata,
    pub(crate) consumed: Consumed,
    pub(crate) segments: Vec<Segment>,
}

/// Reads [`Bytes`] from a position on.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a Bytes,
    pub(super) position: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
