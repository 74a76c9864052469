//! Which formats there are, and what their parts are called.
//!
//! The name of a shape is written into the ledger, so that a job never goes on in another one.

use std::fmt;
use std::time::SystemTime;

use crate::error::Error;
use crate::parts::PartKind;
use crate::warc::info;

/// What becomes of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One line of JSON for each result, with its body.
    #[default]
    Jsonl,
    /// The body as a file of its own below `files/`, and a line of JSON that names it.
    Files,
    /// The exchanges as they went over the wire, as WARC/1.1 with an index (CDXJ); compressed with
    /// gzip if at all.
    Warc,
}

/// How parts are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952), as many members, one after the other.
    Gzip,
    /// Zstandard (RFC 8878), as many frames, one after the other.
    Zstd,
}

/// Everything that says what the output looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    /// Bodies that are JSON become values.
    pub(crate) json_bodies: bool,
    /// The results keep the order of the list.
    pub(crate) ordered: bool,
    /// Archives refer to payloads that they have already.
    pub(crate) revisits: bool,
}

impl Shape {
    /// Refuses what does not go together.
    pub(crate) fn check(self) -> Result<(), Error> {
        let refused = |text: &str| Err(Error::Config(text.to_owned()));
        match self.format {
            Format::Jsonl | Format::Files if self.revisits => {
                refused("revisits are records of archives: they need the format warc")
            }
            Format::Jsonl => Ok(()),
            Format::Files if self.compression != Compression::None => {
                refused("files are written as they are: leave out the compression")
            }
            Format::Files if self.json_bodies => refused(
                "files are written as they are: bodies as JSON values need the format jsonl",
            ),
            Format::Files => Ok(()),
            Format::Warc if self.compression == Compression::Zstd => refused(
                "archives are compressed with gzip, which every reader knows, or not at all",
            ),
            Format::Warc if self.json_bodies => refused(
                "archives hold bodies as they came: bodies as JSON values need the format jsonl",
            ),
            Format::Warc => Ok(()),
        }
    }

    /// What the names of the parts end with.
    pub(crate) fn extension(self) -> &'static str {
        match (self.format, self.compression) {
            (Format::Warc, Compression::None) => "warc",
            (Format::Warc, _) => "warc.gz",
            (_, Compression::None) => "jsonl",
            (_, Compression::Gzip) => "jsonl.gz",
            (_, Compression::Zstd) => "jsonl.zst",
        }
    }

    /// What the parts are like that are closed at `max` bytes.
    pub(crate) fn parts(self, max: u64) -> PartKind {
        let is_archive = self.format == Format::Warc;
        let is_compressed = self.compression != Compression::None;
        let begin: fn(&str) -> Vec<u8> = match is_compressed {
            true => |name| info(name, true, SystemTime::now()),
            false => |name| info(name, false, SystemTime::now()),
        };
        PartKind {
            extension: self.extension(),
            max,
            begin: is_archive.then_some(begin),
            is_indexed: is_archive,
        }
    }
}

/// The name in the ledger.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.format {
            Format::Jsonl | Format::Warc => self.extension(),
            Format::Files => "files",
        })?;
        f.write_str(if self.ordered { " in order" } else { "" })
    }
}
