//! The date of an `Expires` attribute, in whatever form a server writes it (RFC 6265, 5.1.1).
//!
//! The rule looks for a time, a day, a month and a year among the words, and passes over the rest,
//! zones included: all dates are in UTC. It never fails on a form, only on what is no date.

/// Seconds since 1970; what lies before is 0. `None` if it is no date.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for word in text.as_bytes().split(|&byte| is_delimiter(byte)) {
        if time.is_none() && clock(word).is_some() {
            time = clock(word);
        } else if day.is_none() && number(word, 1..=2).is_some() {
            day = number(word, 1..=2);
        } else if month.is_none() && month_of(word).is_some() {
            month = month_of(word);
        } else if year.is_none() && number(word, 2..=4).is_some() {
            year = number(word, 2..=4);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (month, day) = (month?, day?);
    if year < 1601 || !(1..=days_in(month, year)).contains(&day) {
        return None;
    }
    u64::try_from(days_since_1970(year, month, day) * 86_400 + time?)
        .ok()
        .or(Some(0))
}

/// RFC 6265 lists these by their code points.
fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E)
}

/// The number that a word begins with, if it has that many digits and then no further one.
fn number(word: &[u8], digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let count = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits.contains(&count).then(|| {
        let digits = word[..count].iter();
        digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    })
}

/// The seconds of a day that `hours:minutes:seconds` are.
fn clock(word: &[u8]) -> Option<i64> {
    let mut parts = word.splitn(3, |&byte| byte == b':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if hours.len() > 2 || minutes.len() > 2 {
        return None;
    }
    // What follows the seconds does not matter.
    let (hours, minutes) = (whole(hours)?, whole(minutes)?);
    let seconds = number(seconds, 1..=2)?;
    (hours <= 23 && minutes <= 59 && seconds <= 59).then_some((hours * 60 + minutes) * 60 + seconds)
}

/// The number that a word is.
fn whole(word: &[u8]) -> Option<i64> {
    let is_number = word.iter().all(u8::is_ascii_digit);
    number(word, 1..=2).filter(|_| is_number)
}

/// 1 to 12.
fn month_of(word: &[u8]) -> Option<i64> {
    const NAMES: &[u8; 36] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let name = word.get(..3)?;
    let found = NAMES.chunks(3).zip(1..);
    found
        .filter(|(month, _)| name.eq_ignore_ascii_case(month))
        .map(|(_, number)| number)
        .next()
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// In the Gregorian calendar, by counting from a first of March, behind which the leap day falls.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400;
    // From the first of March in the year 0 to 1970 it is 719,468 days.
    days + (month * 153 + 2) / 5 + day - 1 - 719_468
}
