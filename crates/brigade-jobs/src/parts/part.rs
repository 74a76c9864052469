//! One part: its file, the index beside it, and how far both are written.
//!
//! It knows nothing of commits: what lies behind the committed length is cut off by [`restore`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::error::Error;
use crate::warc::Entry;

/// What a part is written through; a file, except in tests.
pub(crate) trait PartFile: Send {
    /// Writes all of it at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Puts what was written on disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
}

impl PartFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// The state of a part, as a commit tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartState {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// Length of the index beside it, if there is one.
    pub(crate) index_bytes: u64,
}

/// Opens the file of a part for appending, making it if it is not there.
pub(crate) type Opener = Box<dyn FnMut(&Path) -> io::Result<Box<dyn PartFile>> + Send>;

/// Opens files on disk.
pub(crate) fn open_files() -> Opener {
    Box::new(|path| {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Box::new(file))
    })
}

pub(super) struct Open {
    pub(super) file: Box<dyn PartFile>,
    pub(super) index: Option<Box<dyn PartFile>>,
    pub(super) state: PartState,
}

impl Open {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)?;
        self.state.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Writes the lines of records whose block begins at `offset`.
    pub(super) fn index(&mut self, entries: &[Entry], offset: u64) -> io::Result<()> {
        let Some(index) = self.index.as_mut().filter(|_| !entries.is_empty()) else {
            return Ok(());
        };
        let lines = entries
            .iter()
            .map(|entry| entry.line(&self.state.name, offset));
        let text: String = lines.collect();
        index.append(text.as_bytes())?;
        self.state.index_bytes += text.len() as u64;
        Ok(())
    }
}

/// The length of the file of a part, which is its committed length at least.
pub(super) fn length(path: &Path, expected: u64) -> Result<u64, Error> {
    let lost = |found| Error::PartLost {
        path: path.to_owned(),
        expected,
        found,
    };
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost(0)),
        Err(error) => return Err(Error::write(path, error)),
        Ok(metadata) => metadata.len(),
    };
    match found < expected {
        true => Err(lost(found)),
        false => Ok(found),
    }
}

/// Cuts a part to its committed length.
pub(super) fn restore(path: &Path, expected: u64) -> Result<(), Error> {
    if length(path, expected)? > expected {
        let file = OpenOptions::new().write(true).open(path);
        let cut = file.and_then(|file| {
            file.set_len(expected)?;
            file.sync_all()
        });
        cut.map_err(|error| Error::write(path, error))?;
    }
    Ok(())
}
