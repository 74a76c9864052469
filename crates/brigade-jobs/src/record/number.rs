//! JSON numbers, appended to a byte buffer.
//!
//! A result line has a few of them, and formatting through `fmt` would cost more than they are
//! worth. It must write what any reader takes for a number.

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
