//! Results that wait for their turn on disk, when there are too many of them for memory.
//!
//! They lie in files that are filled one after the other, and a file goes when nothing in it waits
//! any longer. Turns come in the order of the list, so old files empty first, and what lies on disk
//! is bounded by the lines that wait. The files are scratch: a later run starts without them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::directory::{Directory, order_name};
use crate::error::Error;

/// Bytes at which a file is full.
const FILE_MAX: u64 = 32 << 20;

/// Where something lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    file: u64,
    offset: u64,
    length: usize,
}

#[derive(Debug)]
struct Open {
    file: File,
    length: u64,
    waiting: usize,
}

/// The files.
#[derive(Debug)]
pub(super) struct Shelf {
    directory: Arc<Directory>,
    files: BTreeMap<u64, Open>,
    current: u64,
}

impl Shelf {
    pub(super) fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            files: BTreeMap::new(),
            current: 0,
        }
    }

    /// Writes something down.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<Place, Error> {
        if self
            .files
            .get(&self.current)
            .is_some_and(|open| open.length >= FILE_MAX)
        {
            self.current += 1;
        }
        let number = self.current;
        let path = self.directory.join(&order_name(number));
        let failed = |error| Error::write(&path, error);
        let open = match self.files.entry(number) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Open {
                file: create(&path).map_err(failed)?,
                length: 0,
                waiting: 0,
            }),
        };
        open.file.write_all_at(bytes, open.length).map_err(failed)?;
        let place = Place {
            file: number,
            offset: open.length,
            length: bytes.len(),
        };
        open.length += bytes.len() as u64;
        open.waiting += 1;
        Ok(place)
    }

    /// Takes something back.
    pub(super) fn take(&mut self, place: Place) -> Result<Vec<u8>, Error> {
        let name = order_name(place.file);
        let Some(open) = self.files.get_mut(&place.file) else {
            return Err(Error::Stopped("a result that waited for its turn"));
        };
        let mut bytes = vec![0; place.length];
        let read = open.file.read_exact_at(&mut bytes, place.offset);
        read.map_err(|error| Error::write(self.directory.join(&name), error))?;
        open.waiting -= 1;
        if open.waiting == 0 {
            self.files.remove(&place.file);
            self.directory.remove(&name)?;
            // Its name is not used again: the number goes on.
            self.current = self.current.max(place.file + 1);
        }
        Ok(bytes)
    }

    /// Number of files now.
    #[cfg(test)]
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    options.mode(0o600).open(path)
}

impl Drop for Shelf {
    fn drop(&mut self) {
        for number in self.files.keys() {
            // Best effort: the next run deletes what is left.
            let _ = self.directory.remove(&order_name(*number));
        }
    }
}
