//! The journal of the changes that a program makes below one directory, in the order they took effect.
//!
//! The library that writes it lives in the program, and the one that reads it outlives the program,
//! so both compile this one file. It never holds a change that the system refused.

/// One change, or one sync, that the system carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A file was opened under this path; `created` if it was not there before.
    Opened { inode: u64, path: String, created: bool },
    /// A directory was made.
    Made { path: String },
    /// A file or an empty directory was removed.
    Removed { path: String },
    /// A file has another path now.
    Renamed { from: String, to: String },
    /// Bytes were written into a file.
    Written { inode: u64, offset: u64, data: Vec<u8> },
    /// A file was cut or made longer.
    Resized { inode: u64, bytes: u64 },
    /// The content of a file is on disk.
    Synced { inode: u64 },
    /// The entries of a directory are on disk.
    SyncedDirectory { path: String },
    /// All of the file system is on disk.
    SyncedAll,
    /// A call was made to fail, or the program was killed at it.
    Fault { path: String, call: String },
}

impl Record {
    /// Appends the record: a tag, then its fields, each with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Opened { inode, path, created } => {
                out.push(1);
                number(*inode, out);
                bytes(path.as_bytes(), out);
                out.push(u8::from(*created));
            }
            Self::Made { path } => text(2, &[path], out),
            Self::Removed { path } => text(3, &[path], out),
            Self::Renamed { from, to } => text(4, &[from, to], out),
            Self::Written { inode, offset, data } => {
                out.push(5);
                number(*inode, out);
                number(*offset, out);
                bytes(data, out);
            }
            Self::Resized { inode, bytes } => {
                out.push(6);
                number(*inode, out);
                number(*bytes, out);
            }
            Self::Synced { inode } => {
                out.push(7);
                number(*inode, out);
            }
            Self::SyncedDirectory { path } => text(8, &[path], out),
            Self::SyncedAll => out.push(9),
            Self::Fault { path, call } => text(10, &[path, call], out),
        }
    }

    /// Takes the next record off `from`; `None` at the end, or where what follows is not whole.
    pub fn decode(from: &mut &[u8]) -> Option<Self> {
        let (tag, rest) = from.split_first()?;
        *from = rest;
        Some(match tag {
            1 => Self::Opened {
                inode: take_number(from)?,
                path: take_text(from)?,
                created: take(from, 1)?[0] == 1,
            },
            2 => Self::Made { path: take_text(from)? },
            3 => Self::Removed { path: take_text(from)? },
            4 => Self::Renamed { from: take_text(from)?, to: take_text(from)? },
            5 => Self::Written {
                inode: take_number(from)?,
                offset: take_number(from)?,
                data: take_bytes(from)?.to_vec(),
            },
            6 => Self::Resized { inode: take_number(from)?, bytes: take_number(from)? },
            7 => Self::Synced { inode: take_number(from)? },
            8 => Self::SyncedDirectory { path: take_text(from)? },
            9 => Self::SyncedAll,
            10 => Self::Fault { path: take_text(from)?, call: take_text(from)? },
            _ => return None,
        })
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn bytes(value: &[u8], out: &mut Vec<u8>) {
    number(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn text(tag: u8, fields: &[&String], out: &mut Vec<u8>) {
    out.push(tag);
    for field in fields {
        bytes(field.as_bytes(), out);
    }
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(taken)
}

fn take_number(from: &mut &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(take(from, 8)?.try_into().ok()?))
}

fn take_bytes<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = usize::try_from(take_number(from)?).ok()?;
    take(from, count)
}

fn take_text(from: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_bytes(from)?.to_vec()).ok()
}
