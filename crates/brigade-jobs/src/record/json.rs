//! JSON strings and numbers, appended to a byte buffer.
//!
//! Strings are escaped with SIMD, in pieces: the escaper wants room for the worst case, six times
//! the text, and pieces keep that room small however long the text is.

/// Bytes of text escaped at once.
const PIECE: usize = 4 * 1024;

/// Appends `text` as a JSON string with its quotes.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    content(text, out);
    out.push(b'"');
}

/// Appends the escaped text without quotes. There must be a byte in `out` already.
pub(crate) fn content(text: &str, out: &mut Vec<u8>) {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at(rest.floor_char_boundary(PIECE));
        // The escaper writes quotes: the first one lands on the byte before, which is put back,
        // and the last one is cut off. So no text is moved.
        let before = out.pop();
        let at = out.len();
        json_escape_simd::escape_into(piece, out);
        out.pop();
        match before {
            Some(byte) => out[at] = byte,
            None => {
                out.remove(at);
            }
        }
        rest = tail;
    }
}

/// Appends a number in decimal.
pub(crate) fn number(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends microseconds as milliseconds with three decimals.
pub(crate) fn milliseconds(micros: u64, out: &mut Vec<u8>) {
    number(micros / 1000, out);
    let rest = micros % 1000;
    out.extend_from_slice(&[
        b'.',
        b'0' + (rest / 100) as u8,
        b'0' + (rest / 10 % 10) as u8,
        b'0' + (rest % 10) as u8,
    ]);
}
