//! Numbers as people read them: counts, bytes, durations, rates.
//!
//! Short and of stable width where they change all the time. Nothing here rounds up to a number
//! that was not reached.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 line`, `1,234 lines`, of what takes an s.
pub(crate) fn counted(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", count(number)),
    }
}

/// `1536` as `1.5 KiB`.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let power = (63 - number.leading_zeros() as usize) / 10;
    let unit = 1u64 << (10 * power);
    let tenths = u128::from(number) * 10 / u128::from(unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power - 1])
}

/// `80 s` as `1m 20s`; below a minute with a tenth.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}.{}s", span.subsec_millis() / 100),
        60..3_600 => format!("{minutes}m {:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// `12.34` a second as `12.3/s`; less than one a second by the minute.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 100.0 => format!("{}/s", count(rate as u64)),
        rate if rate >= 1.0 => format!("{rate:.1}/s"),
        rate if rate > 0.0 => format!("{:.1}/m", rate * 60.0),
        _ => "0/s".into(),
    }
}

/// A time of one exchange: below a second in milliseconds.
pub(crate) fn latency(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => span(time),
    }
}

/// Columns that the name of a host has at least where it is shown, and at most.
pub(crate) const NAME_MIN: usize = 10;
pub(crate) const NAME_MAX: usize = 40;

/// What stands for the part of a name that is left out, on any terminal.
const CUT: &str = "...";

/// The name of a host in at most `columns`: of a longer one the beginning and, since that says
/// more, the end.
pub(crate) fn name(host: &str, columns: usize) -> String {
    let length = host.chars().count();
    if length <= columns {
        return host.to_owned();
    }
    let kept = columns.saturating_sub(CUT.len());
    let begin = kept / 3 + kept % 3 / 2;
    let head = host.chars().take(begin);
    let tail = host.chars().skip(length - (kept - begin));
    head.chain(CUT.chars().take(columns)).chain(tail).collect()
}

/// Part of a whole in per cent, never 100 before it is all.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    match whole {
        0 => 100,
        whole => (u128::from(part) * 100 / u128::from(whole)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn bytes_have_one_decimal_and_never_round_up() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (number, text) in cases {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn durations_show_two_units() {
        let cases = [
            (0, "0.0s"),
            (1_250, "1.2s"),
            (59_999, "59.9s"),
            (80_000, "1m 20s"),
            (3_661_000, "1h 01m"),
            (90_000_000, "1d 01h"),
        ];
        for (millis, text) in cases {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn rates_below_one_a_second_are_by_the_minute() {
        let cases = [
            (0.0, "0/s"),
            (0.5, "30.0/m"),
            (1.25, "1.2/s"),
            (1_234.9, "1,234/s"),
        ];
        for (number, text) in cases {
            assert_eq!(rate(number), text);
        }
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        let host = "images.static.example.com:8080";
        assert_eq!(name(host, 30), host);
        assert_eq!(name(host, 19), "image...le.com:8080");
        assert_eq!(name(host, 10), "im...:8080");
        assert_eq!(name(host, 3), "...");
        assert_eq!(name(host, 1), ".");
    }

    #[test]
    fn a_latency_has_a_unit_of_its_size() {
        assert_eq!(latency(Duration::from_micros(900)), "0 ms");
        assert_eq!(latency(Duration::from_millis(999)), "999 ms");
        assert_eq!(latency(Duration::from_millis(1_250)), "1.2s");
    }

    #[test]
    fn a_hundred_per_cent_is_all_of_it() {
        assert_eq!(percent(999_999, 1_000_000), 99);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
        assert_eq!(percent(0, 0), 100);
    }
}
