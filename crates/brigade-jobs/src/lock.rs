//! The lock on a file by which one job at a time has a directory for itself.
//!
//! Two jobs in one directory would truncate each other's parts. A job that is refused takes back the
//! file that it has made, so a lock counts only on the file that lies there. Who only looks never
//! keeps a job out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// A look at the lock takes microseconds; so long and so often a job waits for the end of one.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS_MAX: u32 = 25;

/// Opens the file at `path` and locks it; says whether it had to be made. The lock ends with the
/// file.
pub(crate) fn take(path: &Path) -> Result<(File, bool), TryLockError> {
    for _ in 0..LOOKS_MAX {
        let (lock, made) = open(path).map_err(TryLockError::Error)?;
        patiently(&lock)?;
        let held = lock.metadata().map_err(TryLockError::Error)?;
        // A job that was refused may have taken this file back, and a lock on that one keeps nobody
        // out.
        if fs::metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (held.dev(), held.ino())) {
            return Ok((lock, made));
        }
    }
    Err(TryLockError::WouldBlock)
}

/// Whether somebody has the lock on the file at `path`, as far as that can be known.
pub(crate) fn is_taken(path: &Path) -> bool {
    // Who only looks shares the lock, for a moment: a job that opens meanwhile tries again.
    let shared = File::open(path).map(|lock| lock.try_lock_shared());
    matches!(shared, Ok(Err(TryLockError::WouldBlock)))
}

fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.write(true);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let lock = options.create(true).truncate(false).open(path)?;
            Ok((lock, false))
        }
        made => Ok((made?, true)),
    }
}

/// Takes the lock, and does not give up because somebody looks whether it is taken.
fn patiently(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS_MAX {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            taken => return taken,
        }
    }
    lock.try_lock()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use brigade_testkit::wait::until;

    use super::*;

    /// How often this process has the file open.
    fn opened(path: &Path) -> usize {
        let files = fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten();
        let names = files.filter_map(|file| fs::read_link(file.path()).ok());
        names.filter(|name| name == path).count()
    }

    #[test]
    fn f1f_a_lock_on_a_file_that_was_taken_back_counts_for_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().canonicalize().unwrap().join("lock");
        let mut waiting = tokio::runtime::Builder::new_current_thread();
        let waiting = waiting.enable_time().build().unwrap();
        // Who waits gives up in the end, which a slow machine may make of it.
        let waited = (0..20).find_map(|_| {
            let (first, made) = take(&path).unwrap();
            assert!(made);
            let second = std::thread::scope(|scope| {
                let second = scope.spawn(|| take(&path));
                waiting.block_on(until(|| opened(&path) == 2));
                fs::remove_file(&path).unwrap();
                drop(first);
                second.join().unwrap()
            });
            second.ok()
        });
        let (second, made) = waited.unwrap();
        assert!(made, "the first file is gone");
        assert_eq!(
            second.metadata().unwrap().ino(),
            fs::metadata(&path).unwrap().ino()
        );
        assert!(is_taken(&path));
    }
}
