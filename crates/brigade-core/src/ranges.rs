//! The set of finished line numbers: a watermark and, beyond it, one bit a line at the most.
//!
//! A job finishes its lines nearly in order, so "everything below the watermark" says almost all
//! of it in one number. What a blocked host leaves open keeps the watermark back, and then the set
//! costs one bit for each line beyond it, whatever the pattern: a plain list of ranges would grow
//! without bound when the lines of two hosts alternate.
//!
//! It never forgets a line and never counts one twice.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Lines in a block: 1 KiB of bits.
const BLOCK: u64 = 8192;
const WORDS: usize = (BLOCK / 64) as usize;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Full,
    Bits {
        count: u64,
        words: Box<[u64; WORDS]>,
    },
}

/// A set of line numbers that is dense from zero on.
///
/// Inserting costs a map lookup among the blocks that are open; memory is one bit for each line
/// between the watermark and the furthest line, rounded up to 1 KiB, and nothing for full blocks.
///
/// # Examples
///
/// ```
/// use brigade_core::ranges::DoneSet;
///
/// let mut done = DoneSet::new();
/// for line in [0, 1, 4, 5, 7] {
///     assert!(done.insert(line));
/// }
/// assert!(!done.insert(4), "it was there");
/// assert_eq!(done.watermark(), 2);
/// assert_eq!(done.ranges().collect::<Vec<_>>(), [4..=5, 7..=7]);
/// done.insert_range(2..=3);
/// assert_eq!(done.watermark(), 6);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoneSet {
    watermark: u64,
    blocks: BTreeMap<u64, Block>,
}

impl DoneSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first line that is not in the set: all below it are.
    pub fn watermark(&self) -> u64 {
        self.watermark
    }

    /// Whether `line` is in the set.
    pub fn contains(&self, line: u64) -> bool {
        line < self.watermark
            || match self.blocks.get(&(line / BLOCK)) {
                None => false,
                Some(Block::Full) => true,
                Some(Block::Bits { words, .. }) => bit(words, line),
            }
    }

    /// Adds one line; false if it was there.
    pub fn insert(&mut self, line: u64) -> bool {
        if line < self.watermark {
            return false;
        }
        if line == self.watermark && self.blocks.is_empty() {
            self.watermark += 1;
            return true;
        }
        let added = self.set(line);
        if line == self.watermark {
            self.advance();
        }
        added
    }

    /// Adds all lines of a range; those that were there are left alone.
    pub fn insert_range(&mut self, range: RangeInclusive<u64>) {
        let (mut line, last) = (*range.start(), *range.end());
        while line <= last {
            if line <= self.watermark && self.blocks.is_empty() {
                self.watermark = self.watermark.max(last + 1);
                return;
            }
            let block_last = line - line % BLOCK + (BLOCK - 1);
            if line.is_multiple_of(BLOCK) && block_last <= last {
                self.blocks.insert(line / BLOCK, Block::Full);
            } else {
                for each in line..=last.min(block_last) {
                    if each >= self.watermark {
                        self.set(each);
                    }
                }
            }
            line = block_last + 1;
        }
        self.advance();
    }

    /// The ranges beyond the watermark, in order, as long as they can be.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        let mut from = self.watermark;
        std::iter::from_fn(move || {
            let first = self.next_in(from)?;
            let end = self.next_out(first);
            from = end;
            Some(first..=end - 1)
        })
    }

    /// The longest ranges beyond the watermark that hold any of `lines`, each once, in order.
    ///
    /// These are the rows that a ledger has to write after `lines` were added: every older row
    /// that overlaps one of them lies wholly inside it.
    pub fn ranges_around(&self, lines: &mut [u64]) -> Vec<RangeInclusive<u64>> {
        lines.sort_unstable();
        let mut found: Vec<RangeInclusive<u64>> = Vec::new();
        for &line in lines.iter() {
            let known = found.last().is_some_and(|range| range.contains(&line));
            if line >= self.watermark && !known && self.contains(line) {
                found.push(self.first_of_run(line)..=self.next_out(line) - 1);
            }
        }
        found
    }

    /// Bytes of memory that the open blocks take, without the map's own overhead.
    pub fn memory(&self) -> usize {
        let open = |block: &&Block| matches!(block, Block::Bits { .. });
        self.blocks.values().filter(open).count() * WORDS * 8
    }

    fn set(&mut self, line: u64) -> bool {
        let number = line / BLOCK;
        let watermark = self.watermark;
        let block = self.blocks.entry(number).or_insert_with(|| {
            // Lines below the watermark count, so that a block can become full.
            let mut words = Box::new([0; WORDS]);
            let below = watermark.saturating_sub(number * BLOCK).min(BLOCK);
            words[..(below / 64) as usize].fill(u64::MAX);
            if !below.is_multiple_of(64) {
                words[(below / 64) as usize] = (1 << (below % 64)) - 1;
            }
            Block::Bits {
                count: below,
                words,
            }
        });
        let Block::Bits { count, words } = block else {
            return false;
        };
        if bit(words, line) {
            return false;
        }
        words[word(line)] |= 1 << (line % 64);
        *count += 1;
        if *count == BLOCK {
            *block = Block::Full;
        }
        true
    }

    fn advance(&mut self) {
        self.watermark = self.next_out(self.watermark);
        let first_open = self.watermark / BLOCK;
        while let Some(entry) = self.blocks.first_entry() {
            if *entry.key() >= first_open {
                break;
            }
            entry.remove();
        }
    }

    /// The first line from `line` on that is in the set, of those that have a block.
    fn next_in(&self, line: u64) -> Option<u64> {
        for (&number, block) in self.blocks.range(line / BLOCK..) {
            let start = line.max(number * BLOCK);
            match block {
                Block::Full => return Some(start),
                Block::Bits { words, .. } => {
                    if let Some(found) = scan(start, |at| words[word(at)]) {
                        return Some(found);
                    }
                }
            }
        }
        None
    }

    /// The first line from `line` on that has no bit.
    fn next_out(&self, mut line: u64) -> u64 {
        loop {
            match self.blocks.get(&(line / BLOCK)) {
                None => return line,
                Some(Block::Full) => line = (line / BLOCK + 1) * BLOCK,
                Some(Block::Bits { words, .. }) => match scan(line, |at| !words[word(at)]) {
                    Some(found) => return found,
                    None => line = (line / BLOCK + 1) * BLOCK,
                },
            }
        }
    }

    /// The first line of the run that `line` is in; not below the watermark.
    fn first_of_run(&self, mut line: u64) -> u64 {
        while line > self.watermark {
            let before = line - 1;
            match self.blocks.get(&(before / BLOCK)) {
                None => break,
                Some(Block::Full) => line = before / BLOCK * BLOCK,
                Some(Block::Bits { words, .. }) => {
                    if !bit(words, before) {
                        break;
                    }
                    // A whole word of ones is passed in one step.
                    line = if before % 64 == 63 && words[word(before)] == u64::MAX {
                        before - 63
                    } else {
                        before
                    };
                }
            }
        }
        line.max(self.watermark)
    }
}

fn word(line: u64) -> usize {
    (line % BLOCK / 64) as usize
}

fn bit(words: &[u64; WORDS], line: u64) -> bool {
    words[word(line)] >> (line % 64) & 1 == 1
}

/// The first one bit at or after `line` within its block.
fn scan(line: u64, bits: impl Fn(u64) -> u64) -> Option<u64> {
    let end = (line / BLOCK + 1) * BLOCK;
    let mut at = line;
    while at < end {
        let rest = bits(at) >> (at % 64);
        if rest != 0 {
            return Some(at + u64::from(rest.trailing_zeros()));
        }
        at = (at / 64 + 1) * 64;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn runs(set: &BTreeSet<u64>, from: u64) -> Vec<RangeInclusive<u64>> {
        let mut runs: Vec<RangeInclusive<u64>> = Vec::new();
        for &line in set.range(from..) {
            match runs.last_mut() {
                Some(run) if *run.end() + 1 == line => *run = *run.start()..=line,
                _ => runs.push(line..=line),
            }
        }
        runs
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn f2c_the_done_set_equals_a_plain_set(
            steps in prop::collection::vec((0u64..3 * BLOCK, 0u64..2 * BLOCK, any::<bool>()), 1..24),
        ) {
            let (mut done, mut model) = (DoneSet::new(), BTreeSet::new());
            for (line, length, single) in steps {
                let mut touched = Vec::new();
                if single {
                    prop_assert_eq!(done.insert(line), model.insert(line));
                    touched.push(line);
                } else {
                    done.insert_range(line..=line + length);
                    model.extend(line..=line + length);
                    touched.extend([line + length, line]);
                }
                let watermark = (0..).find(|line| !model.contains(line)).unwrap();
                prop_assert_eq!(done.watermark(), watermark);
                let expected = runs(&model, watermark);
                prop_assert_eq!(done.ranges().collect::<Vec<_>>(), expected.clone());
                let around: Vec<_> = expected
                    .into_iter()
                    .filter(|run| touched.iter().any(|line| run.contains(line)))
                    .collect();
                prop_assert_eq!(done.ranges_around(&mut touched), around);
            }
        }
    }

    #[test]
    fn f2c_alternating_lines_of_a_blocked_host_cost_one_bit_a_line() {
        let mut done = DoneSet::new();
        for line in (1..2_000_000).step_by(2) {
            done.insert(line);
        }
        assert_eq!(done.watermark(), 0);
        assert!(done.memory() <= 2_000_000 / 8 + 1024, "{}", done.memory());
        for line in (0..2_000_000).step_by(2) {
            done.insert(line);
        }
        assert_eq!(done.watermark(), 2_000_000);
        assert!(done.memory() <= 1024, "{}", done.memory());
    }

    #[test]
    fn lines_done_nearly_in_order_keep_one_block() {
        let mut done = DoneSet::new();
        for window in 0..10_000u64 {
            for line in (window * 64..window * 64 + 64).rev() {
                done.insert(line);
                assert!(done.memory() <= 2 * 1024);
            }
        }
        assert_eq!(done.watermark(), 640_000);
    }
}
