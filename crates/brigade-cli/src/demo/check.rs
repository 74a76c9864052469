//! Compares what the demo's job wrote with what its servers sent.
//!
//! It reads the files as anyone would, with a JSON parser, and knows nothing of how they were
//! written. Every line of the list must be there exactly once, with the right body or as a failure.

use super::site::{Fate, Site};
use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// How many lines were found as they must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) bodies: usize,
    pub(super) failures: usize,
}

#[derive(Deserialize)]
struct Record {
    index: usize,
    body: Option<String>,
    body_base64: Option<String>,
    kind: Option<String>,
}

impl Record {
    fn bytes(self) -> anyhow::Result<Vec<u8>> {
        match (self.body, self.body_base64) {
            (Some(text), None) => Ok(text.into_bytes()),
            (None, Some(coded)) => Ok(STANDARD.decode(coded)?),
            _ => bail!("not exactly one body"),
        }
    }
}

/// Checks all records in `output`.
pub(super) fn check(site: &Site, output: &Path) -> anyhow::Result<Checked> {
    let mut seen = vec![false; site.len()];
    let mut checked = Checked::default();
    for entry in fs::read_dir(output)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let results = name.starts_with("part-");
        if !results && name != "failures.jsonl" {
            continue;
        }
        for line in BufReader::new(File::open(&path)?).lines() {
            let record: Record = serde_json::from_str(&line?).with_context(|| name.to_string())?;
            let index = record.index;
            let first = seen
                .get_mut(index)
                .map(|seen| !std::mem::replace(seen, true));
            ensure!(
                first == Some(true),
                "line {index} is there twice, or not in the list"
            );
            compare(site.fate(index), record, results)
                .with_context(|| format!("line {index} in {name}"))?;
            if results {
                checked.bodies += 1
            } else {
                checked.failures += 1
            }
        }
    }
    if let Some(missing) = seen.iter().position(|seen| !seen) {
        bail!("line {missing} is missing");
    }
    Ok(checked)
}

fn compare(fate: Fate, record: Record, result: bool) -> anyhow::Result<()> {
    match (fate, result) {
        (Fate::Body(expected), true) => {
            ensure!(record.bytes()? == expected, "the body is not what was sent");
        }
        (Fate::Failure, false) => ensure!(record.kind.is_some(), "no kind of failure"),
        (Fate::Body(_), false) => bail!("failed, and should not"),
        (Fate::Failure, true) => bail!("succeeded, and should not"),
    }
    Ok(())
}
