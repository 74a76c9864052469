//! Where the marks of JSON stand in 64 bytes, as a bit for each byte.
//!
//! With bits a few instructions answer for 64 bytes what would take a branch for each of them. The
//! lowest bit is the first byte. What a byte means depends on strings, of which this knows nothing.

use fearless_simd::prelude::*;
use fearless_simd::u8x64;

/// Bytes looked at together.
pub(super) const BLOCK: usize = 64;

/// Which bytes of a block are what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// Bytes below the space.
    pub(super) control: u64,
    pub(super) space: u64,
    pub(super) comma: u64,
    pub(super) colon: u64,
    /// `{` and `[`.
    pub(super) open: u64,
    /// `}` and `]`.
    pub(super) close: u64,
    /// Of those, `{` and `}`; of other bytes anything.
    pub(super) brace: u64,
}

impl Marks {
    #[inline(always)]
    pub(super) fn of<S: Simd>(simd: S, block: &[u8; BLOCK]) -> Self {
        let bytes = u8x64::from_slice(simd, block);
        // A brace has one bit more than the bracket.
        let braces = bytes | 0x20;
        Self {
            quote: bytes.simd_eq(b'"').to_bitmask(),
            backslash: bytes.simd_eq(b'\\').to_bitmask(),
            control: bytes.simd_lt(b' ').to_bitmask(),
            space: bytes.simd_eq(b' ').to_bitmask(),
            comma: bytes.simd_eq(b',').to_bitmask(),
            colon: bytes.simd_eq(b':').to_bitmask(),
            open: braces.simd_eq(b'{').to_bitmask(),
            close: braces.simd_eq(b'}').to_bitmask(),
            brace: bytes.simd_eq(braces).to_bitmask(),
        }
    }
}

/// The line breaks of a block, and its tabs.
#[inline(always)]
pub(super) fn breaks_and_tabs<S: Simd>(simd: S, block: &[u8; BLOCK]) -> (u64, u64) {
    let bytes = u8x64::from_slice(simd, block);
    let breaks = bytes.simd_eq(b'\n') | bytes.simd_eq(b'\r');
    (breaks.to_bitmask(), bytes.simd_eq(b'\t').to_bitmask())
}

/// For each bit whether the number of bits set up to it, itself included, is odd.
#[inline(always)]
pub(super) fn parity(bits: u64) -> u64 {
    let bits = bits ^ bits << 1;
    let bits = bits ^ bits << 2;
    let bits = bits ^ bits << 4;
    let bits = bits ^ bits << 8;
    let bits = bits ^ bits << 16;
    bits ^ bits << 32
}

/// Where `ends` are followed by something other than what is skipped; `carry` is an end whose
/// follower is in a later block.
///
/// An addition runs through all skipped bytes at once.
#[inline(always)]
pub(super) fn follow(ends: u64, skipped: u64, carry: &mut u64) -> u64 {
    let (sum, beyond) = (ends << 1 | *carry).overflowing_add(skipped);
    *carry = ends >> 63 | u64::from(beyond);
    sum & !skipped
}

/// The backslashes that begin an escape, and the bytes that are escaped by one; `carry` is a
/// backslash whose byte is in the next block (Keiser and Lemire, "Validating UTF-8 In Less Than One
/// Instruction Per Byte" and simdjson's `json_escape_scanner`).
#[inline(always)]
pub(super) fn escapes(backslash: u64, carry: &mut u64) -> (u64, u64) {
    const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
    if backslash == 0 {
        return (0, std::mem::take(carry));
    }
    // Of a run of backslashes every other one begins an escape, from the first on. The subtraction
    // turns each run into one that says whether its first is at an odd place.
    let free = backslash & !*carry;
    let either = ((free << 1 | ODD).wrapping_sub(free)) ^ ODD;
    let escaped = either ^ (backslash | *carry);
    let begins = either & backslash;
    *carry = begins >> 63;
    (begins, escaped)
}

#[cfg(test)]
/// All ways in which this machine can be asked to look at a text.
pub(super) fn levels() -> Vec<fearless_simd::Level> {
    use fearless_simd::Level;

    let best = Level::new();
    let mut levels = vec![best, Level::baseline()];
    #[cfg(target_arch = "x86_64")]
    levels.extend(best.as_avx2().map(Level::Avx2));
    levels
}
