//! Tells whether a list still begins with what a job has consumed of it.
//!
//! The consumed part is hashed as it is read, one hash for each mebibyte, so nothing extra is read
//! at the start of a job. When the job is opened again and the file's size, time or inode differ,
//! the consumed part is read once more and compared. A list that only grew passes; any other does
//! not. An edit that keeps size, time and inode goes unseen.

use std::io::{self, Read};

use xxhash_rust::xxh3::Xxh3;

/// Bytes that one hash covers.
pub(crate) const SEGMENT: u64 = 1 << 20;

/// What the file system says about a list, for a quick comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// The file's number.
    pub(crate) inode: u64,
}

/// The hash of the part of the list from `number * SEGMENT` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Its number, from 0.
    pub(crate) number: u64,
    /// How many bytes are hashed; less than [`SEGMENT`] only in the last one.
    pub(crate) bytes: u64,
    /// Their hash (XXH3, 64 bits).
    pub(crate) hash: u64,
}

/// How far a list has been consumed. Unless it is complete, the bytes may end amid a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// Whole lines.
    pub(crate) lines: u64,
    /// Bytes.
    pub(crate) bytes: u64,
    /// Whether that was the end of the list.
    pub(crate) complete: bool,
    /// Whether the last of these bytes is LF.
    pub(crate) terminated: bool,
}

impl Consumed {
    /// The most lines of which something can be known: the last may be there without its end. A
    /// line is a byte at least.
    pub(crate) fn lines_at_most(&self) -> u64 {
        let begun = u64::from(!self.complete && !self.terminated);
        self.lines.saturating_add(begun).min(self.bytes)
    }
}

/// Hashes what is consumed, segment by segment.
pub(crate) struct Hasher {
    state: Xxh3,
    number: u64,
    bytes: u64,
    changed: Vec<Segment>,
}

impl Hasher {
    /// A hasher whose next byte is the first one of a segment.
    pub(crate) fn new(segment: u64) -> Self {
        Self {
            state: Xxh3::new(),
            number: segment,
            bytes: 0,
            changed: Vec::new(),
        }
    }

    /// Takes the next bytes of the list.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = (SEGMENT - self.bytes) as usize;
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            self.state.update(now);
            self.bytes += now.len() as u64;
            bytes = rest;
            if self.bytes == SEGMENT {
                self.changed.push(self.current());
                self.state.reset();
                self.number += 1;
                self.bytes = 0;
            }
        }
    }

    /// The segments that changed since the last call, the unfinished one last.
    pub(crate) fn take(&mut self) -> Vec<Segment> {
        let mut changed = std::mem::take(&mut self.changed);
        if self.bytes > 0 {
            changed.push(self.current());
        }
        changed
    }

    fn current(&self) -> Segment {
        Segment {
            number: self.number,
            bytes: self.bytes,
            hash: self.state.digest(),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher")
            .field("number", &self.number)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Whether `list`, read from its beginning, starts with the consumed part that `segments` hash.
///
/// The inner error says where it differs.
pub(crate) fn verify(
    list: &mut impl Read,
    segments: &[Segment],
    consumed: Consumed,
) -> io::Result<Result<(), String>> {
    let mut block = vec![0; SEGMENT as usize];
    let (mut line, mut verified) = (0u64, 0u64);
    for segment in segments {
        let part = &mut block[..segment.bytes as usize];
        let got = fill(list, part)?;
        if got < part.len() {
            return Ok(Err(shorter(verified + got as u64, consumed)));
        }
        let lines = memchr::memchr_iter(b'\n', part).count() as u64;
        let mut hasher = Xxh3::new();
        hasher.update(part);
        if hasher.digest() != segment.hash {
            let (first, last) = (line + 1, line + lines.max(1));
            return Ok(Err(match first == last {
                true => format!("it differs within line {first}"),
                false => format!("it differs within lines {first} to {last}"),
            }));
        }
        line += lines;
        verified += segment.bytes;
    }
    // A run that was stopped amid a line had not taken that line for the last one.
    if consumed.complete && consumed.bytes > 0 && !consumed.terminated {
        let mut next = [0];
        if fill(list, &mut next)? == 1 && !matches!(next[0], b'\n' | b'\r') {
            let last = consumed.lines;
            return Ok(Err(format!("line {last}, once its last, has grown")));
        }
    }
    Ok(Ok(()))
}

/// What is said of a list that ends before its consumed part does.
pub(crate) fn shorter(bytes: u64, consumed: Consumed) -> String {
    let before = consumed.bytes;
    format!("it is shorter: it ends at byte {bytes} and had been read up to byte {before}")
}

/// Reads until `buffer` is full or the end.
pub(crate) fn fill(list: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match list.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
