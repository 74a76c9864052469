//! Escapes text for JSON strings, 64 bytes at a time.
//!
//! Bodies that are JSON themselves have a quote every few bytes, so what must be escaped is not
//! rare: room is made for eight bytes at once, by a table of where each of them goes. It must write
//! what any writer of JSON does: short escapes where there are some, lower case in the others.

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x16, u8x64};

/// Bytes looked at together, and bytes that find their places together.
const BLOCK: usize = 64;
const GROUP: usize = 8;

/// Room for an escaped block, and for what its last group writes beyond it.
const ROOM: usize = 2 * BLOCK + GROUP;

/// Room made at once, small enough to stay in the nearest cache.
const ROOM_MAX: usize = 4096;

/// Where the bytes of a group come from, backslashes included, for each choice of those that need
/// one: from one of its own places, or from the one behind it, where there is a backslash.
const PLACES: [[u8; 2 * GROUP]; 256] = places();

/// The letters of the controls that have a short escape, zero for the others; once for each sixteen
/// bytes of a block.
const LETTERS: [[u8; 16]; BLOCK / 16] = [*b"\0\0\0\0\0\0\0\0btn\0fr\0\0"; BLOCK / 16];

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    content(text, out);
    out.push(b'"');
}

/// Appends the escaped text without quotes.
pub(crate) fn content(text: &str, out: &mut Vec<u8>) {
    content_at(Level::new(), text, out);
}

fn content_at(level: Level, text: &str, out: &mut Vec<u8>) {
    dispatch!(level, simd => escape(simd, text.as_bytes(), out));
}

#[inline(always)]
fn escape<S: Simd>(simd: S, bytes: &[u8], out: &mut Vec<u8>) {
    let mut end = out.len();
    let (blocks, rest) = bytes.as_chunks();
    for (index, block) in blocks.iter().enumerate() {
        if out.len() < end + ROOM {
            // Room for what is likely to come, of which what is left is cut off.
            let left = bytes.len() - index * BLOCK;
            out.resize(end + (2 * left + ROOM).min(ROOM_MAX), 0);
        }
        end = put(simd, block, BLOCK, out, end);
    }
    if !rest.is_empty() {
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        out.resize(end + ROOM, 0);
        end = put(simd, &block, rest.len(), out, end);
    }
    out.truncate(end);
}

/// Puts the first `count` bytes of a block at `end`, behind which there is [`ROOM`], and returns
/// where they end. The bytes behind them need no escape.
#[inline(always)]
fn put<S: Simd>(
    simd: S,
    block: &[u8; BLOCK],
    count: usize,
    out: &mut Vec<u8>,
    end: usize,
) -> usize {
    let bytes = u8x64::from_slice(simd, block);
    let control = bytes.simd_lt(b' ');
    let special = bytes.simd_eq(b'"') | bytes.simd_eq(b'\\') | control;
    let special = special.to_bitmask();
    if special == 0 {
        out[end..end + BLOCK].copy_from_slice(block);
        return end + count;
    }
    let table = u8x64::from_slice(simd, LETTERS.as_flattened());
    let letters = table.swizzle_dyn_within_blocks(bytes);
    let is_long = (letters.simd_eq(0) | bytes.simd_ge(16)) & control;
    if is_long.to_bitmask() != 0 {
        out.truncate(end);
        one_by_one(&block[..count], out);
        return out.len();
    }
    let mut block = [0; BLOCK];
    control.select(letters, bytes).store_slice(&mut block);
    spread(simd, &block, special, &mut out[end..end + ROOM]);
    end + count + special.count_ones() as usize
}

/// Puts a block into `room`, with a backslash before each special byte.
#[inline(always)]
fn spread<S: Simd>(simd: S, block: &[u8; BLOCK], special: u64, room: &mut [u8]) {
    let mut end = 0;
    let (groups, _) = block.as_chunks::<GROUP>();
    for (group, special) in groups.iter().zip(special.to_le_bytes()) {
        let mut bytes = [b'\\'; 2 * GROUP];
        bytes[..GROUP].copy_from_slice(group);
        let places = u8x16::from_slice(simd, &PLACES[usize::from(special)]);
        let spread = u8x16::from_slice(simd, &bytes).swizzle_dyn(places);
        spread.store_slice(&mut room[end..end + 2 * GROUP]);
        end += GROUP + special.count_ones() as usize;
    }
}

/// The slow way, for controls without a short escape.
#[cold]
fn one_by_one(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        let letter = LETTERS[0].get(usize::from(byte)).copied().unwrap_or(0);
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..b' ' if letter != 0 => out.extend_from_slice(&[b'\\', letter]),
            0..b' ' => {
                let digit = b"0123456789abcdef"[usize::from(byte % 16)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', b'0' + byte / 16, digit]);
            }
            _ => out.push(byte),
        }
    }
}

const fn places() -> [[u8; 2 * GROUP]; 256] {
    let mut table = [[GROUP as u8; 2 * GROUP]; 256];
    let mut choice = 0;
    while choice < table.len() {
        let (mut from, mut to) = (0, 0);
        while from < GROUP {
            to += choice >> from & 1;
            table[choice][to] = from as u8;
            from += 1;
            to += 1;
        }
        choice += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::marks::levels;
    use super::*;

    #[track_caller]
    fn check(text: &str) {
        for level in levels() {
            let mut out = b"\"".to_vec();
            content_at(level, text, &mut out);
            out.push(b'"');
            let expected = serde_json::to_string(text).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{level:?}");
        }
    }

    #[test]
    fn every_character_is_escaped_as_others_do_it_wherever_it_stands() {
        for char in (0..=0x7f_u8)
            .map(char::from)
            .chain(['\u{e9}', '\u{2028}', '\u{1f600}'])
        {
            for before in 0..BLOCK {
                check(&format!("{}{char}", "x".repeat(before)));
            }
            check(&char.to_string().repeat(3 * BLOCK + 1));
        }
        check("");
    }

    proptest! {
        #[test]
        fn any_text_is_escaped_as_others_do_it(
            text in "([a-z]{0,40}|[\"\\\\\n\t]{0,9}|\\PC{0,9}|[\\x00-\\x7f]{0,3}){0,20}"
        ) {
            check(&text);
        }
    }
}
