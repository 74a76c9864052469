//! The parts of a job, one after the other, and the buffer before them.
//!
//! Bytes are gathered in one buffer and written in large pieces; what was encoded elsewhere is
//! appended as it is. It never makes a [`Synced`] of what is not on disk.

use std::sync::Arc;

use super::part::{Open, Opener, PartFile, PartState, length, restore};
use crate::directory::{Directory, index_name, is_index, is_part_of, part_name};
use crate::error::Error;
use crate::warc::Entry;

/// Bytes gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// Full parts that wait for a sync, each with its open files.
const OPEN_MAX: usize = 32;

/// What the parts of a job are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartKind {
    /// What their names end with.
    pub(crate) extension: &'static str,
    /// Bytes at which one is closed and the next begun.
    pub(crate) max: u64,
    /// What each begins with, given its name.
    pub(crate) begin: Option<fn(&str) -> Vec<u8>>,
    /// Whether there is an index beside each.
    pub(crate) is_indexed: bool,
}

/// Proof that every part is on disk up to the stated length, and their directory entries too.
#[derive(Debug)]
pub(crate) struct Synced {
    parts: Vec<PartState>,
}

impl Synced {
    /// The parts that changed since the last proof.
    pub(crate) fn parts(&self) -> &[PartState] {
        &self.parts
    }

    /// A proof about nothing, for a ledger that is not on disk either.
    pub(crate) fn nothing() -> Self {
        Self { parts: Vec::new() }
    }
}

/// The parts of a job and the buffer before them.
pub(crate) struct Parts {
    directory: Arc<Directory>,
    opener: Opener,
    kind: PartKind,
    buffer: Vec<u8>,
    current: Option<Open>,
    /// Full parts that are not on disk yet.
    full: Vec<Open>,
    next: u64,
    /// Whether a file was made since the last sync.
    created: bool,
    dirty: bool,
    /// Whether anything was written by this run.
    changed: bool,
    /// Bytes of parts that are left alone.
    closed_bytes: u64,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// Whether the parts that the ledger knows are there in whole. It changes nothing.
    pub(crate) fn check(
        directory: &Directory,
        known: &[PartState],
        kind: PartKind,
    ) -> Result<(), Error> {
        let mut files = files(known, kind);
        files.try_for_each(|(name, bytes)| length(&directory.join(&name), bytes).map(drop))
    }

    /// The parts that the ledger knows, as they were at the last commit: whatever was written
    /// after it is cut off, and parts that it does not know are deleted.
    pub(crate) fn recover(
        directory: Arc<Directory>,
        known: &[PartState],
        kind: PartKind,
        opener: Opener,
    ) -> Result<Self, Error> {
        for (name, bytes) in files(known, kind) {
            restore(&directory.join(&name), bytes)?;
        }
        for name in directory.job_files()? {
            let is_known = known.iter().any(|part| {
                part.name == name || kind.is_indexed && index_name(part.number) == name
            });
            // A part of another kind is none that a kill left: somebody has compressed one.
            let is_ours = is_part_of(&name, kind.extension) || kind.is_indexed && is_index(&name);
            if is_ours && !is_known {
                directory.remove(&name)?;
            }
        }
        let mut parts = Self {
            directory,
            opener,
            kind,
            buffer: Vec::with_capacity(BUFFER + BUFFER / 2),
            current: None,
            full: Vec::new(),
            next: known.last().map_or(0, |part| part.number + 1),
            created: false,
            dirty: false,
            changed: false,
            closed_bytes: 0,
        };
        if let Some((last, closed)) = known.split_last() {
            parts.closed_bytes = closed.iter().map(|part| part.bytes).sum();
            if last.bytes < kind.max {
                parts.current = Some(parts.open(last.clone())?);
            } else {
                parts.closed_bytes += last.bytes;
            }
        }
        Ok(parts)
    }

    /// The buffer that lines are written into; call [`piece`](Self::piece) now and then.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Writes the buffer if it is full, inside of a line or between two.
    pub(crate) fn piece(&mut self) -> Result<(), Error> {
        if self.buffer.len() >= BUFFER {
            self.write()?;
        }
        Ok(())
    }

    /// Ends a line. True if everything up to it is written.
    pub(crate) fn end_line(&mut self) -> Result<bool, Error> {
        let full = {
            let part = self.current()?;
            part.state.records += 1;
            part.state.bytes
        };
        if full + self.buffer.len() as u64 >= self.kind.max {
            self.write()?;
            self.close();
            return Ok(true);
        }
        self.piece()?;
        Ok(self.buffer.is_empty())
    }

    /// Appends whole records that were encoded elsewhere, and what the index says of them.
    pub(crate) fn append(
        &mut self,
        bytes: &[u8],
        records: u64,
        entries: &[Entry],
    ) -> Result<(), Error> {
        let begin = self.kind.begin;
        self.current()?;
        self.dirty = true;
        let Some(part) = &mut self.current else {
            return Err(Error::Stopped("the part that was just opened"));
        };
        let failed = |name: &str, error| Error::write(self.directory.join(name), error);
        if let Some(begin) = begin.filter(|_| part.state.bytes == 0) {
            let written = part.write(&begin(&part.state.name));
            written.map_err(|error| failed(&part.state.name, error))?;
        }
        let offset = part.state.bytes;
        let written = part.write(bytes);
        written.map_err(|error| failed(&part.state.name, error))?;
        let indexed = part.index(entries, offset);
        indexed.map_err(|error| failed(&index_name(part.state.number), error))?;
        part.state.records += records;
        let full = part.state.bytes;
        if full >= self.kind.max {
            self.close();
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(part) = self.current.take() {
            self.closed_bytes += part.state.bytes;
            self.full.push(part);
        }
    }

    /// Writes what the buffer holds.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let buffer = std::mem::take(&mut self.buffer);
        let part = self.current()?;
        let written = part.file.append(&buffer);
        part.state.bytes += buffer.len() as u64;
        let name = part.state.name.clone();
        self.dirty = true;
        self.buffer = buffer;
        self.buffer.clear();
        // A long line may have made it large; it must not stay so.
        self.buffer.shrink_to(2 * BUFFER);
        written.map_err(|error| Error::write(self.directory.join(&name), error))
    }

    /// The length and the number of lines of the part being written, for [`cut`](Self::cut).
    pub(crate) fn mark(&self) -> Option<PartState> {
        self.current.as_ref().map(|part| part.state.clone())
    }

    /// After a failed write: forgets the buffer and cuts the part to what it was at `mark`.
    pub(crate) fn cut(&mut self, mark: Option<PartState>) {
        self.buffer.clear();
        let Some(part) = &mut self.current else {
            return;
        };
        part.state = match mark {
            Some(mark) if mark.number == part.state.number => mark,
            _ => PartState {
                bytes: 0,
                records: 0,
                index_bytes: 0,
                ..part.state.clone()
            },
        };
        // Best effort: it frees space now, and whatever is left the next run cuts off.
        let _ = part.file.truncate(part.state.bytes);
        if let Some(index) = &mut part.index {
            let _ = index.truncate(part.state.index_bytes);
        }
    }

    /// Writes and puts everything on disk: the parts, then the directory if files were made.
    pub(crate) fn sync(&mut self) -> Result<Synced, Error> {
        self.write()?;
        let mut parts = Vec::new();
        for part in self.full.iter_mut().chain(self.current.iter_mut()) {
            if self.dirty {
                let synced = part.file.sync();
                synced.map_err(|e| Error::write(self.directory.join(&part.state.name), e))?;
                if let Some(index) = &mut part.index {
                    let name = index_name(part.state.number);
                    let synced = index.sync();
                    synced.map_err(|error| Error::write(self.directory.join(&name), error))?;
                }
                parts.push(part.state.clone());
            }
        }
        if self.created {
            let synced = self.directory.sync();
            synced.map_err(|error| Error::write(self.directory.path(), error))?;
        }
        self.full.clear();
        self.changed |= self.dirty;
        (self.created, self.dirty) = (false, false);
        Ok(Synced { parts })
    }

    /// Bytes of all parts, the buffer left out.
    pub(crate) fn bytes(&self) -> u64 {
        let current = self.current.as_ref().map_or(0, |part| part.state.bytes);
        self.closed_bytes + current
    }

    /// Whether anything was written and synced by this run.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether a sync is due because so many full parts are still open.
    pub(crate) fn are_many(&self) -> bool {
        self.full.len() >= OPEN_MAX
    }

    /// Number of parts.
    pub(crate) fn count(&self) -> u64 {
        self.next
    }

    fn current(&mut self) -> Result<&mut Open, Error> {
        if self.current.is_none() {
            let number = self.next;
            let state = PartState {
                number,
                name: part_name(number, self.kind.extension),
                bytes: 0,
                records: 0,
                index_bytes: 0,
            };
            let part = self.open(state)?;
            self.next = number + 1;
            (self.created, self.dirty) = (true, true);
            self.current = Some(part);
        }
        match &mut self.current {
            Some(part) => Ok(part),
            None => Err(Error::Stopped("the part that was just opened")),
        }
    }

    fn open(&mut self, state: PartState) -> Result<Open, Error> {
        let file = self.file(&state.name)?;
        let index = match self.kind.is_indexed {
            true => Some(self.file(&index_name(state.number))?),
            false => None,
        };
        Ok(Open { file, index, state })
    }

    fn file(&mut self, name: &str) -> Result<Box<dyn PartFile>, Error> {
        let path = self.directory.join(name);
        (self.opener)(&path).map_err(|error| Error::write(path, error))
    }
}

/// The files of these parts and how much of each is committed.
fn files(known: &[PartState], kind: PartKind) -> impl Iterator<Item = (String, u64)> + '_ {
    known.iter().flat_map(move |part| {
        let index = || (index_name(part.number), part.index_bytes);
        let index = kind.is_indexed.then(index);
        std::iter::once((part.name.clone(), part.bytes)).chain(index)
    })
}
