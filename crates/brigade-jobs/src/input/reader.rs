//! The thread that reads the list: blocks in, chunks of parsed lines out, through a bounded channel.
//!
//! It waits when the job is busy, so the list is never read further than the job's window. It
//! hands over nothing that an earlier run has finished, and nothing of a stream that differs from
//! what was spooled of it.

use std::io::{self, Read};
use std::ops::RangeInclusive;

use brigade_core::ranges::DoneSet;
use brigade_core::verdict::FailureKind;
use tokio::sync::mpsc;

use super::identity::{Consumed, Hasher, SEGMENT, Segment, fill};
use super::lines::{Line, Splitter};
use super::parse::{Item, Parsed, parse};
use super::source::{Bytes, List, Stream};
use crate::error::Error;

/// Bytes read at once: a few hundred lines.
const BLOCK: usize = 16 * 1024;

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

/// A line, or some, of the list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A URL to fetch.
    Item(Item),
    /// A line that is a failure at once.
    Bad {
        index: u64,
        offset: u64,
        length: u64,
        shown: String,
        message: String,
    },
    /// Lines that ask for nothing.
    Skipped(RangeInclusive<u64>),
}

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
    done: DoneSet,
    /// How far an earlier run has read.
    floor: Consumed,
    position: u64,
    last_byte: Option<u8>,
    splitter: Splitter,
    hasher: Hasher,
    block: Vec<u8>,
    ended: bool,
}

impl Reader {
    pub(super) fn new(list: List, resume: Resume) -> Self {
        // A stream can only be read from its beginning.
        let checkpoint = match list.stream {
            Some(_) => Checkpoint::default(),
            None => resume.checkpoint,
        };
        let segment = checkpoint.offset / SEGMENT;
        Self {
            list,
            done: resume.done,
            floor: resume.consumed,
            position: segment * SEGMENT,
            last_byte: None,
            splitter: Splitter::new(checkpoint.index, checkpoint.offset),
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
        self.last_byte = block[..count].last().copied().or(self.last_byte);
        // The beginning of the first block may only be there for the hash.
        let before = start.offset.saturating_sub(self.position) as usize;
        self.position += count as u64;
        self.ended = count == 0;
        let (done, entries) = (&self.done, &mut chunk.entries);
        let emit = |line: Line<'_>| entry(done, entries, &line);
        if self.ended {
            self.splitter.finish(emit);
        } else {
            self.splitter.feed(&block[before.min(count)..count], emit);
        }
        self.block = block;
        self.consumed(&mut chunk)?;
        Ok(Some(chunk))
    }

    /// The next lines that failed before; none at their end.
    fn again(&mut self, failed: &mut Failed) -> Result<Option<Chunk>, Error> {
        let lines = failed()?;
        if lines.is_empty() {
            return Ok(None);
        }
        let mut chunk = Chunk::default();
        for line in lines {
            let item = reread(&self.list.bytes, line.index, line.offset, line.length);
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

    fn consumed(&mut self, chunk: &mut Chunk) -> Result<(), Error> {
        if self.position >= self.floor.bytes {
            chunk.consumed = Some(Consumed {
                lines: self.splitter.index(),
                bytes: self.position,
                complete: self.ended,
                terminated: self.last_byte.is_none_or(|byte| byte == b'\n'),
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
            let read = self.list.bytes.read_at(block, position);
            return read.map_err(|error| self.list.unreadable(error));
        };
        let count = loop {
            match stream.stream.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.list.unreadable(error)),
                Ok(count) => break count,
            }
        };
        if count == 0 && position == 0 && stream.before.complete {
            // The stream was not given again; all of it is in the spool.
            self.list.stream = None;
            return self.read(block);
        }
        match spool(stream, &self.list.bytes, &block[..count], position) {
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
    format!("it ended after {position} of the {before} bytes that were read before")
}

fn entry(done: &DoneSet, entries: &mut Vec<Entry>, line: &Line<'_>) {
    if done.contains(line.index) {
        return;
    }
    match parse(line) {
        Parsed::Item(item) => entries.push(Entry::Item(item)),
        Parsed::Bad { shown, message } => entries.push(Entry::Bad {
            index: line.index,
            offset: line.offset,
            length: line.length,
            shown,
            message,
        }),
        Parsed::Nothing => match entries.last_mut() {
            Some(Entry::Skipped(range)) if *range.end() + 1 == line.index => {
                *range = *range.start()..=line.index;
            }
            _ => entries.push(Entry::Skipped(line.index..=line.index)),
        },
    }
}

/// Reads one line again, for an item that is known by its place in the list.
pub(crate) fn reread(
    bytes: &Bytes,
    index: u64,
    offset: u64,
    length: u32,
) -> io::Result<Option<Item>> {
    let mut text = vec![0; length as usize];
    let mut at = At { bytes, offset };
    let count = fill(&mut at, &mut text)?;
    let line = Line {
        index,
        offset,
        bytes: &text[..count],
        length: u64::from(length),
    };
    Ok(match parse(&line) {
        Parsed::Item(item) => Some(item),
        _ => None,
    })
}

struct At<'a> {
    bytes: &'a Bytes,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
