//! Lines that the window cannot hold, on disk as places in the list.
//!
//! A place is 25 bytes; places of one host lie together in slots of one file, which are used
//! again. A thread of its own reads and writes the file and reads the lines again, so neither the
//! event loop nor the reader of the list waits for it. The file is scratch: a later run starts
//! from the ledger and never looks at it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::host::HostId;
use crate::error::Error;
use crate::input::{Item, Origin};

/// Places that one slot holds.
pub(crate) const SLOT: usize = 512;
const PLACE: usize = 25;

/// A slot of the file, and which of its places are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) number: u32,
    /// The first place, those before it having been read.
    pub(crate) first: u16,
    /// Behind the last place.
    pub(crate) end: u16,
}

impl Slot {
    /// Number of places.
    pub(crate) fn len(self) -> usize {
        usize::from(self.end - self.first)
    }
}

/// Where a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) attempts: u32,
    /// How often its redirects are followed from the beginning again.
    pub(crate) begun: u8,
}

/// What the thread is asked to do. It does so in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Write these places into a slot, after those that it holds.
    Write { slot: Slot, places: Vec<Place> },
    /// Read the lines of a slot again; `last` if nothing is left in it then.
    Read {
        host: HostId,
        slot: Slot,
        last: bool,
    },
}

/// The lines of a slot.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) host: HostId,
    pub(crate) slot: Slot,
    pub(crate) last: bool,
    pub(crate) items: Vec<Item>,
}

/// The file and the list that its places lie in.
#[derive(Debug)]
pub(crate) struct Spill {
    path: PathBuf,
    file: File,
    list: Origin,
    buffer: Vec<u8>,
}

impl Spill {
    /// Starts the thread; it ends when the sender of orders is gone.
    pub(crate) fn start(
        path: &Path,
        list: Origin,
        mut orders: mpsc::Receiver<Order>,
        loaded: mpsc::Sender<Result<Loaded, Error>>,
    ) -> Result<(), Error> {
        let mut spill = Self::open(path, list)?;
        std::thread::Builder::new()
            .name("brigade-spill".into())
            .spawn(move || {
                while let Some(order) = orders.blocking_recv() {
                    let done = spill.follow(order).transpose();
                    // A job that has ended asks for nothing more.
                    if let Some(result) = done
                        && loaded.blocking_send(result).is_err()
                    {
                        break;
                    }
                }
            })
            .map_err(|error| Error::write(path, error))?;
        Ok(())
    }

    pub(super) fn open(path: &Path, list: Origin) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Error::write(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            list,
            buffer: Vec::new(),
        })
    }

    pub(super) fn follow(&mut self, order: Order) -> Result<Option<Loaded>, Error> {
        match order {
            Order::Write { slot, places } => {
                let written = self.write(slot, &places);
                written.map_err(|error| Error::write(&self.path, error))?;
                Ok(None)
            }
            Order::Read { host, slot, last } => {
                let read = self.read(slot);
                let places = read.map_err(|error| Error::write(&self.path, error))?;
                let items = self.items(&places)?;
                Ok(Some(Loaded {
                    host,
                    slot,
                    last,
                    items,
                }))
            }
        }
    }

    fn write(&mut self, slot: Slot, places: &[Place]) -> io::Result<()> {
        self.buffer.clear();
        for place in places {
            self.buffer.extend_from_slice(&place.index.to_le_bytes());
            self.buffer.extend_from_slice(&place.offset.to_le_bytes());
            self.buffer.extend_from_slice(&place.length.to_le_bytes());
            self.buffer.extend_from_slice(&place.attempts.to_le_bytes());
            self.buffer.push(place.begun);
        }
        let behind = u64::from(slot.end) * PLACE as u64;
        self.file
            .write_all_at(&self.buffer, position(slot.number) + behind)
    }

    fn read(&mut self, slot: Slot) -> io::Result<Vec<Place>> {
        self.buffer.resize(slot.len() * PLACE, 0);
        let before = u64::from(slot.first) * PLACE as u64;
        self.file
            .read_exact_at(&mut self.buffer, position(slot.number) + before)?;
        let (places, _) = self.buffer.as_chunks::<PLACE>();
        Ok(places.iter().map(place).collect())
    }

    fn items(&self, places: &[Place]) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(places.len());
        for place in places {
            let read = self.list.reread(place.index, place.offset, place.length);
            let list = "while the job runs".to_owned();
            let item = read.map_err(|source| Error::Input {
                list: list.clone(),
                source,
            })?;
            let Some(mut item) = item else {
                let difference = format!("line {} has changed", place.index + 1);
                return Err(Error::InputChanged { list, difference });
            };
            item.attempts = place.attempts;
            item.begin_again(place.begun);
            items.push(item);
        }
        Ok(items)
    }
}

fn position(slot: u32) -> u64 {
    u64::from(slot) * (SLOT * PLACE) as u64
}

fn place(bytes: &[u8; PLACE]) -> Place {
    let long = |at: usize| {
        let mut value = [0; 8];
        value.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(value)
    };
    let last = long(16);
    Place {
        index: long(0),
        offset: long(8),
        length: last as u32,
        attempts: (last >> 32) as u32,
        begun: bytes[24],
    }
}
