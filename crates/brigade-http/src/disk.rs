//! Work on files, off the event loop.
//!
//! Bodies are read from files and written to them while everything else goes on. It has threads of
//! its own, because a closure of `to_thread` may be waiting for the very request that needs one. It
//! knows nothing of HTTP.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use brigade::thread::Pool;

use crate::answered::BoxError;

/// How many files are worked on at the same time; more wait their turn.
const FILES_MAX: usize = 16;

static FILES: LazyLock<Pool> = LazyLock::new(|| Pool::new("files", FILES_MAX));

/// Runs `work` on one of the threads for files.
///
/// # Cancel safety
///
/// Work that has begun goes on when the future is dropped, and its value is dropped then.
pub(crate) async fn on_disk<F, T>(work: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    FILES.call(work).name("file").await
}

/// What could not be done with a file.
#[derive(Debug)]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl FileError {
    pub(crate) fn new(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        Self { doing, path, cause }
    }

    /// What was being done, and the cause.
    pub(crate) fn into_parts(self) -> (String, BoxError) {
        (self.to_string(), self.cause.into())
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.doing, self.path.display())
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
