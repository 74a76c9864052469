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
use crate::output::files;
use crate::record::Record;

const SECTOR: usize = 512;
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

#[derive(Clone, Debug, Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize { bytes: usize },
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
    Rename { from: String, to: String, entry: Entry },
}

/// Whether what was not synced may have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mercy {
    Chance,
    None,
}

/// How much of what was pending has reached the disk.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Nothing,
    Some,
    All,
}

impl Luck {
    fn draw(mercy: Mercy, random: &mut Rng) -> Self {
        match random.u8(0..4) {
            _ if mercy == Mercy::None => Self::Nothing,
            0 => Self::Nothing,
            1 => Self::All,
            _ => Self::Some,
        }
    }

    fn holds(self, random: &mut Rng) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some => random.bool(),
            Self::All => true,
        }
    }
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
            Record::Opened { inode, path, created } => self.opened(inode, path, created)?,
            Record::Made { path } => self.name(Naming::Add(path, Entry::Directory)),
            Record::Removed { path } => self.name(Naming::Remove(path)),
            Record::Renamed { from, to } => {
                let entry = *self.seen.get(&from).ok_or_else(|| unknown(&from))?;
                self.name(Naming::Rename { from, to, entry });
            }
            Record::Written { inode, offset, data } => {
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
        let file = self.inodes.get(&inode).ok_or("a file of which the journal has no opening")?;
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
                    let file = File { seen: bytes.clone(), durable: bytes, pending: Vec::new() };
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

impl File {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.seen);
    }

    fn after_cut(&self, luck: Luck, random: &mut Rng) -> Vec<u8> {
        match luck {
            Luck::Nothing => return self.durable.clone(),
            Luck::All => return self.seen.clone(),
            Luck::Some => {}
        }
        let (mut state, mut lengths) = (self.durable.clone(), vec![self.durable.len()]);
        let mut versions: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
        for change in &self.pending {
            let touched = change.sectors(state.len());
            change.apply(&mut state);
            lengths.push(state.len());
            for sector in touched {
                versions.entry(sector).or_default().push(sector_of(&state, sector));
            }
        }
        let length = *random.choice(&lengths).unwrap_or(&0);
        let mut bytes = self.durable.clone();
        bytes.resize(length, 0);
        for (sector, written) in versions {
            let chosen = random.usize(0..=written.len());
            let rubbish = sector * SECTOR >= self.durable.len() && random.u8(0..4) == 0;
            let content = match chosen.checked_sub(1) {
                Some(version) => written[version].clone(),
                None if rubbish => (0..SECTOR).map(|_| random.u8(..)).collect(),
                None => sector_of(&self.durable, sector),
            };
            let start = (sector * SECTOR).min(length);
            let end = (start + SECTOR).min(length);
            bytes[start..end].copy_from_slice(&content[..end - start]);
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::Resize { bytes: length } => bytes.resize(*length, 0),
        }
    }

    /// The sectors that it changes in a file of this length.
    fn sectors(&self, length: usize) -> std::ops::Range<usize> {
        let (start, end) = match self {
            Self::Write { offset, data } => (*offset, offset + data.len()),
            Self::Resize { bytes } => (length.min(*bytes), length.max(*bytes)),
        };
        start / SECTOR..end.div_ceil(SECTOR)
    }
}

/// A sector of a file, with zeros beyond its end.
fn sector_of(bytes: &[u8], sector: usize) -> Vec<u8> {
    let start = (sector * SECTOR).min(bytes.len());
    let mut content = bytes[start..(start + SECTOR).min(bytes.len())].to_vec();
    content.resize(SECTOR, 0);
    content
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn unknown(path: &str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("the journal does not tell how {path} came to be as it is").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(inode: u64, offset: u64, data: &[u8]) -> Record {
        Record::Written { inode, offset, data: data.to_vec() }
    }

    /// Plays the records below a directory, cuts the power with many seeds, and hands what is left of
    /// the file `name` to `check`.
    fn cuts(records: impl Fn(&str) -> Vec<Record>, name: &str) -> Vec<Option<Vec<u8>>> {
        (0..64)
            .map(|seed| {
                let folder = tempfile::tempdir().unwrap();
                let root = folder.path().to_str().unwrap();
                let mut disk = Disk::new(folder.path());
                for record in records(root) {
                    disk.play(record).unwrap();
                }
                disk.cut(&mut Rng::with_seed(seed), Mercy::Chance).unwrap();
                fs::read(folder.path().join(name)).ok()
            })
            .collect()
    }

    fn made(root: &str, name: &str) -> Record {
        Record::Opened { inode: 1, path: format!("{root}/{name}"), created: true }
    }

    #[test]
    fn what_is_synced_is_there_and_nothing_else_for_certain() {
        let synced = |root: &str| {
            let path = root.to_owned();
            let synced = Record::Synced { inode: 1 };
            let directory = Record::SyncedDirectory { path };
            vec![made(root, "a"), written(1, 0, b"safe"), synced, directory, written(1, 4, b"risk")]
        };
        let left = cuts(synced, "a");
        assert!(left.iter().all(|file| file.as_ref().is_some_and(|file| file.starts_with(b"safe"))));
        for length in [4, 8] {
            assert!(left.iter().flatten().any(|file| file.len() == length), "{length}");
        }
        assert!(left.iter().flatten().any(|file| file.ends_with(b"risk")));
    }

    #[test]
    fn a_file_vanishes_or_not_while_its_directory_is_not_synced() {
        let alone = |root: &str| {
            vec![made(root, "a"), written(1, 0, b"x"), Record::Synced { inode: 1 }]
        };
        let left = cuts(alone, "a");
        assert!(left.iter().any(Option::is_none));
        assert!(left.iter().any(|file| file.as_deref() == Some(b"x")));
    }

    #[test]
    fn a_rename_that_is_not_synced_leaves_the_old_file_or_the_new_one() {
        let renamed = |root: &str| {
            let old = Record::Opened { inode: 2, path: format!("{root}/b"), created: true };
            let directory = Record::SyncedDirectory { path: root.to_owned() };
            let (from, to) = (format!("{root}/a"), format!("{root}/b"));
            vec![
                old,
                written(2, 0, b"old"),
                Record::Synced { inode: 2 },
                made(root, "a"),
                written(1, 0, b"new"),
                Record::Synced { inode: 1 },
                directory,
                Record::Renamed { from, to },
            ]
        };
        let left = cuts(renamed, "b");
        for content in [&b"old"[..], b"new"] {
            assert!(left.iter().any(|file| file.as_deref() == Some(content)));
        }
        assert!(left.iter().all(Option::is_some));
    }
}
