//! What is looked at byte by byte in JSON: numbers, words and escapes.
//!
//! It says no to what is JSON by the grammar but not to common readers: escapes of half a surrogate
//! pair, and numbers beyond those of 64 bits.

/// Digits that no number of 64 bits is too small for.
const DIGITS_SAFE: usize = 300;

/// Whether at `at` stands a number, `true`, `false` or `null`, with nothing stuck to its end.
#[inline]
pub(super) fn is_scalar(bytes: &[u8], at: usize) -> bool {
    let end = match bytes[at] {
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'n' => word(bytes, at, b"null"),
        _ => number(bytes, at),
    };
    end.is_some_and(|end| match bytes.get(end) {
        Some(byte) => matches!(
            byte,
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'"' | b'[' | b']' | b'{' | b'}'
        ),
        None => true,
    })
}

/// Where the escape ends whose backslash is at `at`; a surrogate pair is one.
#[inline]
pub(super) fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => match unit(bytes, at + 2)? {
            0xD800..=0xDBFF => {
                let low = word(bytes, at + 6, b"\\u")?;
                matches!(unit(bytes, low)?, 0xDC00..=0xDFFF).then_some(at + 12)
            }
            0xDC00..=0xDFFF => None,
            _ => Some(at + 6),
        },
        _ => None,
    }
}

/// Four hexadecimal digits.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 4)?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

fn word(bytes: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let found = bytes.get(at..)?.starts_with(word);
    found.then_some(at + word.len())
}

fn number(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    if is(at, b'-') {
        at += 1;
    }
    at = if is(at, b'0') {
        at + 1
    } else {
        digits(bytes, at)?
    };
    if is(at, b'.') {
        at = digits(bytes, at + 1)?;
    }
    let is_scaled = is(at, b'e') || is(at, b'E');
    if is_scaled {
        at += 1;
        if is(at, b'+') || is(at, b'-') {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    let is_small = !is_scaled && at - start <= DIGITS_SAFE;
    (is_small || is_finite(&bytes[start..at])).then_some(at)
}

/// Whether a number is one for readers that hold numbers in 64 bits.
#[cold]
fn is_finite(text: &[u8]) -> bool {
    let number = std::str::from_utf8(text).ok();
    let number = number.and_then(|text| text.parse::<f64>().ok());
    number.is_some_and(f64::is_finite)
}

/// Where the digits at `at` end, of which there must be one.
fn digits(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count > 0).then_some(at + count)
}
