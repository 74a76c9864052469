//! Which formats there are, and what their parts are called.
//!
//! The name of a shape is written into the ledger, so that a job never goes on in another one.

use std::fmt;

use crate::error::Error;

/// What becomes of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One line of JSON for each result, with its body.
    #[default]
    Jsonl,
    /// The body as a file of its own below `files/`, and a line of JSON that names it.
    Files,
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
}

impl Shape {
    /// Refuses what does not go together.
    pub(crate) fn check(self) -> Result<(), Error> {
        let refused = |text: &str| Err(Error::Config(text.to_owned()));
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Files if self.compression != Compression::None => {
                refused("files are written as they are: leave out the compression")
            }
            Format::Files if self.json_bodies => refused(
                "files are written as they are: bodies as JSON values need the format jsonl",
            ),
            Format::Files => Ok(()),
        }
    }

    /// What the names of the parts end with.
    pub(crate) fn extension(self) -> &'static str {
        match self.compression {
            Compression::None => "jsonl",
            Compression::Gzip => "jsonl.gz",
            Compression::Zstd => "jsonl.zst",
        }
    }
}

/// The name in the ledger.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.format {
            Format::Jsonl => f.write_str(self.extension()),
            Format::Files => f.write_str("files"),
        }
    }
}
