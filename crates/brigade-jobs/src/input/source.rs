//! Where the bytes of a list come from: a file, a stream that is spooled, or URLs given directly.
//!
//! A job must find any line again later, in this run or the next. A file and given URLs can be
//! read at any offset. A stream (the standard input, a pipe, whatever is compressed) cannot, so its
//! bytes are written to a spool file in the output directory as they are read; when the job is
//! continued the stream is given again and compared with the spool, or, if it had been read to its
//! end, left out. Opening a list writes nothing: what is wrong with it shows before a job begins.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::form::{Form, ListForm};
use super::header;
use super::identity::{Consumed, Metadata, Segment, fill, verify};
use super::lines::Line;
use super::parse::{Item, Parsed};
use super::seen::Seen;
use super::unpack::{MARK_MAX, Packing, Unpacked, packing, unsupported};
use crate::error::Error;

/// The list of URLs of a job: one on each line, unless the job's [`ListForm`] says otherwise.
///
/// Blank lines and lines that begin with `#` are skipped, though they count as lines. LF and CRLF
/// end a line, the last one needs neither, and a byte order mark at the beginning is ignored.
///
/// A file or stream may be compressed with gzip (any number of members) or zstd (any number of
/// frames, with windows of 8 MiB at most); its first bytes tell. It is decompressed as it is read
/// and spooled into the output directory, in plain text, like the standard input.
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

/// A list that was found; nothing has been written for it yet.
pub(crate) struct Opened {
    name: String,
    kind: &'static str,
    metadata: Metadata,
    data: Data,
    wanted: ListForm,
    /// Known unless the list is empty, or the standard input is a terminal.
    form: Option<Form>,
}

enum Data {
    Bytes(Bytes),
    Stream(Box<dyn Read + Send>),
}

impl Opened {
    /// Finds the list, tells whether it is compressed, and reads the names of its columns.
    pub(crate) fn open(input: &Input, form: &ListForm) -> Result<Self, Error> {
        let mut opened = match input {
            Input::File(path) => Self::file(path)?,
            Input::Stdin => Self::stream("on the standard input".to_owned(), io::stdin()),
            Input::Urls(urls) => Self::urls(urls)?,
        };
        opened.wanted = form.clone();
        if !opened.is_terminal() {
            opened.look()?;
        }
        Ok(opened)
    }

    fn file(path: &Path) -> Result<Self, Error> {
        let name = format!("'{}'", path.display());
        let unreadable = |source| unreadable(&name, source);
        // Looked at before it is opened: a directory can be opened too, and a pipe only once.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        let file = File::open(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Ok(Self::stream(name, file));
        }
        let mut head = [0; MARK_MAX];
        let count = file.read_at(&mut head, 0).map_err(unreadable)?;
        let modified = metadata.mtime().saturating_mul(1_000_000_000);
        let metadata = Metadata {
            bytes: metadata.len(),
            modified: modified.saturating_add(metadata.mtime_nsec()),
            inode: metadata.ino(),
        };
        let (kind, data) = match packing(&head[..count]) {
            None => ("file", Data::Bytes(Bytes::File(Arc::new(file)))),
            Some(Packing::Other(what, command)) => {
                return Err(unreadable(unsupported(what, command)));
            }
            Some(_) => {
                let stream = Box::new(Unpacked::new(Box::new(file)));
                ("compressed", Data::Stream(stream))
            }
        };
        Ok(Self {
            name,
            kind,
            metadata,
            data,
            wanted: ListForm::Lines,
            form: None,
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
            data: Data::Bytes(Bytes::Memory(text.into_bytes().into())),
            wanted: ListForm::Lines,
            form: None,
        })
    }

    /// A stream of unknown length.
    fn stream(name: String, stream: impl Read + Send + 'static) -> Self {
        Self {
            name,
            kind: "stream",
            metadata: Metadata::default(),
            data: Data::Stream(Box::new(Unpacked::new(Box::new(stream)))),
            wanted: ListForm::Lines,
            form: None,
        }
    }

    fn is_terminal(&self) -> bool {
        self.name.contains("standard") && io::stdin().is_terminal()
    }

    /// Finds out the form, if the list is not empty.
    fn look(&mut self) -> Result<(), Error> {
        if self.form.is_some() {
            return Ok(());
        }
        let looked = match &mut self.data {
            Data::Bytes(bytes) => header::look(&mut Cursor { bytes, position: 0 }, &self.wanted),
            Data::Stream(stream) => header::look(stream, &self.wanted),
        };
        let (read, form) = looked.map_err(|source| unreadable(&self.name, source))?;
        if let Data::Stream(stream) = &mut self.data {
            let rest = std::mem::replace(stream, Box::new(io::empty()));
            *stream = header::put_back(read, rest);
        }
        self.form = form.map_err(|reason| self.wrong(reason))?;
        Ok(())
    }

    fn wrong(&self, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        unreadable(&self.name, io::Error::other(reason))
    }

    /// The list, checked to be the one that an earlier run has consumed so much of. A stream is
    /// spooled to `spool`.
    pub(crate) fn list(mut self, spool: &Path, before: Option<&Before>) -> Result<List, Error> {
        let kept = before.is_some_and(|before| self.is_all_spooled(before));
        if !kept {
            self.look()?;
        }
        let (bytes, stream) = match self.data {
            Data::Bytes(bytes) => (bytes, None),
            Data::Stream(stream) => {
                let consumed = before.map_or(Consumed::default(), |before| before.consumed);
                let bytes = Bytes::File(Arc::new(open_spool(spool)?));
                let before = consumed;
                (bytes, (!kept).then_some(Stream { stream, before }))
            }
        };
        let mut form = self.form.take();
        if form.is_none() && before.is_some_and(|before| before.consumed.bytes > 0) {
            let mut spooled = Cursor {
                bytes: &bytes,
                position: 0,
            };
            let looked = header::look(&mut spooled, &self.wanted);
            let (_, found) = looked.map_err(|error| Error::write(spool, error))?;
            form = found.map_err(|reason| unreadable(&self.name, io::Error::other(reason)))?;
        }
        let empty = "it is empty: it has no header row that names its columns";
        let form = form.ok_or_else(|| unreadable(&self.name, io::Error::other(empty)))?;
        let list = List {
            name: self.name,
            kind: self.kind,
            metadata: self.metadata,
            origin: Origin { bytes, form },
            stream,
            seen: None,
        };
        list.check(before, spool)?;
        Ok(list)
    }

    /// Whether all of it lies in the spool already, so that it need not be read again.
    fn is_all_spooled(&self, before: &Before) -> bool {
        let same = self.kind == "compressed" && before.kind == "compressed";
        let same = same && self.metadata == before.metadata;
        before.consumed.complete && (same || self.is_terminal())
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
        let spools = |kind: &str| matches!(kind, "stream" | "compressed");
        let none = Before::default();
        if let Some(before) = before
            && spools(self.kind) != spools(&before.kind)
        {
            return Err(self.changed(format!(
                "it is a {} now and was a {} before",
                self.kind, before.kind
            )));
        }
        if spools(self.kind) {
            return self.check_spool(before.unwrap_or(&none), spool);
        }
        let Some(before) = before else {
            return Ok(());
        };
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
        Error::InputChanged {
            list: self.name.clone(),
            difference,
        }
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        unreadable(&self.name, source)
    }
}

fn unreadable(list: &str, source: io::Error) -> Error {
    Error::Input {
        list: list.to_owned(),
        source,
    }
}

/// The list may hold passwords: nobody else may read the copy.
fn open_spool(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Error::write(path, error))
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
