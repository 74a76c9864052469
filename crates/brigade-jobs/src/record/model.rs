//! The plain scanner of JSON, byte by byte, against which the fast one is held.
//!
//! It follows the grammar of RFC 8259 rule by rule, so that it can be read beside it; it must share
//! nothing with what it is the model of.

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
fn ordinary(bytes: &[u8]) -> usize {
    let is_special = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    bytes.iter().take_while(|byte| !is_special(byte)).count()
}
