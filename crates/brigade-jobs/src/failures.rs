//! `failures.jsonl`: the failures of the ledger as lines of JSON.
//!
//! The file is derived, never the truth: it is written beside its place at the end of each run and
//! renamed, so that a failure that was healed is gone from it and no reader sees half of it.

use crate::directory::{Directory, FAILURES};
use crate::error::Error;
use crate::ledger::{FailureRecord, Ledger};
use crate::record::{columns, number, string};

/// Writes the file anew.
pub(crate) fn write(directory: &Directory, ledger: &Ledger) -> Result<(), Error> {
    directory.replace(FAILURES, |file| {
        let mut text = Vec::new();
        ledger.failures(|failure| {
            text.clear();
            failure.write_json(&mut text);
            file.write_all(&text)
                .map_err(|error| Error::write(directory.join(FAILURES), error))
        })
    })
}

impl FailureRecord {
    /// Appends the record as the line of JSON that it is in `failures.jsonl`, its LF included.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"index\":");
        number(self.index, out);
        out.extend_from_slice(b",\"url\":");
        string(&self.url, out);
        columns(self.columns.as_deref(), out);
        out.extend_from_slice(b",\"kind\":");
        string(&self.kind, out);
        if let Some(status) = self.status {
            out.extend_from_slice(b",\"status\":");
            number(status.into(), out);
        }
        out.extend_from_slice(b",\"message\":");
        string(&self.message, out);
        out.extend_from_slice(b",\"attempts\":");
        number(self.attempts.into(), out);
        out.extend_from_slice(b"}\n");
    }
}
