//! The parts of a job's directory, found by their names, for all that read them.
//!
//! What is in them is for others to say.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// The parts below `out`, in the order of their numbers.
pub fn of(out: &Path) -> Result<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("part-") {
            parts.push(entry.path());
        }
    }
    parts.sort();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_order_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["part-00001.jsonl", "ledger.db", "part-00000.jsonl", "lock"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<_> = of(folder.path()).unwrap();
        let expected = ["part-00000.jsonl", "part-00001.jsonl"];
        assert_eq!(names, expected.map(|name| folder.path().join(name)));
    }
}
