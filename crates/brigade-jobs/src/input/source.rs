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
use super::identity::{Consumed, Metadata, shorter};
use super::list::{Before, Bytes, Cursor, List, Origin, Stream, is_spooled};
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
            Input::Stdin => Self::stream(STDIN.to_owned(), io::stdin()),
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
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
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
        // The name of a file has quotes.
        self.name == STDIN && io::stdin().is_terminal()
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
        self.form = form.map_err(|reason| unsuitable(&self.name, reason))?;
        // A stream may have been spooled before, and not be given again.
        if self.form.is_none() && matches!(self.data, Data::Bytes(_)) {
            return Err(unsuitable(&self.name, EMPTY));
        }
        Ok(())
    }

    /// Refuses a list of another sort than that of an earlier run, or that cannot have been read as far.
    /// Whether it is the same list is found out by [`list`](Self::list).
    pub(crate) fn could_be(&self, before: &Before, spool: &Path) -> Result<(), Error> {
        self.same_sort(before)?;
        let consumed = before.consumed;
        if !is_spooled(self.kind) {
            return match consumed.bytes > self.metadata.bytes {
                true => Err(changed(&self.name, shorter(self.metadata.bytes, consumed))),
                false => Ok(()),
            };
        }
        let found = match spool.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(Error::write(spool, error)),
            Ok(metadata) => metadata.len(),
        };
        match found < consumed.bytes {
            true => Err(Error::PartLost {
                path: spool.to_owned(),
                expected: consumed.bytes,
                found,
            }),
            false => Ok(()),
        }
    }

    fn same_sort(&self, before: &Before) -> Result<(), Error> {
        if is_spooled(self.kind) == is_spooled(&before.kind) {
            return Ok(());
        }
        let [now, before] = [self.kind, &before.kind].map(called);
        let difference = format!("it is {now} now and was {before} before");
        Err(changed(&self.name, difference))
    }

    /// Finds out the form if that was left for later, and says whether the list is to be read: all of
    /// it may lie in the spool already. After this nothing is refused of a list without a `before`.
    pub(crate) fn prepare(&mut self, before: Option<&Before>) -> Result<bool, Error> {
        before.map_or(Ok(()), |before| self.same_sort(before))?;
        if before.is_some_and(|before| self.is_all_spooled(before)) {
            return Ok(false);
        }
        self.look()?;
        let nothing = before.is_none_or(|before| before.consumed.bytes == 0);
        match self.form.is_none() && nothing {
            true => Err(unsuitable(&self.name, EMPTY)),
            false => Ok(true),
        }
    }

    /// The list, checked to be the one that an earlier run has consumed so much of. A stream is
    /// spooled to `spool`, which is the first thing to be touched, and only if all is well.
    pub(crate) fn list(mut self, spool: &Path, before: Option<&Before>) -> Result<List, Error> {
        let is_read = self.prepare(before)?;
        let (bytes, stream) = match self.data {
            Data::Bytes(bytes) => (bytes, None),
            Data::Stream(stream) => {
                let before = before.map_or(Consumed::default(), |before| before.consumed);
                let bytes = Bytes::File(Arc::new(open_spool(spool, before.bytes)?));
                (bytes, is_read.then_some(Stream { stream, before }))
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
            form = found.map_err(|reason| unsuitable(&self.name, reason))?;
        }
        let form = form.ok_or_else(|| unsuitable(&self.name, EMPTY))?;
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

/// How messages call a kind of list.
fn called(kind: &str) -> &'static str {
    match kind {
        "stream" => "a stream",
        "compressed" => "a compressed file",
        "urls" => "given URLs",
        _ => "a file",
    }
}

/// How messages call the standard input.
const STDIN: &str = "on the standard input";

/// What is wrong with a table that has no row at all.
const EMPTY: &str = "it is empty: it has no header row that names its columns";

/// The error for a list that can be read and is no list of its form.
fn unsuitable(list: &str, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    unreadable(list, io::Error::other(reason))
}

pub(super) fn changed(list: &str, difference: String) -> Error {
    Error::InputChanged {
        list: list.to_owned(),
        difference,
    }
}

pub(super) fn unreadable(list: &str, source: io::Error) -> Error {
    Error::Input {
        list: list.to_owned(),
        source,
    }
}

/// Opens the spool, which must be there if so many bytes of it are committed. The list may hold
/// passwords: nobody else may read the copy.
fn open_spool(path: &Path, committed: u64) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(committed == 0)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound if committed > 0 => Error::PartLost {
                path: path.to_owned(),
                expected: committed,
                found: 0,
            },
            _ => Error::write(path, error),
        })
}
