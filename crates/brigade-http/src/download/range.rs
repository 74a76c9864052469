//! What a response means for the part of a file that is there: a pure decision (RFC 9110, sections
//! 13.1.5, 14.4 and 15.3.7).
//!
//! It never lets bytes be added to a part unless the server proves that they belong to it.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, StatusCode};

/// What names one state of a resource, strongly enough to put two halves together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Validator {
    Etag(String),
    Modified(String),
}

impl Validator {
    /// What a server says about the state that it sends. A weak ETag says nothing of single bytes,
    /// nor does one without the quotation marks that belong to it (RFC 9110, section 8.8.3); where
    /// there is one of any kind, no date may be used. A date counts if the state was not of the same
    /// second as its answer (RFC 9110, section 8.8.2.2).
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(ETAG) {
            let etag = text(headers, ETAG)?;
            let is_strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
            return is_strong.then(|| Self::Etag(etag.to_owned()));
        }
        let modified = text(headers, LAST_MODIFIED)?;
        let at = httpdate::parse_http_date(modified).ok()?;
        let now = httpdate::parse_http_date(text(headers, DATE)?).ok()?;
        let age = now.duration_since(at).ok()?;
        (age >= Duration::from_secs(1)).then(|| Self::Modified(modified.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Etag(value) | Self::Modified(value) => value,
        }
    }

    /// Whether a response with these headers is about the same state. One that was asked for by its
    /// ETag has to say it again (RFC 9110, section 15.3.7); dates may be left out.
    fn is_of(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Etag(etag) => text(headers, ETAG) == Some(etag),
            Self::Modified(date) => {
                let is_silent = !headers.contains_key(LAST_MODIFIED);
                is_silent || text(headers, LAST_MODIFIED) == Some(date)
            }
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// From which byte on; from 0 it was no range.
    pub(super) offset: u64,
    pub(super) validator: Option<Validator>,
    /// How long the whole is, as far as is known.
    pub(super) total: Option<u64>,
}

/// What follows from a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The body is the bytes from the offset to `end`, of `total`.
    Rest {
        end: u64,
        total: u64,
    },
    /// The body is the whole.
    Whole {
        total: Option<u64>,
        validator: Option<Validator>,
    },
    /// What is there is of no use: all of it has to be asked for.
    Useless(&'static str),
    Refused(StatusCode),
    /// Not an answer to what was asked.
    Wrong(&'static str),
}

impl Asked {
    /// What follows from a response.
    pub(super) fn decide(&self, status: StatusCode, headers: &HeaderMap) -> Answer {
        match status {
            StatusCode::OK => Answer::Whole {
                total: length(headers),
                validator: Validator::of(headers),
            },
            StatusCode::PARTIAL_CONTENT if self.offset == 0 => {
                Answer::Wrong("the server sent a part, which nobody asked for")
            }
            StatusCode::PARTIAL_CONTENT => match self.rest(headers) {
                Ok(rest) => rest,
                Err(reason) => Answer::Useless(reason),
            },
            StatusCode::RANGE_NOT_SATISFIABLE if self.offset > 0 => {
                Answer::Useless("the server has less than is there")
            }
            other => Answer::Refused(other),
        }
    }

    fn rest(&self, headers: &HeaderMap) -> Result<Answer, &'static str> {
        let range = text(headers, CONTENT_RANGE).and_then(content_range);
        let (first, end, total) = range.ok_or("the part does not say of what it is one")?;
        if first != self.offset {
            return Err("another part came than was asked for");
        }
        let validator = self.validator.as_ref();
        if !validator.is_some_and(|validator| validator.is_of(headers)) {
            return Err("the part is of another state");
        }
        let total = match (total, self.total) {
            (Some(total), Some(known)) if total != known => {
                return Err("the part is of another length");
            }
            (Some(total), _) | (None, Some(total)) => total,
            (None, None) => return Err("the part does not say how long the whole is"),
        };
        match end <= total {
            true => Ok(Answer::Rest { end, total }),
            false => Err("the part ends after the whole"),
        }
    }
}

/// How long the body is, if that was said.
fn length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return None;
    }
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    length.parse().ok()
}

/// The first byte, the one after the last, and the length of the whole.
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (unit, range) = value.split_once(' ')?;
    let (range, total) = range.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    let (first, end) = (number(first)?, number(last)?.checked_add(1)?);
    (first < end).then_some((first, end, total))
}

/// Plain digits, without a sign.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().map(line).collect()
    }

    fn etag(etag: &str) -> Option<Validator> {
        Some(Validator::Etag(etag.to_owned()))
    }

    #[test]
    fn h17d_a_validator_is_strong_or_none() {
        const DATE: &str = "Sat, 28 Nov 2026 06:24:37 GMT";
        const BEFORE: &str = "Sat, 28 Nov 2026 06:24:36 GMT";
        let modified = Some(Validator::Modified(BEFORE.to_owned()));
        let cases: [(&[_], _); 12] = [
            (&[("etag", "\"a\"")], etag("\"a\"")),
            (
                &[("etag", "\"a\""), ("last-modified", BEFORE), ("date", DATE)],
                etag("\"a\""),
            ),
            (
                &[
                    ("etag", "W/\"a\""),
                    ("last-modified", BEFORE),
                    ("date", DATE),
                ],
                None,
            ),
            (&[("etag", "\"a\""), ("etag", "\"b\"")], None),
            (&[("etag", "")], None),
            (&[("etag", "\"")], None),
            (&[("etag", "a")], None),
            (&[("etag", "w/\"a\"")], None),
            (&[("last-modified", BEFORE), ("date", DATE)], modified),
            (&[("last-modified", DATE), ("date", DATE)], None),
            (&[("last-modified", BEFORE)], None),
            (&[], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(Validator::of(&headers(lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn h17d_a_part_is_used_only_if_it_proves_what_it_is() {
        let asked = |total| Asked {
            offset: 4,
            validator: etag("\"a\""),
            total,
        };
        let rest = |end, total| Some(Answer::Rest { end, total });
        let cases = [
            ("bytes 4-9/10", "\"a\"", Some(10), rest(10, 10)),
            ("bytes 4-9/10", "\"a\"", None, rest(10, 10)),
            ("Bytes 4-9/*", "\"a\"", Some(10), rest(10, 10)),
            ("bytes 4-6/10", "\"a\"", Some(10), rest(7, 10)),
            ("bytes 4-9/*", "\"a\"", None, None),
            ("bytes 4-9/11", "\"a\"", Some(10), None),
            ("bytes 3-9/10", "\"a\"", Some(10), None),
            ("bytes 5-9/10", "\"a\"", Some(10), None),
            ("bytes 4-10/10", "\"a\"", Some(10), None),
            ("bytes 4-3/10", "\"a\"", Some(10), None),
            ("bytes 4-9/10", "\"b\"", Some(10), None),
            ("bytes 4-9/10", "W/\"a\"", Some(10), None),
            ("bytes +4-9/10", "\"a\"", Some(10), None),
            ("bytes 4-18446744073709551615/10", "\"a\"", Some(10), None),
            ("bytes=4-9/10", "\"a\"", Some(10), None),
            ("lines 4-9/10", "\"a\"", Some(10), None),
            ("bytes */10", "\"a\"", Some(10), None),
            ("", "\"a\"", Some(10), None),
        ];
        for (range, tag, total, expected) in cases {
            let headers = headers(&[("content-range", range), ("etag", tag)]);
            let answer = asked(total).decide(StatusCode::PARTIAL_CONTENT, &headers);
            match expected {
                Some(expected) => assert_eq!(answer, expected, "{range}"),
                None => assert!(matches!(answer, Answer::Useless(_)), "{range}: {answer:?}"),
            }
        }
    }

    #[test]
    fn h17d_a_date_may_be_left_out_of_a_part_but_not_be_another_one() {
        const DATE: &str = "Sat, 28 Nov 2026 06:24:37 GMT";
        let modified = Validator::Modified(DATE.to_owned());
        let says = |dates: &[&'static str]| {
            let dates: Vec<_> = dates.iter().map(|date| ("last-modified", *date)).collect();
            modified.is_of(&headers(&dates))
        };
        assert!(says(&[]));
        assert!(says(&[DATE]));
        assert!(!says(&["Sat, 28 Nov 2026 06:24:38 GMT"]));
        assert!(!says(&[DATE, "Sat, 28 Nov 2026 06:24:38 GMT"]));
    }

    #[test]
    fn h17d_other_statuses_are_what_they_are() {
        let asked = |offset| Asked {
            offset,
            validator: None,
            total: None,
        };
        let none = HeaderMap::new();
        let decide = |offset, status| asked(offset).decide(status, &none);
        let whole = Answer::Whole {
            total: None,
            validator: None,
        };
        assert_eq!(decide(0, StatusCode::OK), whole);
        assert_eq!(decide(4, StatusCode::OK), whole);
        assert!(matches!(
            decide(0, StatusCode::PARTIAL_CONTENT),
            Answer::Wrong(_)
        ));
        let unsatisfiable = StatusCode::RANGE_NOT_SATISFIABLE;
        assert!(matches!(decide(4, unsatisfiable), Answer::Useless(_)));
        for (offset, status) in [(0, 416), (4, 404), (4, 503), (0, 204), (4, 304), (0, 302)] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(decide(offset, status), Answer::Refused(status));
        }
    }
}
