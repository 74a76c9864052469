//! The files that the server serves: bodies of words, or JSON dense with quotes, from a fixed seed.
//!
//! The sizes follow what collectors meet: 4 to 16 KiB, evenly spread.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Result;

/// What the bodies are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    Words,
    Json,
    /// About a hundred bytes: the cost of a request without the cost of its body.
    Small,
}

/// A small generator with a fixed seed (xorshift64*, Marsaglia 2003; Vigna 2016).
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit
    }
}

/// Writes `files` bodies as `root/00000.txt` and so on; returns the bytes written.
pub fn write(root: &Path, bodies: Bodies, files: usize) -> Result<u64> {
    fs::create_dir_all(root)?;
    let mut random = Random::new();
    let mut total = 0;
    for index in 0..files {
        let size = match bodies {
            Bodies::Small => 100,
            _ => 4096 + random.below(12 * 1024 + 1) as usize,
        };
        let body = body(&mut random, bodies, size);
        total += body.len() as u64;
        fs::write(root.join(format!("{index:05}.txt")), body)?;
    }
    Ok(total)
}

fn body(random: &mut Random, bodies: Bodies, size: usize) -> String {
    let mut text = String::with_capacity(size + 64);
    // A whole document, so that it can be kept as a value.
    text.push_str(if bodies == Bodies::Json { "[" } else { "" });
    while text.len() < size {
        let word = random.below(90_000) + 10_000;
        match bodies {
            Bodies::Json => {
                let _ = write!(text, "{{\"id\":\"{word}\",\"k\":\"v{}\"}},", word % 97);
            }
            _ if word.is_multiple_of(13) => text.push('\n'),
            _ => {
                let _ = write!(text, "word{word:x} ");
            }
        }
    }
    if bodies == Bodies::Json {
        text.pop();
        text.push(']');
    }
    text
}

/// The URL of each of `count` requests: the files in turn, each with a query string of its own.
pub fn urls(base: &str, files: usize, count: usize) -> impl Iterator<Item = String> {
    let base = base.to_owned();
    (0..count).map(move |index| format!("{base}/{:05}.txt?n={index}", index % files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_json_is_a_document_dense_with_quotes() {
        let text = body(&mut Random::new(), Bodies::Json, 4096);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert!(text.matches('"').count() * 5 > text.len());
    }
}
