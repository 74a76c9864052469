//! Tells whether a text is JSON (RFC 8259) that any reader takes.
//!
//! A body that becomes a value is copied as it is, so it must be known to be one: a single bad one
//! would spoil its line. This looks at 64 bytes at once and builds nothing: what may follow what is
//! asked of bits, and only brackets of nested values, numbers and escapes one by one. It says no to
//! what is JSON by the grammar but not to common readers: what [`nesting`](super::nesting) and
//! [`token`](super::token) name.
//!
//! The bits are those of Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019; that
//! they answer for the grammar too is possible because nothing is kept of it.

use fearless_simd::{Level, Simd, dispatch};

use super::marks::{BLOCK, Marks, breaks_and_tabs, escapes, follow, parity};
use super::nesting::{Items, Nesting};
use super::token::{escape, is_scalar};

/// What is to be known of a JSON value before it is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Whether there are line breaks between its tokens.
    pub(super) has_breaks: bool,
}

/// The one JSON value that `text` is, with white space around it at most; none if it is not.
pub(super) fn value(text: &str) -> Option<Value> {
    value_at(Level::new(), text)
}

fn value_at(level: Level, text: &str) -> Option<Value> {
    dispatch!(level, simd => scan(simd, text.as_bytes()))
}

#[inline(always)]
fn scan<S: Simd>(simd: S, bytes: &[u8]) -> Option<Value> {
    let mut scanner = Scanner::new(bytes);
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        scanner.block(simd, block, index * BLOCK)?;
    }
    if !rest.is_empty() {
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        scanner.block(simd, &block, bytes.len() - rest.len())?;
    }
    scanner.end()
}

/// What is known between two blocks. Words but for `in_string` are 0 or 1: whether the last block
/// ended behind that, or in it, with nothing but white space since.
struct Scanner<'a> {
    bytes: &'a [u8],
    has_breaks: bool,
    /// All bits set if a string is open.
    in_string: u64,
    backslash: u64,
    /// Where the last escape ended.
    escape_end: usize,
    /// A number or a word.
    scalar: u64,
    comma: u64,
    open: u64,
    colon: u64,
    /// The first string of an item, which in an object is its name.
    in_first: u64,
    first: u64,
    nesting: Nesting,
}

impl<'a> Scanner<'a> {
    /// A text begins as what follows a colon does: with a value.
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            has_breaks: false,
            in_string: 0,
            backslash: 0,
            escape_end: 0,
            scalar: 0,
            comma: 0,
            open: 0,
            colon: 1,
            in_first: 0,
            first: 0,
            nesting: Nesting::default(),
        }
    }

    /// Takes a block that begins at `start`; none if it shows that the text is not JSON.
    #[inline(always)]
    fn block<S: Simd>(&mut self, simd: S, block: &[u8; BLOCK], start: usize) -> Option<()> {
        let marks = Marks::of(simd, block);
        let (begins, escaped) = escapes(marks.backslash, &mut self.backslash);
        self.escapes(begins, start)?;
        let quote = marks.quote & !escaped;
        if self.in_string != 0 && quote | marks.control == 0 {
            return Some(());
        }
        // The text of strings, each with the quote before it.
        let inside = parity(quote) ^ self.in_string;
        self.in_string = ((inside as i64) >> 63) as u64;
        if marks.control != 0 {
            let (breaks, tabs) = breaks_and_tabs(simd, block);
            self.has_breaks |= breaks != 0;
            if marks.control & (inside | !(breaks | tabs)) != 0 {
                return None;
            }
        }
        let scalars = self.grammar(&marks, quote, inside)?;
        self.scalars(scalars, start)
    }

    /// Checks what follows what, and returns where numbers and words begin.
    #[inline(always)]
    fn grammar(&mut self, marks: &Marks, quote: u64, inside: u64) -> Option<u64> {
        let outside = !(inside | quote);
        let space = (marks.space | marks.control) & outside;
        let (comma, colon) = (marks.comma & outside, marks.colon & outside);
        let (open, close) = (marks.open & outside, marks.close & outside);
        let string = quote & inside;
        let scalar = outside & !(space | comma | colon | open | close);
        let scalars = scalar & !(scalar << 1 | self.scalar);
        self.scalar = scalar >> 63;

        let next = follow(comma, space, &mut self.comma);
        let first = follow(open, space, &mut self.open);
        let value = follow(colon, space, &mut self.colon);
        let values = open | string | scalars;
        let wrong = (next | value) & close | values ^ (next | first | value) & !close;

        // The first string of an item is its name if there is a colon behind it.
        let item = next | first;
        let (ended, beyond) = (item & string | self.in_first).overflowing_add(inside);
        self.in_first = beyond.into();
        let behind = follow(ended & !inside, space, &mut self.first);
        let named = behind & colon;
        if wrong | colon & !named != 0 {
            return None;
        }
        let items = Items {
            named,
            unnamed: item & !(string | close) | behind & !colon,
            inner: comma | colon,
        };
        self.nesting
            .block(open, close, marks.brace, first, &items)?;
        Some(scalars)
    }

    #[inline(always)]
    fn scalars(&self, mut scalars: u64, start: usize) -> Option<()> {
        while scalars != 0 {
            if !is_scalar(self.bytes, start + scalars.trailing_zeros() as usize) {
                return None;
            }
            scalars &= scalars - 1;
        }
        Some(())
    }

    #[inline(always)]
    fn escapes(&mut self, mut begins: u64, start: usize) -> Option<()> {
        while begins != 0 {
            let at = start + begins.trailing_zeros() as usize;
            // The second half of a surrogate pair was looked at with the first one.
            if at >= self.escape_end {
                self.escape_end = escape(self.bytes, at)?;
            }
            begins &= begins - 1;
        }
        Some(())
    }

    fn end(self) -> Option<Value> {
        let open = self.in_string | self.comma | self.open | self.colon;
        (open == 0 && self.nesting.depth == 0).then_some(Value {
            has_breaks: self.has_breaks,
        })
    }
}

#[cfg(test)]
mod tests;
