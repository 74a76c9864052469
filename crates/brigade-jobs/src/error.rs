//! What ends a whole job: the environment, the list or the ledger; never a single item.
//!
//! The failure of an item is a record. What is left is few, and each of it is one line that names
//! the thing and what to do about it, because a person reads it at the end of a long night.

use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

/// Why a job could not start or had to stop.
///
/// Whatever was committed before it stays: unless the message says otherwise, the same job opened
/// again continues.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration contradicts itself or names something impossible.
    #[error("{0}")]
    Config(String),
    /// The output directory cannot be created or used.
    #[error("cannot use output directory '{}': {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output path exists and is something else.
    #[error("output '{}' is not a directory: choose another path", .0.display())]
    NotADirectory(PathBuf),
    /// Another process works in the output directory.
    #[error("output directory '{}' is in use by another brigade: wait for it or choose another directory", .0.display())]
    Locked(PathBuf),
    /// The directory holds results that no ledger accounts for.
    #[error("output directory '{}' holds '{file}' but no ledger.db that knows of it: choose another directory, or {}", path.display(), way_out(file))]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// A file that must not be overwritten.
        file: String,
    },
    /// The list cannot be read.
    #[error("cannot read the list {list}: {source}")]
    Input {
        /// The list: a quoted path, or the standard input.
        list: String,
        /// What the system said.
        source: io::Error,
    },
    /// The list is not the one that the job was started with.
    #[error(
        "the list {list} is not the one that this job was started with ({difference}): give the original list, choose another directory, or --fresh to start again"
    )]
    InputChanged {
        /// The list: a quoted path, or the standard input.
        list: String,
        /// Where it differs first, as far as that is known.
        difference: String,
    },
    /// The job was begun with another format or compression.
    #[error("the job in '{}' writes {before}, not {now}: give the format and the compression that it was started with, choose another directory, or --fresh to start again", path.display())]
    OtherFormat {
        /// The directory.
        path: PathBuf,
        /// What it writes, as the ledger calls it: `jsonl.gz`, for example.
        before: String,
        /// What was asked for.
        now: String,
    },
    /// The list is to be read in another way than when the job was started.
    #[error(
        "this job was started with {before}, not with {now}: give the same flags again, choose another directory, or --fresh to start again"
    )]
    FormChanged {
        /// The flags that say how it was read before.
        before: String,
        /// The flags that say how it would be read now.
        now: String,
    },
    /// A file of the output cannot be written.
    #[error("cannot write '{}': {source}{}; what was committed is safe, run the same command again to continue", path.display(), hint(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A committed part is missing or shorter than the ledger says.
    #[error("'{}' has lost what was committed (its length is {found} and was {expected}): restore it, or --fresh to start again", path.display())]
    PartLost {
        /// The part.
        path: PathBuf,
        /// Its committed length.
        expected: u64,
        /// Its length now; zero if it is gone.
        found: u64,
    },
    /// There is no job in the directory that was to be looked at.
    #[error("there is no job in '{}' ({reason}): give the output directory of a fetch", path.display())]
    NoJob {
        /// The directory.
        path: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The ledger was to be looked at and cannot be read.
    #[error("cannot read the ledger '{}': {reason}", path.display())]
    Unreadable {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said, or what to do.
        reason: String,
    },
    /// The ledger was written by a newer brigade.
    #[error("'{}' has ledger version {found}, this brigade knows {known}: use the newer brigade", path.display())]
    LedgerNewer {
        /// The ledger.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this build can use.
        known: i64,
    },
    /// The ledger is not a database of ours, or it is damaged.
    #[error("'{}' is damaged or not a ledger ({reason}): restore it, or --fresh to start again", path.display())]
    LedgerDamaged {
        /// The ledger.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// A database that no job has made lies where the ledger would; not even `fresh` touches it.
    #[error("'{}' is another program's database: choose another directory, or move it away", .0.display())]
    ForeignDatabase(PathBuf),
    /// The ledger could not be read or written.
    #[error("cannot use the ledger '{}': {reason}; what was committed is safe, run the same command again to continue", path.display())]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The HTTP client could not be built.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    /// A thread or task of the job ended without a reason, which is a defect of brigade.
    #[error(
        "{0} ended unexpectedly; what was committed is safe, run the same command again to continue"
    )]
    Stopped(&'static str),
}

impl Error {
    pub(crate) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Write {
            path: path.into(),
            source,
        }
    }
}

/// What `--fresh` cannot know to be a job's is left to the person whose it may be.
fn way_out(file: &str) -> &'static str {
    match file {
        "files" => "delete it yourself",
        _ => "--fresh to delete that job's files",
    }
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        _ if is_out_of_descriptors(source) => " (ask for fewer at once, or see ulimit -n)",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (free some space)",
        io::ErrorKind::FileTooLarge => " (see ulimit -f)",
        _ => "",
    }
}

/// Whether this process has as many files open as it may.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw) == Some(Errno::EMFILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1p_an_error_of_the_limit_of_open_files_names_it() {
        for (code, is_named) in [(Errno::EMFILE, true), (Errno::EIO, false)] {
            let error = Error::write("part", io::Error::from_raw_os_error(code as i32));
            let text = error.to_string();
            assert_eq!(text.contains("see ulimit -n"), is_named, "{text}");
        }
    }
}
