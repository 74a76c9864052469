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
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::super::model::is_json;
    use super::super::nesting::DEPTH_MAX;
    use super::*;

    /// All ways in which this machine can be asked to look at a text.
    fn levels() -> Vec<Level> {
        let best = Level::new();
        let mut levels = vec![best, Level::baseline()];
        #[cfg(target_arch = "x86_64")]
        levels.extend(best.as_avx2().map(Level::Avx2));
        levels
    }

    #[track_caller]
    fn check(text: &str, expected: bool) {
        // Wherever it lies in the blocks.
        for pad in 0..=BLOCK {
            let text = format!("{}{text}", " ".repeat(pad));
            assert_eq!(is_json(&text), expected, "{text}");
            for level in levels() {
                assert_eq!(
                    value_at(level, &text).is_some(),
                    expected,
                    "{level:?} {text}"
                );
            }
        }
        if expected {
            serde_json::from_str::<serde_json::Value>(text).expect(text);
        }
    }

    #[test]
    fn f7d_what_is_json_is_told_from_what_is_not() {
        let yes = [
            "0",
            "-0.5e+10",
            "1E2",
            "1.7976931348623157e308",
            "1e-400",
            "true",
            "null",
            "\"\"",
            " [ ] ",
            "{}",
            "[{}]",
            "[[],{}]",
            "{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e9\\n\"}",
            "\"\\ud83d\\ude00\"",
            "\r\n\t[1 ,\n2]\n",
            "\"0123456789abcdef0123456789 \u{e9}\"",
        ];
        let no = [
            "",
            " ",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\n\"",
            "[",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":1]",
            "[1}",
            "1 2",
            "[]]",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"\\u00g0\"",
            "\u{feff}1",
            "NaN",
            "1e400",
            "[-1E+309]",
            "'a'",
            "[1]x",
            "\"0123456789abcdef\u{1}\"",
        ];
        yes.into_iter().for_each(|text| check(text, true));
        no.into_iter().for_each(|text| check(text, false));
    }

    #[test]
    fn f7d_nesting_that_readers_stop_at_is_not_taken_for_a_value() {
        let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
        check(&nested(DEPTH_MAX), true);
        check(&nested(DEPTH_MAX + 1), false);
        for empty in ["[]", "{}", "[\n]"] {
            check(&nested(DEPTH_MAX).replace('1', empty), true);
        }
        check(&nested(DEPTH_MAX).replace('1', "[[]]"), false);
        check(&nested(DEPTH_MAX).replace('1', "{\"a\":1}"), false);
        assert_eq!(value(&"[".repeat(1 << 20)), None);
    }

    #[test]
    fn f7d_numbers_that_readers_refuse_are_not_taken_for_values() {
        check(&"9".repeat(308), true);
        check(&"9".repeat(309), false);
        check(&format!("0.{}", "1".repeat(5000)), true);
        check(&format!("[{}]", "1".repeat(5000)), false);
    }

    #[test]
    fn f7d_line_breaks_between_tokens_are_told_from_escaped_ones() {
        let breaks = |text: &str| value(text).map(|value| value.has_breaks);
        for pad in ["", &" ".repeat(60)] {
            for text in ["[1,\n2]", "\r{}", "0\n", "{\"a\\n\"\n:1}"] {
                assert_eq!(breaks(&format!("{pad}{text}")), Some(true), "{text}");
            }
            for text in ["[1,\t2]", "{\"a\\n\\r\":\"\\u000a\"}", "0"] {
                assert_eq!(breaks(&format!("{pad}{text}")), Some(false), "{text}");
            }
        }
    }

    /// Any JSON, with any white space.
    fn any_json() -> impl Strategy<Value = String> {
        let string = "\"([^\"\\\\\\x00-\\x1f]|\\\\[\"\\\\/bfnrt]|\\\\u0[0-9a-fA-F]{3}|\\\\ud83d\\\\uDE00){0,9}\"";
        let number = "-?(0|[1-9][0-9]{0,6})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?";
        let space = || prop_oneof![8 => Just(String::new()), 2 => "[ \n\r\t]{0,3}", 1 => " {0,70}"];
        let leaf = prop_oneof![
            string,
            string,
            number,
            "true|false|null",
            "\"[a-z ]{0,150}\""
        ];
        leaf.prop_recursive(6, 80, 8, move |inner| {
            let item = (space(), inner, space()).prop_map(|(a, item, b)| a + &item + &b);
            let name = (space(), string, space()).prop_map(|(a, name, b)| a + &name + &b);
            let pair = (name, item.clone()).prop_map(|(name, item)| format!("{name}:{item}"));
            let items = |of| prop::collection::vec(of, 0..8).prop_map(|items| items.join(","));
            prop_oneof![
                items(item.boxed()).prop_map(|items| format!("[{items}]")),
                items(pair.boxed()).prop_map(|items| format!("{{{items}}}")),
            ]
        })
    }

    proptest! {
        #[test]
        fn f7d_it_agrees_with_a_parser_about_any_text(
            text in "[\\[\\]{}:,\"\\\\0-9eE.+\\-a-u \n]{0,24}"
        ) {
            let parsed = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(is_json(&text), parsed, "{}", text);
            prop_assert_eq!(value(&text).is_some(), parsed, "{}", text);
        }

        #[test]
        fn f7d_the_plain_scanner_says_the_same_of_any_text(
            json in any_json(),
            changes in prop::collection::vec((any::<Index>(), 0..3, "[\\[\\]{}:,\"\\\\0-9eE.+\\-a-u \n\u{1}]"), 0..3),
            pad in 0..70_usize,
        ) {
            let mut text = " ".repeat(pad) + &json;
            for (place, how, with) in changes {
                let places: Vec<_> = text.char_indices().map(|(at, char)| at..at + char.len_utf8()).collect();
                let place = place.get(&places).clone();
                match how {
                    0 => text.insert_str(place.start, &with),
                    1 => text.replace_range(place, &with),
                    _ => text.replace_range(place, ""),
                }
                text += if text.is_empty() { " " } else { "" };
            }
            for level in levels() {
                prop_assert_eq!(value_at(level, &text).is_some(), is_json(&text), "{}", text);
            }
            if let Some(value) = value(&text) {
                prop_assert_eq!(value.has_breaks, text.contains(['\n', '\r']), "{}", text);
            }
        }

        #[test]
        fn f7d_it_takes_what_a_writer_wrote(
            keys in prop::collection::vec(("\\PC{0,40}", any::<f64>()), 0..6)
        ) {
            let value = serde_json::json!([keys, {"deep": {"er": keys.len()}}]);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert!(is_json(&text));
                prop_assert!(super::value(&text).is_some());
            }
        }
    }
}
