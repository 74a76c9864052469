//! Bodies as files: each in a file of its own, and a line of JSON that says which.
//!
//! A file is written beside its place and renamed, so nobody finds half of one. The index, in the
//! parts, is the truth: a file that no line of it names is what a kill left behind, and the next
//! run writes it again or takes it away.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ring::digest::{SHA256, digest};

use super::encode::{Block, Encode};
use crate::directory::{Directory, FILES};
use crate::error::Error;
use crate::record::{Success, elapsed, number, string};

#[derive(Debug)]
pub(super) struct Files {
    directory: Arc<Directory>,
    /// The directory of the bodies, open from before the first of this run is written. The system
    /// tells an open file of what it failed to write since it was opened, once: a file opened for
    /// each sync would not hear of what somebody else's sync has heard of in between.
    bodies: OnceLock<File>,
}

impl Files {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        let bodies = OnceLock::new();
        Self { directory, bodies }
    }

    /// The directory of the bodies, opened by whoever comes first.
    fn bodies(&self) -> io::Result<&File> {
        if let Some(open) = self.bodies.get() {
            return Ok(open);
        }
        // It may be a link: somebody may have moved the bodies to another file system.
        let open = File::open(self.directory.join(FILES))?;
        Ok(self.bodies.get_or_init(|| open))
    }

    /// The same, made if it is not there.
    fn make_bodies(&self) -> io::Result<&File> {
        match self.bodies() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(self.directory.join(FILES))?;
                self.bodies()
            }
            bodies => bodies,
        }
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::write(self.directory.join(FILES), error)
    }
}

impl Encode for Files {
    fn encode(&self, results: &[Success]) -> Result<Block, Error> {
        let mut block = Block::default();
        if !results.is_empty() {
            self.make_bodies().map_err(|error| self.failed(error))?;
        }
        for result in results {
            let (head, body) = result.data.split_at(result.body_at);
            let place = result.place.as_deref().unwrap_or_default();
            let path = self.directory.join(place);
            write(&path, body).map_err(|error| Error::write(path, error))?;
            line(head, (place, body), result.elapsed_us, &mut block.bytes);
            block.records += 1;
        }
        Ok(block)
    }

    fn sync(&self) -> Result<(), Error> {
        match self.bodies().and_then(sync_all) {
            // No body was written yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.map_err(|error| self.failed(error)),
        }
    }

    fn discard(&self, place: &str) -> Result<(), Error> {
        for path in [
            self.directory.join(place),
            beside(&self.directory.join(place)),
        ] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::write(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// The index's line of a file.
fn line(head: &[u8], (place, body): (&str, &[u8]), elapsed_us: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(head);
    elapsed(elapsed_us, out);
    out.extend_from_slice(b",\"file\":");
    string(place, out);
    out.extend_from_slice(b",\"bytes\":");
    number(body.len() as u64, out);
    out.extend_from_slice(b",\"sha256\":\"");
    for byte in digest(&SHA256, body).as_ref() {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out.extend_from_slice(b"\"}\n");
}

fn write(path: &Path, body: &[u8]) -> io::Result<()> {
    let beside = beside(path);
    let created = match File::create(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            File::create(&beside)
        }
        created => created,
    };
    let written = created?.write_all(body);
    written
        .and_then(|()| fs::rename(&beside, path))
        .inspect_err(|_| {
            // Best effort: on a full disk it makes room.
            let _ = fs::remove_file(&beside);
        })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Puts on disk whatever was written to the file system that `directory` lies in: a call for
/// thousands of files, where one for each would take seconds.
fn sync_all(directory: &File) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    nix::unistd::syncfs(directory)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = directory;
        nix::unistd::sync();
    }
    Ok(())
}
