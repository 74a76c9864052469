//! The disk as it would be after a power cut: what was synced, and by chance more of the rest.
//!
//! The journal of a program's calls is played into a model that knows, for each file and for each
//! entry of a directory, what is durable and what is pending. At a cut every sector of 512 bytes
//! that has pending writes is at one of the states that it has had since the last sync, a file has
//! one of its lengths, sectors that were never written hold zeros or rubbish, and files that were
//! made, removed or renamed without a sync of their directory are so or are not.
//!
//! Not modelled: a disk that loses what it has confirmed, sectors that are torn inside, pages that
//! are dropped after a sync that failed (a later sync is taken to cover them), memory maps (the
//! index of SQLite's WAL, which is worthless after a crash), and modes and times of files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::Result;
use crate::content::{Change, File, Luck, Mercy};
use crate::output::files;
use crate::record::Record;

/// Its content is mapped, not written.
const MAPPED: &str = "-shm";

/// A model of one directory and all below it.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    files: Vec<File>,
    /// The entries by path: as the program sees them, and as they are on disk.
    seen: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    pending: Vec<Naming>,
    inodes: HashMap<u64, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Clone, Debug)]
enum Naming {
    Add(String, Entry),
    Remove(String),
    Rename {
        from: String,
        to: String,
        entry: Entry,
    },
}

impl Disk {
    /// The disk below `root`, which is there and empty.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: Vec::new(),
            seen: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            inodes: HashMap::new(),
        }
    }

    /// Plays one record.
    pub fn play(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Opened {
                inode,
                path,
                created,
            } => self.opened(inode, path, created)?,
            Record::Made { path } => self.name(Naming::Add(path, Entry::Directory)),
            Record::Removed { path } => self.name(Naming::Remove(path)),
            Record::Renamed { from, to } => {
                let entry = *self.seen.get(&from).ok_or_else(|| unknown(&from))?;
                self.name(Naming::Rename { from, to, entry });
            }
            Record::Written {
                inode,
                offset,
                data,
            } => {
                let offset = usize::try_from(offset)?;
                self.file(inode)?.change(Change::Write { offset, data });
            }
            Record::Resized { inode, bytes } => {
                let bytes = usize::try_from(bytes)?;
                self.file(inode)?.change(Change::Resize { bytes });
            }
            Record::Synced { inode } => self.file(inode)?.sync(),
            Record::SyncedDirectory { path } => self.sync_names(|at| parent(at) == path),
            Record::SyncedAll => {
                self.files.iter_mut().for_each(File::sync);
                self.sync_names(|_| true);
            }
            Record::Fault { .. } => {}
        }
        Ok(())
    }

    fn opened(&mut self, inode: u64, path: String, created: bool) -> Result<()> {
        let known = match self.seen.get(&path) {
            Some(Entry::File(file)) if !created => *file,
            None if created => {
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.name(Naming::Add(path, Entry::File(file)));
                file
            }
            _ => return Err(unknown(&path)),
        };
        self.inodes.insert(inode, known);
        Ok(())
    }

    fn file(&mut self, inode: u64) -> Result<&mut File> {
        let file = self
            .inodes
            .get(&inode)
            .ok_or("a file of which the journal has no opening")?;
        Ok(&mut self.files[*file])
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.seen);
        self.pending.push(naming);
    }

    fn sync_names(&mut self, belongs: impl Fn(&str) -> bool) {
        let all = std::mem::take(&mut self.pending);
        for naming in all {
            if naming.paths().iter().any(|path| belongs(path)) {
                naming.apply(&mut self.durable);
            } else {
                self.pending.push(naming);
            }
        }
    }

    /// Fails if the model and the real files differ: then the journal has missed a call.
    pub fn check(&self) -> Result<()> {
        let mut expected = BTreeSet::new();
        for (path, entry) in &self.seen {
            let Entry::File(file) = entry else {
                continue;
            };
            expected.insert(PathBuf::from(path));
            let real = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
            if real != self.files[*file].seen && !path.ends_with(MAPPED) {
                return Err(format!("{path} is not what the journal says").into());
            }
        }
        let mut real = BTreeSet::new();
        files(&self.root, &mut real)?;
        match real.difference(&expected).next() {
            None => Ok(()),
            Some(path) => Err(format!("the journal does not tell of {}", path.display()).into()),
        }
    }

    /// Cuts the power: draws a state of the disk and makes the real files those.
    pub fn cut(&mut self, random: &mut Rng, mercy: Mercy) -> Result<()> {
        let names = Luck::draw(mercy, random);
        let mut entries = std::mem::take(&mut self.durable);
        for naming in self.pending.drain(..) {
            if names.holds(random) {
                naming.apply(&mut entries);
            }
        }
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        let mut disk = Self::new(&self.root);
        let content = Luck::draw(mercy, random);
        // In the order of their paths: a directory comes before what is in it.
        for (path, entry) in entries {
            let above = parent(&path);
            if self.root != Path::new(above) && !disk.durable.contains_key(above) {
                continue;
            }
            let entry = match entry {
                Entry::Directory => {
                    fs::create_dir(&path)?;
                    Entry::Directory
                }
                Entry::File(file) => {
                    let bytes = self.files[file].after_cut(content, random);
                    fs::write(&path, &bytes)?;
                    let file = File {
                        seen: bytes.clone(),
                        durable: bytes,
                        pending: Vec::new(),
                    };
                    disk.files.push(file);
                    Entry::File(disk.files.len() - 1)
                }
            };
            disk.durable.insert(path, entry);
        }
        disk.seen.clone_from(&disk.durable);
        *self = disk;
        Ok(())
    }
}

impl Naming {
    fn paths(&self) -> Vec<&str> {
        match self {
            Self::Add(path, _) | Self::Remove(path) => vec![path],
            Self::Rename { from, to, .. } => vec![from, to],
        }
    }

    fn apply(&self, entries: &mut BTreeMap<String, Entry>) {
        match self {
            Self::Add(path, entry) => {
                entries.insert(path.clone(), *entry);
            }
            Self::Remove(path) => {
                entries.remove(path);
            }
            Self::Rename { from, to, entry } => {
                entries.remove(from);
                entries.insert(to.clone(), *entry);
            }
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn unknown(path: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("the journal does not tell how {path} came to be as it is").into()
}

#[cfg(test)]
mod tests;
