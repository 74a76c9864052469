//! The content of one file: as it is seen, as it is on disk, and what lies between.
//!
//! See [`disk`](crate::disk) for what may have reached the disk at a cut. It knows no names.

use std::collections::BTreeMap;

use fastrand::Rng;

const SECTOR: usize = 512;

/// Whether what was not synced may have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mercy {
    Chance,
    None,
}

/// How much of what was pending has reached the disk.
#[derive(Clone, Copy, Debug)]
pub enum Luck {
    Nothing,
    Some,
    All,
}

impl Luck {
    pub fn draw(mercy: Mercy, random: &mut Rng) -> Self {
        match random.u8(0..4) {
            _ if mercy == Mercy::None => Self::Nothing,
            0 => Self::Nothing,
            1 => Self::All,
            _ => Self::Some,
        }
    }

    pub fn holds(self, random: &mut Rng) -> bool {
        match self {
            Self::Nothing => false,
            Self::Some => random.bool(),
            Self::All => true,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct File {
    pub seen: Vec<u8>,
    pub durable: Vec<u8>,
    pub pending: Vec<Change>,
}

#[derive(Clone, Debug)]
pub enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize { bytes: usize },
}

impl File {
    pub fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    pub fn sync(&mut self) {
        self.pending.clear();
        self.durable.clone_from(&self.seen);
    }

    pub fn after_cut(&self, luck: Luck, random: &mut Rng) -> Vec<u8> {
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
                versions
                    .entry(sector)
                    .or_default()
                    .push(sector_of(&state, sector));
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
