//! The thread that reads the list: blocks in, chunks of parsed lines out, through a bounded channel.
//!
//! It waits when the job is busy, so the list is never read further than the job's window. It
//! hands over nothing that an earlier run has finished, and nothing of a stream that differs from
//! what was spooled of it.

use std::io;

use brigade_core::ranges::DoneSet;
use brigade_core::verdict::FailureKind;
use tokio::sync::mpsc;

use super::entry::{Entry, Sieve};
use super::identity::{Consumed, Hasher, SEGMENT, Segment};
use super::lines::{Line, Splitter};
use super::list::{Bytes, List, Stream};
use crate::error::Error;

/// Bytes read at once: a few hundred lines.
const BLOCK: usize = 8 * 1024;

/// A line number and where that line starts in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) index: u64,
    pub(crate) offset: u64,
}

/// Where an earlier run stopped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resume {
    /// A line at or below the watermark.
    pub(crate) checkpoint: Checkpoint,
    /// What is finished.
    pub(crate) done: DoneSet,
    /// How far the list was read.
    pub(crate) consumed: Consumed,
}

/// A line that failed in an earlier run and is to be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailedLine {
    pub(crate) index: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) kind: Option<FailureKind>,
}

/// Hands out lines that failed, some at a time and none at the end.
pub(crate) type Failed = Box<dyn FnMut() -> Result<Vec<FailedLine>, Error> + Send>;

/// What one block of the list held.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The first line of the chunk; none if it holds lines that failed before.
    pub(crate) start: Option<Checkpoint>,
    /// Its lines, without those that are done.
    pub(crate) entries: Vec<Entry>,
    /// How far the list is read, unless an earlier run had read further.
    pub(crate) consumed: Option<Consumed>,
    /// The hashes that belong to `consumed`.
    pub(crate) segments: Vec<Segment>,
    /// The kinds of failure that its lines had.
    pub(crate) failed: Vec<FailureKind>,
}

/// Starts reading: first the lines that `failed` names, then `list`. The chunks come through
/// `chunks`, and the channel closes at the end.
pub(crate) fn start(
    list: List,
    resume: Resume,
    mut failed: Option<Failed>,
    chunks: mpsc::Sender<Result<Chunk, Error>>,
) -> io::Result<()> {
    std::thread::Builder::new()
        .name("brigade-list".into())
        .spawn(move || {
            let mut reader = Reader::new(list, resume);
            loop {
                let chunk = match failed.as_mut().map(|failed| reader.again(failed)) {
                    Some(Ok(None)) => {
                        failed = None;
                        continue;
                    }
                    Some(chunk) => chunk,
                    None => reader.next(),
                };
                let last = !matches!(&chunk, Ok(Some(_)));
                // A closed channel means that the job has ended.
                if let Some(chunk) = chunk.transpose()
                    && chunks.blocking_send(chunk).is_err()
                {
                    return;
                }
                if last {
                    return;
                }
            }
        })?;
    Ok(())
}

/// Reads a list block by block.
#[derive(Debug)]
pub(super) struct Reader {
    list: List,
    sieve: Sieve,
    /// How far an earlier run has read.
    floor: Consumed,
    position: u64,
    splitter: Splitter,
    hasher: Hasher,
    block: Vec<u8>,
    ended: bool,
}

impl Reader {
    pub(super) fn new(mut list: List, resume: Resume) -> Self {
        let seen = list.seen.take();
        // A stream can only be read from its beginning, and URLs are compared with all before them.
        let checkpoint = match list.stream.is_some() || seen.is_some() {
            true => Checkpoint::default(),
            false => resume.checkpoint,
        };
        let segment = checkpoint.offset / SEGMENT;
        Self {
            sieve: Sieve {
                form: list.origin.form.clone(),
                done: resume.done,
                seen,
                failed: None,
            },
            splitter: list.origin.form.splitter(checkpoint),
            list,
            floor: resume.consumed,
            position: segment * SEGMENT,
            hasher: Hasher::new(segment),
            block: vec![0; BLOCK],
            ended: false,
        }
    }

    /// The next chunk; none after the last one, which has `consumed.complete` set.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, Error> {
        if self.ended {
            return Ok(None);
        }
        let start = Checkpoint {
            index: self.splitter.index(),
            offset: self.splitter.offset(),
        };
        let mut chunk = Chunk {
            start: Some(start),
            ..Chunk::default()
        };
        let mut block = std::mem::take(&mut self.block);
        let count = self.read(&mut block)?;
        self.hasher.update(&block[..count]);
        // The beginning of the first block may only be there for the hash.
        let before = start.offset.saturating_sub(self.position) as usize;
        self.position += count as u64;
        self.ended = count == 0;
        let terminated = self.feed(&block[before.min(count)..count], &mut chunk.entries);
        self.block = block;
        if let Some(error) = self.sieve.failed.take() {
            return Err(error);
        }
        self.consumed(&mut chunk, terminated)?;
        Ok(Some(chunk))
    }

    /// Splits a block, or ends the list; says whether the block ends between two lines.
    fn feed(&mut self, block: &[u8], entries: &mut Vec<Entry>) -> bool {
        let sieve = &mut self.sieve;
        let mut emit = |line: Line<'_>| sieve.take(&line, entries);
        self.splitter.feed(block, &mut emit);
        let terminated = self.splitter.is_between();
        if self.ended {
            self.splitter.finish(emit);
        }
        terminated
    }

    /// The next lines that failed before; none at their end.
    fn again(&mut self, failed: &mut Failed) -> Result<Option<Chunk>, Error> {
        let lines = failed()?;
        if lines.is_empty() {
            return Ok(None);
        }
        let mut chunk = Chunk::default();
        for line in lines {
            let origin = &self.list.origin;
            let item = origin.reread(line.index, line.offset, line.length);
            let item = item.map_err(|error| self.list.unreadable(error))?;
            let Some(item) = item else {
                let difference = format!("line {} has changed", line.index + 1);
                return Err(self.list.changed(difference));
            };
            chunk.entries.push(Entry::Item(item));
            chunk.failed.extend(line.kind);
        }
        Ok(Some(chunk))
    }

    fn consumed(&mut self, chunk: &mut Chunk, terminated: bool) -> Result<(), Error> {
        // Where the list was read to before, more is known than that it goes on to here: whether it
        // ended, and a last line without its end.
        if self.position > self.floor.bytes || self.ended && self.position == self.floor.bytes {
            chunk.consumed = Some(Consumed {
                lines: self.splitter.index(),
                bytes: self.position,
                complete: self.ended,
                terminated,
            });
            chunk.segments = self.hasher.take();
        } else if self.ended {
            return Err(self.list.changed(ended_early(self.position, self.floor)));
        }
        Ok(())
    }

    fn read(&mut self, block: &mut [u8]) -> Result<usize, Error> {
        let position = self.position;
        // Up to the first line there are only bytes to hash.
        let limit = match self.splitter.offset().checked_sub(position) {
            Some(gap) if gap > 0 => block.len().min(gap as usize),
            _ => block.len(),
        };
        let block = &mut block[..limit];
        let Some(stream) = &mut self.list.stream else {
            let read = self.list.origin.bytes.read_at(block, position);
            return read.map_err(|error| self.list.unreadable(error));
        };
        let count = loop {
            match stream.stream.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
                Ok(count) => break count,
            }
        };
        let may_be_left_out = self.list.kind == "stream" && stream.before.complete;
        if count == 0 && position == 0 && may_be_left_out {
            // The stream was not given again; all of it is in the spool.
            self.list.stream = None;
            return self.read(block);
        }
        match spool(stream, &self.list.origin.bytes, &block[..count], position) {
            Ok(None) => Ok(count),
            Ok(Some(at)) => {
                let lines = memchr::memchr_iter(b'\n', &block[..at]).count() as u64;
                let line = self.splitter.index() + lines + 1;
                Err(self.list.changed(format!("line {line} differs")))
            }
            Err(error) => Err(Error::Input {
                list: format!("{}: its spool", self.list.name),
                source: error,
            }),
        }
    }

    /// Says of data that cannot be decompressed how many lines came before it.
    fn broken(&self, error: io::Error) -> Error {
        if error.kind() != io::ErrorKind::InvalidData {
            return self.list.unreadable(error);
        }
        let lines = self.splitter.index();
        let text = match lines {
            1 => format!("{error}, after 1 whole line"),
            lines => format!("{error}, after {lines} whole lines"),
        };
        self.list.unreadable(io::Error::new(error.kind(), text))
    }
}

/// Compares what is known of a stream and writes down what is new. Returns where it differs.
fn spool(stream: &Stream, bytes: &Bytes, block: &[u8], position: u64) -> io::Result<Option<usize>> {
    use std::os::unix::fs::FileExt;

    let Bytes::File(spool) = bytes else {
        return Ok(None);
    };
    let known = stream.before.bytes.saturating_sub(position);
    let overlap = block
        .len()
        .min(usize::try_from(known).unwrap_or(usize::MAX));
    if overlap > 0 {
        let mut before = vec![0; overlap];
        spool.read_exact_at(&mut before, position)?;
        if let Some(at) = before.iter().zip(block).position(|(a, b)| a != b) {
            return Ok(Some(at));
        }
    }
    let new = &block[overlap..];
    let grows = position + overlap as u64 == stream.before.bytes && !new.is_empty();
    let finished = stream.before.complete && !stream.before.terminated;
    if grows && finished && !matches!(new[0], b'\n' | b'\r') {
        return Ok(Some(overlap));
    }
    spool.write_all_at(new, position + overlap as u64)?;
    Ok(None)
}

fn ended_early(position: u64, floor: Consumed) -> String {
    let before = floor.bytes;
    format!("it ended at byte {position} of {before} that were read before")
}
