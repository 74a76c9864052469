//! Holds the output of a job against what the server had: each index once, each body equal.
//!
//! It reads the parts as a user's program would, line by line with a JSON parser, and trusts nothing
//! that the job says about itself.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::{Result, parts};

/// What an output directory holds, counted against the expected list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub records: usize,
    pub missing: usize,
    pub doubled: usize,
    pub torn: usize,
    pub different: usize,
}

impl Count {
    pub fn is_clean(&self) -> bool {
        self.missing + self.doubled + self.torn + self.different == 0
    }
}

/// The file whose content the record of each index must have.
pub fn output(out: &Path, files: &[PathBuf]) -> Result<Count> {
    let mut seen = vec![0u32; files.len()];
    let mut count = Count::default();
    let mut bodies: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for path in parts::of(out)? {
        for line in BufReader::new(File::open(&path)?).split(b'\n') {
            let Ok(record) = serde_json::from_slice::<serde_json::Value>(&line?) else {
                count.torn += 1;
                continue;
            };
            let index = record["index"]
                .as_u64()
                .ok_or("a record without an index")? as usize;
            let body = body(&record)?;
            count.records += 1;
            *seen.get_mut(index).ok_or("an index beyond the list")? += 1;
            let file = &files[index];
            // The same few thousand files are asked for again and again: read each once.
            let key = index % 20_000;
            let expected = match bodies.get(&key) {
                Some(known) if files.len() > 20_000 && files[key] == *file => known,
                _ => {
                    bodies.insert(key, fs::read(file)?);
                    &bodies[&key]
                }
            };
            count.different += usize::from(&body != expected || record["status"] != 200);
        }
    }
    count.missing = seen.iter().filter(|times| **times == 0).count();
    count.doubled = seen.iter().filter(|times| **times > 1).count();
    Ok(count)
}

fn body(record: &serde_json::Value) -> Result<Vec<u8>> {
    if let Some(text) = record["body"].as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let text = record["body_base64"]
        .as_str()
        .ok_or("a record without a body")?;
    decode_base64(text).ok_or_else(|| "a body that is not base64".into())
}

/// RFC 4648 section 4, written out so that the check does not share code with what it checks.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.as_bytes().chunks(4) {
        let letters: Vec<u8> = group
            .iter()
            .take_while(|byte| **byte != b'=')
            .copied()
            .collect();
        let mut bits = 0u32;
        for letter in &letters {
            bits = bits << 6 | u32::from(value(*letter)?);
        }
        bits <<= 6 * (4 - letters.len() as u32);
        bytes.extend_from_slice(&bits.to_be_bytes()[1..letters.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard_is_read() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
        ] {
            assert_eq!(
                decode_base64(text).as_deref(),
                Some(bytes.as_bytes()),
                "{text}"
            );
        }
    }
}
