//! Where the bytes of a list come from: a file, a stream that is spooled, or URLs given directly.
//!
//! A job must find any line again later, in this run or the next. A file and given URLs can be
//! read at any offset. A stream (the standard input, a pipe) cannot, so its bytes are written to a
//! spool file in the output directory as they are read; when the job is continued the stream is
//! given again and compared with the spool, or, if it had been read to its end, left out.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::identity::{Consumed, Metadata, Segment, verify};
use crate::error::Error;

/// The list of URLs of a job: one on each line.
///
/// Blank lines and lines that begin with `#` are skipped, though they count as lines. LF and CRLF
/// end a line, the last one needs neither, and a byte order mark at the beginning is ignored.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// A file. Anything that is not a regular file (a pipe) is read as a stream.
    File(PathBuf),
    /// The standard input, spooled into the output directory as it is read.
    Stdin,
    /// These URLs.
    Urls(Vec<String>),
}

/// Shows no URL: they may carry passwords.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stdin => f.write_str("Stdin"),
            Self::Urls(urls) => write!(f, "Urls({} given)", urls.len()),
        }
    }
}

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

/// An opened list.
#[derive(Debug)]
pub(crate) struct List {
    /// How messages call it.
    pub(crate) name: String,
    /// How the ledger calls its kind.
    pub(crate) kind: &'static str,
    /// For a quick comparison with an earlier run.
    pub(crate) metadata: Metadata,
    /// Where its lines can be found again.
    pub(crate) bytes: Bytes,
    /// Set if the bytes are a spool that this stream fills.
    pub(crate) stream: Option<Stream>,
}

impl List {
    /// Opens the list; a stream is spooled to `spool`.
    pub(crate) fn open(input: &Input, spool: &Path) -> Result<Self, Error> {
        match input {
            Input::File(path) => Self::file(path, spool),
            Input::Stdin => Self::stream(
                "on the standard input".to_owned(),
                Box::new(io::stdin()),
                spool,
            ),
            Input::Urls(urls) => Self::urls(urls),
        }
    }

    fn file(path: &Path, spool: &Path) -> Result<Self, Error> {
        let name = format!("'{}'", path.display());
        let unreadable = |source| Error::Input {
            list: name.clone(),
            source,
        };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::stream(name, Box::new(file), spool);
        }
        let modified = metadata.mtime().saturating_mul(1_000_000_000);
        Ok(Self {
            name,
            kind: "file",
            metadata: Metadata {
                bytes: metadata.len(),
                modified: modified.saturating_add(metadata.mtime_nsec()),
                inode: metadata.ino(),
            },
            bytes: Bytes::File(Arc::new(file)),
            stream: None,
        })
    }

    fn urls(urls: &[String]) -> Result<Self, Error> {
        if urls.iter().any(|url| url.contains(['\n', '\r'])) {
            return Err(Error::Config("a given URL contains a line break".into()));
        }
        let mut text = urls.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        Ok(Self {
            name: "of given URLs".to_owned(),
            kind: "urls",
            // No time and no inode: given URLs are always compared by their hash.
            metadata: Metadata {
                bytes: text.len() as u64,
                ..Metadata::default()
            },
            bytes: Bytes::Memory(text.into_bytes().into()),
            stream: None,
        })
    }

    /// A stream of unknown length, spooled to `spool`.
    pub(crate) fn stream(
        name: String,
        stream: Box<dyn Read + Send>,
        spool: &Path,
    ) -> Result<Self, Error> {
        // The list may hold passwords: nobody else may read the copy.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(spool)
            .map_err(|error| Error::write(spool, error))?;
        Ok(Self {
            name,
            kind: "stream",
            metadata: Metadata::default(),
            bytes: Bytes::File(Arc::new(file)),
            stream: Some(Stream {
                stream,
                before: Consumed::default(),
            }),
        })
    }

    /// Checks that this is the list that an earlier run has consumed so much of.
    pub(crate) fn check(&mut self, before: &Before, spool: &Path) -> Result<(), Error> {
        if (self.kind == "stream") != (before.kind == "stream") {
            return Err(self.changed(format!(
                "it is a {} now and was a {} before",
                self.kind, before.kind
            )));
        }
        if self.stream.is_some() {
            return self.check_spool(before, spool);
        }
        let known = self.kind == "file" && before.kind == "file";
        if known && self.metadata == before.metadata {
            return Ok(());
        }
        let mut from_start = Cursor {
            bytes: &self.bytes,
            position: 0,
        };
        let found = verify(&mut from_start, &before.segments, before.consumed);
        match found.map_err(|source| self.unreadable(source))? {
            Ok(()) => Ok(()),
            Err(difference) => Err(self.changed(difference)),
        }
    }

    fn check_spool(&mut self, before: &Before, path: &Path) -> Result<(), Error> {
        let (Some(stream), Bytes::File(spool)) = (&mut self.stream, &self.bytes) else {
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
        spool.set_len(before.consumed.bytes).map_err(failed)?;
        stream.before = before.consumed;
        if before.consumed.complete && self.name.contains("standard") && io::stdin().is_terminal() {
            self.stream = None;
        }
        Ok(())
    }

    pub(crate) fn changed(&self, difference: String) -> Error {
        Error::InputChanged {
            list: self.name.clone(),
            difference,
        }
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        Error::Input {
            list: self.name.clone(),
            source,
        }
    }
}

/// What a ledger remembers of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) consumed: Consumed,
    pub(crate) segments: Vec<Segment>,
}

/// Reads [`Bytes`] from a position on.
struct Cursor<'a> {
    bytes: &'a Bytes,
    position: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
