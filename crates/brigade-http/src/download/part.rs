//! The part of a file that is there, and the record beside it.
//!
//! Everything here blocks, and runs on the threads for files. The record never speaks of bytes that
//! are not in the part: it is removed before the part is emptied, and written after. Nothing here
//! touches the file at PATH but the rename at the end.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::record::Record;
use crate::disk::FileError;

/// A part that is open and locked against others who download to the same place.
#[derive(Debug)]
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    record: PathBuf,
    file: File,
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(suffix);
    name.into()
}

impl Part {
    /// Opens the part of the file at `target`; `None` if somebody else has it.
    pub(super) fn open(target: &Path) -> Result<Option<Self>, FileError> {
        let path = beside(target, ".part");
        check(target, &path)?;
        let fail = |error| FileError::new("write", &path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(fail)?;
        match file.try_lock() {
            // Whoever had it may have made it the file at PATH meanwhile.
            Ok(()) if !os::is_at(&file, &path) => return Ok(None),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(fail(error)),
        }
        let (target, record) = (target.to_owned(), beside(target, ".part.resume"));
        Ok(Some(Self {
            target,
            path,
            record,
            file,
        }))
    }

    /// Leaves nothing behind if nothing has come.
    pub(super) fn tidy(&self) -> Result<(), FileError> {
        let tidy = || match self.file.metadata()?.len() {
            0 if os::is_at(&self.file, &self.path) => {
                remove(&self.record)?;
                remove(&self.path)
            }
            _ => Ok(()),
        };
        self.failed(tidy())
    }

    fn failed<T>(&self, result: io::Result<T>) -> Result<T, FileError> {
        result.map_err(|error| FileError::new("write", &self.path, error))
    }

    /// What an earlier download left: how many bytes, and what they are.
    pub(super) fn kept(&self) -> Result<Option<(u64, Record)>, FileError> {
        let length = self.failed(self.file.metadata())?.len();
        let record = fs::read_to_string(&self.record).ok();
        Ok(record.and_then(|text| Some((length, Record::parse(&text)?))))
    }

    /// The byte before `end`.
    pub(super) fn last(&self, end: u64) -> Result<u8, FileError> {
        let mut byte = [0];
        let mut file = &self.file;
        let read = file.seek(SeekFrom::Start(end - 1));
        self.failed(read.and_then(|_| file.read_exact(&mut byte)))?;
        Ok(byte[0])
    }

    /// Forgets what is there, and notes what is to come.
    pub(super) fn restart(&self, record: Option<&Record>) -> Result<(), FileError> {
        let restart = || {
            remove(&self.record)?;
            // A part that is empty need not be one that can be cut.
            if self.file.metadata()?.len() > 0 {
                self.file.set_len(0)?;
            }
            match record {
                Some(record) => fs::write(&self.record, record.to_text()),
                None => Ok(()),
            }
        };
        self.failed(restart())
    }

    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = &self.file;
        let write = file.seek(SeekFrom::Start(at));
        self.failed(write.and_then(|_| file.write_all(bytes)))
    }

    /// Makes the first `length` bytes the file at PATH, once they are on the disk.
    pub(super) fn finish(&self, length: u64) -> Result<(), FileError> {
        let settle = || {
            if self.file.metadata()?.len() != length {
                self.file.set_len(length)?;
            }
            self.file.sync_all()?;
            match os::is_at(&self.file, &self.path) {
                true => Ok(()),
                // What is there now is somebody else's, and nobody knows how much of it.
                false => Err(io::Error::new(
                    ErrorKind::NotFound,
                    "it was removed or replaced while it was written",
                )),
            }
        };
        self.failed(settle())?;
        let publish = || {
            fs::rename(&self.path, &self.target)?;
            remove(&self.record)?;
            os::sync_parent(&self.target)
        };
        publish().map_err(|error| FileError::new("write", &self.target, error))
    }
}

/// Whether files can be at both places. A device or a pipe that is replaced is lost, and a link to be
/// written through may be a trap of whoever else can write to the folder.
fn check(target: &Path, part: &Path) -> Result<(), FileError> {
    if target.is_dir() || target.file_name().is_none() {
        let error = io::Error::new(ErrorKind::IsADirectory, "it is a folder, not a file");
        return Err(FileError::new("write", target, error));
    }
    for (path, found) in [
        (target, fs::metadata(target)),
        (part, fs::symlink_metadata(part)),
    ] {
        if found.is_ok_and(|found| !found.is_file()) {
            let error = io::Error::new(ErrorKind::InvalidInput, "it is not a regular file");
            return Err(FileError::new("write", path, error));
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
mod os {
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// Whether `file` is what lies at `path` itself, not behind a link.
    pub(super) fn is_at(file: &File, path: &Path) -> bool {
        match (file.metadata(), fs::symlink_metadata(path)) {
            (Ok(file), Ok(path)) => (file.dev(), file.ino()) == (path.dev(), path.ino()),
            _ => false,
        }
    }

    /// Makes a rename durable.
    pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(not(unix))]
mod os {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    pub(super) fn is_at(_: &File, path: &Path) -> bool {
        path.exists()
    }

    pub(super) fn sync_parent(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn h17g_a_full_disk_is_an_error_that_names_the_part() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("file");
        let mut part = Part::open(&target).unwrap().unwrap();
        part.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (doing, cause) = part.write(0, b"x").unwrap_err().into_parts();
        assert!(doing.ends_with("file.part"), "{doing}");
        assert!(cause.to_string().contains("No space left"), "{cause}");
        part.finish(1).unwrap_err();
        assert!(!target.exists());
    }
}
