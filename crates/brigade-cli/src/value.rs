//! The values that flags take: rates, sizes, durations, counts, headers.
//!
//! Each is one function from text to a value or to a fragment that says what would have been
//! right. None of them knows which flag it serves.

use brigade_jobs::{FailureKind, FailureSet, Rate, Retries, Unretriable};
use std::fmt::Display;
use std::num::{IntErrorKind, NonZeroUsize, ParseIntError};
use std::time::Duration;

/// The longest that something may take, if there is such a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

/// Text that may be a secret, kept unparsed: the argument parser would repeat it in an error.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("...")
    }
}

/// A header: `Name: value`.
///
/// It has no derived `Debug`: values may be secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ...", self.name)
    }
}

const RATE: &str = "a rate is a number per time, like 100/s, 5/m or 1/500ms";
const SIZE: &str = "a size is a number of bytes, like 65536, 512KiB, 16MiB or 1GB";
const TIMEOUT: &str = "a number and its unit is needed, like 30s, 500ms or 2m, or 'none'";
const COUNT: &str = "a whole number of at least 1 is needed";
const RETRY: &str = "KIND=N is needed, like dns=0, timeout=5 or 404=2";
const SHARE: &str = "a share is a percentage or a fraction, like 5% or 0.05";
const HOST: &str = "a host is a name or an address, like www.example.com or 127.0.0.1:8080";
const TIMES: &str = "a whole number is needed; 0 is never";
const KINDS: &str = "kinds of failures follow --retry-failed after a '=', like --retry-failed=5xx";

/// What is said of a number with too many digits; otherwise what would have been right.
fn number<T: Display>(error: &ParseIntError, most: T, wrong: &str) -> String {
    match error.kind() {
        IntErrorKind::PosOverflow => format!("it is too large: {most} at most"),
        _ => wrong.into(),
    }
}

/// Parses `100/s`, `5/m`, `1/500ms`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let (permits, per) = text.split_once('/').ok_or(RATE)?;
    let permits = permits.trim().parse();
    let permits = permits.map_err(|error| number(&error, u32::MAX, RATE))?;
    let per = match per.trim() {
        unit if unit.starts_with(|c: char| c.is_ascii_digit()) => span(unit).ok_or(RATE)?,
        unit => span(&format!("1{unit}")).ok_or(RATE)?,
    };
    Rate::new(permits, per).ok_or_else(|| RATE.into())
}

/// Parses `16MiB`, `1.5 GB`, `65536`.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].to_ascii_lowercase());
    let factor: u64 = match unit.as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(SIZE.into()),
    };
    let is_whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor),
        Err(_) => fraction(number, factor),
    };
    match bytes {
        Some(bytes) if bytes > 0 => Ok(bytes),
        None if is_whole => Err("it is too large: 16 EiB are the limit".into()),
        _ => Err(SIZE.into()),
    }
}

/// `1.5` times a factor; a plain decimal fraction only, no exponent and no sign.
fn fraction(number: &str, factor: u64) -> Option<u64> {
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = number.parse::<f64>().ok().filter(|_| plain)? * factor as f64;
    (value < u64::MAX as f64).then_some(value as u64)
}

/// Parses `30s`, `500ms`, `1m 30s`, `none`; zero is refused, because it would fail everything.
pub(crate) fn timeout(text: &str) -> Result<Timeout, String> {
    match text.trim() {
        "none" => Ok(Timeout(None)),
        text => span(text)
            .map(|span| Timeout(Some(span)))
            .ok_or_else(|| TIMEOUT.into()),
    }
}

/// A duration longer than zero.
fn span(text: &str) -> Option<Duration> {
    humantime::parse_duration(text)
        .ok()
        .filter(|span| !span.is_zero())
}

/// Parses a whole number of at least 1.
pub(crate) fn count(text: &str) -> Result<NonZeroUsize, String> {
    let parsed = text.trim().parse();
    parsed.map_err(|error| number(&error, usize::MAX, COUNT))
}

/// Parses a whole number, 0 included.
pub(crate) fn times(text: &str) -> Result<u32, String> {
    let parsed = text.trim().parse();
    parsed.map_err(|error| number(&error, u32::MAX, TIMES))
}

/// Parses a word for some failures: `dns`, `timeout`, `404`, `5xx`.
pub(crate) fn failures(text: &str) -> Result<FailureSet, String> {
    text.trim().parse().map_err(|unknown| format!("{unknown}"))
}

/// Takes a URL as it is: bad ones are failures of the job. But what is a word for failures was meant
/// for the flag before it.
pub(crate) fn url(text: &str) -> Result<String, String> {
    match text.parse::<FailureSet>() {
        Ok(_) => Err(KINDS.into()),
        Err(_) => Ok(text.to_owned()),
    }
}

/// Parses a word for failures that may be asked for again, which is all but those of `bad_url`.
pub(crate) fn again(text: &str) -> Result<FailureSet, String> {
    match failures(text)? {
        FailureSet::Kind(kind @ FailureKind::BadUrl) => Err(Unretriable(kind).to_string()),
        set => Ok(set),
    }
}

/// Parses `dns=0`, `404=2`.
pub(crate) fn retry(text: &str) -> Result<(FailureSet, u32), String> {
    let (set, count) = text.split_once('=').ok_or(RETRY)?;
    let (set, count) = (failures(set)?, times(count)?);
    let allowed = Retries::new(0).set(set, count);
    allowed.map_err(|error| error.to_string())?;
    Ok((set, count))
}

/// Parses `5%`, `0.05`; a bare 5 or 1 could mean either, and is refused.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, whole) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim_end(), 100.0),
        None => (text, 1.0),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let share = number.parse::<f64>().ok().filter(|_| plain).ok_or(SHARE)? / whole;
    let sure = share < 1.0 || share == 1.0 && text.ends_with('%');
    sure.then_some(share).ok_or_else(|| SHARE.into())
}

/// Parses a host, with or without a port. Nothing is looked up.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let text = text.trim();
    let wrong = |c: char| c.is_whitespace() || c.is_control() || "/@?#".contains(c);
    match text.is_empty() || text.contains(wrong) {
        true => Err(HOST.into()),
        false => Ok(text.to_owned()),
    }
}

/// Parses `Name: value`.
pub(crate) fn header(text: &str) -> Result<Header, String> {
    // The text itself is never repeated: it may be a secret.
    let wrong = "a header is 'Name: value', without control characters";
    let (name, value) = text.split_once(':').ok_or(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) || value.chars().any(char::is_control) {
        return Err(wrong.into());
    }
    Ok(Header {
        name: name.into(),
        value: value.into(),
    })
}

#[cfg(test)]
mod tests;
