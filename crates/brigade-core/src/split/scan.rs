//! Where a line ends.
//!
//! Most lines are short, and a call of `memchr` for each costs more than its search: it is chosen
//! at run time, so it cannot be inlined. So the first bytes are searched here, in a form that
//! compilers turn into vector instructions, and only what is behind them is left to `memchr`. It
//! never reads a byte twice for a long line.

use memchr::memchr;

/// How many bytes are looked at together.
const STRIDE: usize = 32;
/// How many bytes are searched here; a multiple of the stride.
const NEAR: usize = 512;

const LF: u64 = u64::from_le_bytes([b'\n'; 8]);
const LOW_BITS: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// The place of the first LF.
#[inline(always)]
pub(super) fn line_end(bytes: &[u8]) -> Option<usize> {
    let near = &bytes[..bytes.len().min(NEAR)];
    let (strides, _) = near.as_chunks::<STRIDE>();
    for (index, stride) in strides.iter().enumerate() {
        let has_end = stride
            .iter()
            .fold(0, |found, byte| found | u8::from(*byte == b'\n'));
        if has_end != 0 {
            return place_in(stride).map(|place| index * STRIDE + place);
        }
    }
    far_end(bytes, strides.len() * STRIDE)
}

/// Behind what has been searched: a long line, or the last bytes.
#[inline(never)]
fn far_end(bytes: &[u8], searched: usize) -> Option<usize> {
    memchr(b'\n', &bytes[searched..]).map(|place| searched + place)
}

#[inline(always)]
fn place_in(stride: &[u8; STRIDE]) -> Option<usize> {
    let (words, _) = stride.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let difference = u64::from_le_bytes(*word) ^ LF;
        // The lowest bit that is set marks the first byte that is zero; higher ones may be wrong.
        let ends = difference.wrapping_sub(LOW_BITS) & !difference & HIGH_BITS;
        if ends != 0 {
            return Some(index * 8 + ends.trailing_zeros() as usize / 8);
        }
    }
    None
}
