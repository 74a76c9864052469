//! What an encoder does.

use std::fmt::Debug;

use crate::error::Error;
use crate::record::Success;
use crate::warc::{Entry, Originals};

/// Whole records, as they are appended to a part.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u64,
    /// What the index says of them, if there is one.
    pub(crate) index: Vec<Entry>,
    /// The payloads in it that later blocks may refer to.
    pub(crate) originals: Originals,
}

/// Turns results into a block. It is called from several threads at the same time.
pub(crate) trait Encode: Debug + Send + Sync {
    /// Encodes `results` in their order. What it writes beside the parts need not be on disk yet.
    fn encode(&self, results: &[Success]) -> Result<Block, Error>;

    /// Hears that a block lies in its part, before every block that is encoded from now on.
    fn appended(&self, _block: Block) {}

    /// Puts on disk what was written beside the parts for all blocks that were encoded so far.
    fn sync(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes away what an interrupted run may have left of a result that is now a failure.
    fn discard(&self, _place: &str) -> Result<(), Error> {
        Ok(())
    }
}
