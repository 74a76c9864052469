//! The URLs that the list has had so far, for jobs that fetch none of them twice.
//!
//! A table on disk, so that memory does not grow with the list: 24 bytes for each slot, open
//! addressing, and a new file of twice the size when three quarters are taken. It is scratch: each
//! run makes it anew from the beginning of the list, so it cannot disagree with the ledger, and
//! nothing of it has to be synced. The first line with a URL is always the one that stays.
//!
//! URLs are compared by a hash of 128 bits, with a seed of its own for each run: two that only look
//! the same are less likely than a broken disk, and no list can be made to have them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use url::{Position, Url};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::error::Error;

/// Bytes of a slot: the hash, and the number of the line plus one; zeros if it is free.
const SLOT: usize = 24;
/// Slots read at once.
const PROBE: usize = 16;
/// Slots of the first table, as a power of two.
const BITS: u32 = 12;
/// Bytes of a buffer while the table grows.
const BUFFER: usize = 64 * 1024;

/// Which line had a URL first.
pub(crate) struct Seen {
    file: File,
    path: PathBuf,
    /// A URL has its place by so many of the first bits of its hash. There are slots beyond the
    /// last place, for those that find it taken.
    bits: u32,
    count: u64,
    seed: u64,
    window: [u8; SLOT * PROBE],
}

impl Seen {
    /// An empty table in a file at `path`, which is replaced if it is there.
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            file: file(path).map_err(|error| Error::write(path, error))?,
            path: path.to_owned(),
            bits: BITS,
            count: 0,
            seed: fastrand::u64(..),
            window: [0; SLOT * PROBE],
        })
    }

    /// The first line that has this URL, which is `index` if none had it before. What follows `#`
    /// in a URL is never sent, and makes no difference here.
    pub(super) fn first(&mut self, url: &Url, index: u64) -> Result<u64, Error> {
        let text = &url[..Position::AfterQuery];
        let hash = xxh3_128_with_seed(text.as_bytes(), self.seed);
        let found = self.enter(hash, index);
        found.map_err(|error| Error::write(&self.path, error))
    }

    fn enter(&mut self, hash: u128, index: u64) -> io::Result<u64> {
        if self.count >= 3 << (self.bits - 2) {
            self.grow()?;
        }
        let mut place = home(hash, self.bits);
        loop {
            let at = place * SLOT as u64;
            read(&self.file, at, &mut self.window)?;
            let (slots, _) = self.window.as_chunks::<SLOT>();
            for (beyond, slot) in slots.iter().enumerate() {
                match content(slot) {
                    Some((known, first)) if known == hash => return Ok(first),
                    Some(_) => {}
                    None => {
                        let slot = slot_of(hash, index);
                        self.file.write_all_at(&slot, at + (beyond * SLOT) as u64)?;
                        self.count += 1;
                        return Ok(index);
                    }
                }
            }
            place += PROBE as u64;
        }
    }

    /// Makes the table twice as large. Both are read and written from the beginning to the end:
    /// places are in the order of the hashes, so what lies together stays so.
    fn grow(&mut self) -> io::Result<()> {
        let beside = self.path.with_added_extension("tmp");
        let larger = file(&beside)?;
        let mut old = BufReader::with_capacity(
            BUFFER,
            At {
                file: &self.file,
                at: 0,
            },
        );
        let mut new = Placed {
            out: BufWriter::with_capacity(BUFFER, &larger),
            bits: self.bits + 1,
            next: 0,
        };
        let mut slot = [0; SLOT];
        // Slots without a free one between them; only within these is the order another.
        let mut together = Vec::new();
        loop {
            let end = super::identity::fill(&mut old, &mut slot)? < SLOT;
            match content(&slot) {
                Some(known) if !end => together.push(known),
                _ => {
                    together.sort_unstable();
                    for (hash, first) in together.drain(..) {
                        new.put(hash, first)?;
                    }
                }
            }
            if end {
                break;
            }
        }
        new.out.flush()?;
        drop(new);
        std::fs::rename(&beside, &self.path)?;
        self.file = larger;
        self.bits += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen")
            .field("bits", &self.bits)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// A table that is written in the order of its places.
struct Placed<'a> {
    out: BufWriter<&'a File>,
    bits: u32,
    next: u64,
}

impl Placed<'_> {
    fn put(&mut self, hash: u128, index: u64) -> io::Result<()> {
        while self.next < home(hash, self.bits) {
            self.out.write_all(&[0; SLOT])?;
            self.next += 1;
        }
        self.next += 1;
        self.out.write_all(&slot_of(hash, index))
    }
}

/// Reads a file from a place on, whatever its own position is.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

fn home(hash: u128, bits: u32) -> u64 {
    (hash >> (128 - bits)) as u64
}

fn slot_of(hash: u128, index: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..16].copy_from_slice(&hash.to_le_bytes());
    slot[16..].copy_from_slice(&(index + 1).to_le_bytes());
    slot
}

/// The hash and the line of a slot that is not free.
fn content(slot: &[u8; SLOT]) -> Option<(u128, u64)> {
    let (mut hash, mut line) = ([0; 16], [0; 8]);
    hash.copy_from_slice(&slot[..16]);
    line.copy_from_slice(&slot[16..]);
    let line = u64::from_le_bytes(line).checked_sub(1)?;
    Some((u128::from_le_bytes(hash), line))
}

/// Reads slots; what lies beyond the end of the file is free.
fn read(file: &File, at: u64, window: &mut [u8]) -> io::Result<()> {
    let count = super::identity::fill(&mut At { file, at }, window)?;
    window[count..].fill(0);
    Ok(())
}
