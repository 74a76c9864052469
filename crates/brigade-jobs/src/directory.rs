//! The output directory: who may use it, what its files are called, and how it is made durable.
//!
//! Two jobs in one directory would truncate each other's parts, so the directory is locked for as
//! long as this value lives. It never touches a file that a job has not made.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::lock;

pub(crate) const LEDGER: &str = "ledger.db";
pub(crate) const FAILURES: &str = "failures.jsonl";
pub(crate) const SUMMARY: &str = "summary.json";
pub(crate) const SPOOL: &str = "input.spool";
pub(crate) const SEEN: &str = "input.seen";
pub(crate) const SPILL: &str = "window.spill";
/// The directory of bodies that are files.
pub(crate) const FILES: &str = "files";
/// The index of all parts, and what it is made with.
pub(crate) const INDEX: &str = "index.cdxj";
pub(crate) const INDEX_SCRATCH: [&str; 2] = ["index.cdxj.0.tmp", "index.cdxj.1.tmp"];
const LOCK: &str = "lock";
/// What the name of the index beside a part ends with.
const INDEX_EXTENSION: &str = "cdxj";
/// What the names of parts end with.
const EXTENSIONS: [&str; 5] = ["jsonl", "jsonl.gz", "jsonl.zst", "warc", "warc.gz"];

/// A directory that this process alone works in.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Held, not read: the lock ends with the file.
    _lock: File,
    /// What opening it has made: the file of the lock, directories with the deepest first.
    made_lock: bool,
    made: Vec<PathBuf>,
}

impl Directory {
    /// Creates the directory if it is not there and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let unusable = |source| Error::Directory {
            path: path.to_owned(),
            source,
        };
        let made = missing(path);
        let opened = || {
            if let Err(error) = fs::create_dir_all(path) {
                return Err(match error.kind() {
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                        Error::NotADirectory(path.to_owned())
                    }
                    _ => unusable(error),
                });
            }
            // Also if they were there: who made them may not have lived to sync them.
            sync_above(path).map_err(unusable)?;
            lock::take(&path.join(LOCK)).map_err(|error| match error {
                TryLockError::WouldBlock => Error::Locked(path.to_owned()),
                TryLockError::Error(error) => unusable(error),
            })
        };
        let (lock, made_lock) = opened().inspect_err(|_| remove_empty(&made))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
            made_lock,
            made,
        })
    }

    /// Takes back what opening it has made: the job is refused, and leaves everything as it was.
    pub(crate) fn withdraw(&self) {
        // Best effort: an empty file is no harm.
        if self.made_lock {
            let _ = fs::remove_file(self.join(LOCK));
        }
        remove_empty(&self.made);
    }

    /// Whether a job works in the directory at `path` now, as far as that can be known.
    pub(crate) fn is_used(path: &Path) -> bool {
        lock::is_taken(&path.join(LOCK))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the creation and removal of files durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// The files of an earlier job in here, in no particular order.
    pub(crate) fn job_files(&self) -> Result<Vec<String>, Error> {
        let unusable = |source| Error::Directory {
            path: self.path.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(unusable)? {
            let name = entry.map_err(unusable)?.file_name();
            if let Some(name) = name.to_str()
                && is_job_file(name)
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Deletes the files of an earlier job, the ledger last, and nothing else; with `bodies`, also
    /// the directory of those that are files.
    pub(crate) fn clear(&self, bodies: bool) -> Result<(), Error> {
        let (ledger, others): (Vec<_>, Vec<_>) = self
            .job_files()?
            .into_iter()
            .partition(|name| name.starts_with(LEDGER));
        // A crash at any point must leave what is refused, on disk as well: first a ledger that misses
        // its parts, so that nobody misses the bodies that they name, and parts never without one.
        self.remove_all(others)?;
        let path = self.join(FILES);
        if bodies
            && let Err(error) = fs::remove_dir_all(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Error::write(path, error));
        }
        self.remove_all(ledger)
    }

    /// Deletes files for good.
    fn remove_all(&self, names: Vec<String>) -> Result<(), Error> {
        for name in names {
            self.remove(&name)?;
        }
        self.sync().map_err(|error| Error::write(&self.path, error))
    }

    /// Deletes what an earlier run left of results that waited for their turn.
    pub(crate) fn clear_order(&self) -> Result<(), Error> {
        let names = self.job_files()?;
        let mut names = names.iter().filter(|name| is_order(name));
        names.try_for_each(|name| self.remove(name))
    }

    /// Deletes one file; one that is not there is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        match fs::remove_file(self.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::write(self.join(name), error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a whole file beside its place and renames it there, so no reader sees half of it.
    pub(crate) fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (path, beside) = (self.join(name), self.join(&format!("{name}.tmp")));
        let failed = |error| Error::write(&path, error);
        let replaced = || {
            let mut file = io::BufWriter::new(File::create(&beside).map_err(failed)?);
            write(&mut file)?;
            let file = file
                .into_inner()
                .map_err(|error| failed(error.into_error()))?;
            file.sync_all().map_err(failed)?;
            fs::rename(&beside, &path).map_err(failed)
        };
        replaced().inspect_err(|_| {
            // Best effort: on a full disk it makes room.
            let _ = fs::remove_file(&beside);
        })?;
        self.sync().map_err(failed)
    }
}

/// The directories that have to be made for `path` to be one, the deepest first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let above = path
        .ancestors()
        .filter(|above| !above.as_os_str().is_empty());
    above
        .take_while(|above| matches!(above.symlink_metadata(), Err(error) if error.kind() == io::ErrorKind::NotFound))
        .map(Path::to_owned)
        .collect()
}

/// Removes directories that hold nothing; best effort.
fn remove_empty(directories: &[PathBuf]) {
    for directory in directories {
        let _ = fs::remove_dir(directory);
    }
}

/// The name of the part with this number.
pub(crate) fn part_name(number: u64, extension: &str) -> String {
    format!("part-{number:05}.{extension}")
}

/// The name of the index beside the part with this number.
pub(crate) fn index_name(number: u64) -> String {
    part_name(number, INDEX_EXTENSION)
}

/// The name of a file of results that wait for their turn.
pub(crate) fn order_name(number: u64) -> String {
    format!("order-{number}.spill")
}

/// Whether a file holds results that wait for their turn.
fn is_order(name: &str) -> bool {
    name.strip_prefix("order-")
        .and_then(|rest| rest.strip_suffix(".spill"))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a file is a part, as far as its name says.
pub(crate) fn is_part(name: &str) -> bool {
    extension(name).is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// Whether a file is a part with this extension, as far as its name says.
pub(crate) fn is_part_of(name: &str, wanted: &str) -> bool {
    extension(name) == Some(wanted)
}

/// Whether a file is the index beside a part, as far as its name says.
pub(crate) fn is_index(name: &str) -> bool {
    extension(name) == Some(INDEX_EXTENSION)
}

/// What follows the number in the name of a file that belongs to a part.
fn extension(name: &str) -> Option<&str> {
    let (number, extension) = name.strip_prefix("part-")?.split_once('.')?;
    let is_number = number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(extension)
}

fn is_job_file(name: &str) -> bool {
    let fixed = [LEDGER, FAILURES, SUMMARY, SPOOL, SEEN, SPILL, INDEX];
    let stem = name.strip_suffix(".tmp").unwrap_or(name);
    let ledger = name.strip_prefix(LEDGER);
    is_part(name)
        || is_index(name)
        || INDEX_SCRATCH.contains(&name)
        || is_order(name)
        || fixed.contains(&stem)
        || matches!(ledger, Some("-wal" | "-shm" | "-journal"))
}

/// Makes the directories on the way to `path` durable, as far as they are ours to sync.
fn sync_above(path: &Path) -> io::Result<()> {
    for above in std::path::absolute(path)?.ancestors().skip(1) {
        match File::open(above).and_then(|directory| directory.sync_all()) {
            Err(error) if !is_not_ours(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether the directory belongs to somebody else, or its file system has nothing to sync: then
/// this job has not made anything in it.
fn is_not_ours(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Unsupported
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_files_of_a_job_are_taken_for_such() {
        for name in [
            "part-00000.jsonl",
            "part-00000.jsonl.gz",
            "part-123456.jsonl.zst",
            "part-00000.warc.gz",
            "part-00000.cdxj",
            "index.cdxj.tmp",
            "index.cdxj.1.tmp",
            "ledger.db-wal",
            "order-12.spill",
            "summary.json.tmp",
        ] {
            assert!(is_job_file(name), "{name}");
        }
        for name in [
            "part-1.jsonl",
            "part-00000.txt",
            "part-0000a.jsonl",
            "lock",
            "my.jsonl",
        ] {
            assert!(!is_job_file(name), "{name}");
        }
    }

    #[test]
    fn a_directory_is_used_by_one_job_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let first = Directory::open(temp.path()).unwrap();
        let second = Directory::open(temp.path()).unwrap_err();
        assert!(matches!(second, Error::Locked(_)), "{second}");
        drop(first);
        Directory::open(temp.path()).unwrap();
    }

    #[test]
    fn f11b_a_look_at_the_lock_does_not_keep_a_job_out() {
        let temp = tempfile::tempdir().unwrap();
        assert!(!Directory::is_used(temp.path()), "there is no lock yet");
        let job = Directory::open(temp.path()).unwrap();
        assert!(Directory::is_used(temp.path()));
        drop(job);
        assert!(!Directory::is_used(temp.path()));
        let look = File::open(temp.path().join(LOCK)).unwrap();
        look.try_lock_shared().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(30));
                drop(look);
            });
            Directory::open(temp.path()).unwrap();
        });
    }

    #[test]
    fn an_output_that_is_a_file_is_refused_and_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file");
        fs::write(&path, "mine").unwrap();
        let error = Directory::open(&path).unwrap_err();
        assert!(matches!(error, Error::NotADirectory(_)), "{error}");
        let below = Directory::open(&path.join("below")).unwrap_err();
        assert!(matches!(below, Error::NotADirectory(_)), "{below}");
        assert_eq!(fs::read_to_string(path).unwrap(), "mine");
    }

    #[test]
    fn f1g_a_file_that_could_not_be_written_leaves_no_half_of_it() {
        let temp = tempfile::tempdir().unwrap();
        let directory = Directory::open(temp.path()).unwrap();
        fs::write(directory.join(SUMMARY), "whole").unwrap();
        let full = |file: &mut dyn Write| {
            file.write_all(&[0; 100_000]).unwrap();
            let full = io::ErrorKind::StorageFull.into();
            Err(Error::write(SUMMARY, full))
        };
        assert!(directory.replace(SUMMARY, full).is_err());
        assert_eq!(directory.job_files().unwrap(), [SUMMARY]);
        assert_eq!(fs::read(directory.join(SUMMARY)).unwrap(), b"whole");
    }

    #[test]
    fn clearing_leaves_foreign_files_alone() {
        let temp = tempfile::tempdir().unwrap();
        let directory = Directory::open(temp.path()).unwrap();
        for name in ["notes.txt", "part-00000.jsonl", "ledger.db"] {
            fs::write(directory.join(name), "x").unwrap();
        }
        directory.clear(false).unwrap();
        assert!(directory.join("notes.txt").exists());
        assert_eq!(directory.job_files().unwrap(), Vec::<String>::new());
    }
}
