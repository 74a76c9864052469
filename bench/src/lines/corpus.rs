//! NDJSON as APIs stream it: objects of 194 bytes on average, and a blank line now and then.
//!
//! A block is repeated, so that a GiB is made in a second. It is small, because what this process holds
//! when it starts a side is counted as that side's peak memory.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::sides::Counts;
use crate::Result;
use crate::corpus::Random;

const BLOCK: usize = 4 << 20;

/// Writes some `bytes` to `path`; what is in there.
pub(super) fn write(path: &Path, bytes: usize) -> Result<Counts> {
    let block = block(bytes.min(BLOCK));
    let times = bytes.div_ceil(block.len());
    let mut file = File::create(path)?;
    for _ in 0..times {
        file.write_all(block.as_bytes())?;
    }
    let lines = block.lines().count();
    let non_blank = block.lines().filter(|line| !line.is_empty()).count();
    Ok(Counts {
        bytes: block.len() * times,
        lines: lines * times,
        non_blank: non_blank * times,
    })
}

fn block(bytes: usize) -> String {
    let mut random = Random::new();
    let mut block = String::with_capacity(bytes + 512);
    let mut id = 0;
    while block.len() < bytes {
        id += 1;
        if random.below(51) != 0 {
            let user = random.below(1_000_000);
            let _ = write!(block, "{{\"id\":{id},\"user\":\"user-{user}\",\"tags\":[");
            for tag in 0..random.below(8) {
                let comma = if tag == 0 { "" } else { "," };
                let _ = write!(block, "{comma}\"t{}\"", random.below(100));
            }
            block.push_str("],\"text\":\"");
            for _ in 0..random.below(33) {
                let _ = write!(block, "word{} ", random.below(1000));
            }
            block.push_str("\"}");
        }
        block.push('\n');
    }
    block
}
