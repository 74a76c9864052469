//! Tells whether a text is JSON (RFC 8259) that any reader takes.
//!
//! A body that becomes a value is copied as it is, so it must be known to be one: a single bad one
//! would spoil its line. This looks at each byte once and builds nothing. It says no to what is
//! JSON by the grammar but not to common readers: nesting deeper than [`DEPTH_MAX`], escapes of
//! half a surrogate pair, and numbers beyond those of 64 bits.

/// Deepest nesting of arrays and objects; common readers stop at 128, the record's own included.
const DEPTH_MAX: u32 = 120;
/// Digits that no number of 64 bits is too small for.
const DIGITS_SAFE: usize = 300;

/// Whether `text` is one JSON value, with white space around it at most.
pub(super) fn is_json(text: &str) -> bool {
    Scanner {
        bytes: text.as_bytes(),
        at: 0,
        objects: 0,
        depth: 0,
    }
    .document()
    .is_some()
}

/// A place in a text. Every step returns `None` where the text is not JSON.
struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A bit for each level: set for an object, clear for an array; the innermost one is the lowest.
    objects: u128,
    depth: u32,
}

impl Scanner<'_> {
    fn document(mut self) -> Option<()> {
        loop {
            let opened = self.value()?;
            if opened {
                continue;
            }
            while !self.follow()? {
                if self.depth == 0 {
                    self.space();
                    return (self.at == self.bytes.len()).then_some(());
                }
            }
        }
    }

    /// Takes a value, or the opening of one up to where its first member is. True for the latter.
    fn value(&mut self) -> Option<bool> {
        self.space();
        match self.peek()? {
            b'{' => return self.open(true),
            b'[' => return self.open(false),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => return None,
        }
        Some(false)
    }

    fn open(&mut self, object: bool) -> Option<bool> {
        self.at += 1;
        self.space();
        if self.peek()? == if object { b'}' } else { b']' } {
            self.at += 1;
            return Some(false);
        }
        if self.depth == DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        if object {
            self.key()?;
        }
        Some(true)
    }

    /// Takes what is behind a value: true if another value comes, false if one ended, or all did.
    fn follow(&mut self) -> Option<bool> {
        if self.depth == 0 {
            return Some(false);
        }
        self.space();
        let object = self.objects & 1 == 1;
        match (self.peek()?, object) {
            (b',', _) => {
                self.at += 1;
                if object {
                    self.space();
                    self.key()?;
                }
                Some(true)
            }
            (b'}', true) | (b']', false) => {
                self.at += 1;
                self.objects >>= 1;
                self.depth -= 1;
                Some(false)
            }
            _ => None,
        }
    }

    fn key(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.string()?;
        self.space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            self.at += ordinary(&self.bytes[self.at..]);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 1;
        let kind = self.peek()?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => match self.unit()? {
                0xD800..=0xDBFF => {
                    self.literal(b"\\u")?;
                    matches!(self.unit()?, 0xDC00..=0xDFFF).then_some(())
                }
                0xDC00..=0xDFFF => None,
                _ => Some(()),
            },
            _ => None,
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |unit, &digit| {
            Some(unit << 4 | char::from(digit).to_digit(16)?)
        })
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.is_common(start).then_some(())
    }

    /// Whether the number that began at `start` is one for readers that hold numbers in 64 bits.
    fn is_common(&self, start: usize) -> bool {
        let text = &self.bytes[start..self.at];
        let is_small = text.len() <= DIGITS_SAFE && memchr::memchr2(b'e', b'E', text).is_none();
        is_small || {
            let number = std::str::from_utf8(text).ok();
            let number = number.and_then(|text| text.parse::<f64>().ok());
            number.is_some_and(f64::is_finite)
        }
    }

    fn digits(&mut self) -> Option<()> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        let found = self.bytes[self.at..].starts_with(literal);
        self.at += literal.len();
        found.then_some(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// How many bytes come before the next quote, backslash or control character.
#[inline]
fn ordinary(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let special = special(u64::from_le_bytes(*word));
        if special != 0 {
            return 8 * at + special.trailing_zeros() as usize / 8;
        }
    }
    let found = rest
        .iter()
        .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
    8 * words.len() + found.unwrap_or(rest.len())
}

/// Marks bytes of a word that are a quote, a backslash or a control character: exactly up to the
/// first of them, beyond which a borrow may mark others too (Warren, Hacker's Delight, 6-1).
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    (quote | backslash | below(word, 0x20)) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(is_json(text), expected, "{text}");
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
        check(&nested(DEPTH_MAX as usize), true);
        check(&nested(DEPTH_MAX as usize + 1), false);
        assert!(!is_json(&"[".repeat(1 << 20)));
    }

    #[test]
    fn f7d_numbers_that_readers_refuse_are_not_taken_for_values() {
        check(&"9".repeat(308), true);
        check(&"9".repeat(309), false);
        check(&format!("0.{}", "1".repeat(5000)), true);
        check(&format!("[{}]", "1".repeat(5000)), false);
    }

    proptest! {
        #[test]
        fn f7d_it_agrees_with_a_parser_about_any_text(
            text in "[\\[\\]{}:,\"\\\\0-9eE.+\\-a-u \n]{0,24}"
        ) {
            let parsed = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            prop_assert_eq!(is_json(&text), parsed, "{}", text);
        }

        #[test]
        fn f7d_it_takes_what_a_writer_wrote(
            keys in prop::collection::vec(("\\PC{0,40}", any::<f64>()), 0..6)
        ) {
            let value = serde_json::json!([keys, {"deep": {"er": keys.len()}}]);
            prop_assert!(is_json(&value.to_string()));
            prop_assert!(is_json(&serde_json::to_string_pretty(&value).unwrap()));
        }
    }
}
