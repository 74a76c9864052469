//! `index.cdxj`: the indexes of all parts as one, in the order in which replay looks URLs up.
//!
//! It follows from them, so it is made when nothing is left to do, and not again as long as it has
//! all that they have. No reader ever sees half of it.

use std::path::PathBuf;

use crate::directory::{Directory, INDEX, INDEX_SCRATCH, index_name};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::parts::PartState;
use crate::warc::{Runs, sort};

/// Makes the index anew if there is more to say; `changed` if there certainly is.
pub(super) fn write(directory: &Directory, ledger: &Ledger, changed: bool) -> Result<(), Error> {
    let parts = ledger.parts()?;
    let length: u64 = parts.iter().map(|part| part.index_bytes).sum();
    let before = std::fs::metadata(directory.join(INDEX)).map(|metadata| metadata.len());
    // The same lines in another order have the same length.
    if changed || before.ok() != Some(length) {
        make(directory, &parts)?;
    }
    // Also if there was nothing to do: an earlier run may not have come to this.
    INDEX_SCRATCH
        .iter()
        .try_for_each(|name| directory.remove(name))
}

fn make(directory: &Directory, parts: &[PartState]) -> Result<(), Error> {
    let paths: Vec<(PathBuf, u64)> = parts
        .iter()
        .map(|part| (directory.join(&index_name(part.number)), part.index_bytes))
        .collect();
    let scratch = INDEX_SCRATCH.map(|name| directory.join(name));
    directory.replace(INDEX, |out| {
        let parts = paths.iter().map(|(path, length)| (path.as_path(), *length));
        let sorted = sort(parts, [&scratch[0], &scratch[1]], Runs::default(), out);
        sorted.map_err(|error| Error::write(directory.join(INDEX), error))
    })
}
