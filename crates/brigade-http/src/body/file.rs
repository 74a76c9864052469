//! The chunks of a file, read off the event loop.
//!
//! A file is opened anew each time that it is sent, and must have kept the length that the server
//! was told. It is never read further ahead than one chunk.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};

use crate::disk::{FileError, on_disk};

/// As much as is read at once.
const CHUNK: u64 = 128 << 10;

/// The length of a file that can be sent.
pub(super) async fn length(path: PathBuf) -> Result<u64, FileError> {
    on_disk(move || {
        let found = std::fs::metadata(&path).and_then(|about| match about.is_file() {
            true => Ok(about.len()),
            // Opening a pipe would block, and nobody knows how much will come out of it.
            false => Err(io::Error::new(
                ErrorKind::InvalidInput,
                "it is not a regular file (RequestBody::reader sends what has no length)",
            )),
        });
        found.map_err(|error| unreadable(&path, error))
    })
    .await
}

fn unreadable(path: &Path, error: io::Error) -> FileError {
    FileError::new("read the file", path, error)
}

/// A file that is being read.
struct Reading {
    path: PathBuf,
    /// Opened with the first chunk.
    file: Option<File>,
    length: u64,
    left: u64,
}

pub(super) fn chunks(
    path: PathBuf,
    length: u64,
) -> impl Stream<Item = Result<Bytes, FileError>> + Send + 'static {
    let reading = Reading {
        path,
        file: None,
        length,
        left: length,
    };
    try_unfold(reading, |mut reading| async move {
        if reading.left == 0 {
            return Ok(None);
        }
        on_disk(move || match reading.next() {
            Ok(chunk) => Ok(Some((chunk, reading))),
            Err(error) => Err(unreadable(&reading.path, error)),
        })
        .await
    })
}

impl Reading {
    fn next(&mut self) -> io::Result<Bytes> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        };
        let wanted = self.left.min(CHUNK);
        let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or_default());
        file.by_ref().take(wanted).read_to_end(&mut chunk)?;
        self.left -= chunk.len() as u64;
        let is_short = (chunk.len() as u64) < wanted;
        if is_short || (self.left == 0 && file.read(&mut [0])? > 0) {
            let (length, now) = (self.length, file.metadata()?.len());
            let detail = format!("it had {length} bytes, and {now} while it was sent");
            return Err(io::Error::new(ErrorKind::InvalidData, detail));
        }
        Ok(chunk.into())
    }
}
