//! The progress of a job in words: what both the bar and the log say.
//!
//! How many there are in all is known only when the list was read to its end; before that it is
//! estimated from the bytes read, and said to be an estimate.

use super::eta::Eta;
use super::format;
use super::pace::Pace;
use brigade_jobs::Progress;
use std::fmt::Display;

/// The smoothed rates of a job.
#[derive(Debug, Default)]
pub(super) struct Paces {
    pub(super) items: Pace,
    bytes: Pace,
}

impl Paces {
    /// Takes a look at the counters.
    pub(super) fn look(&mut self, progress: &Progress) {
        self.items.look(progress.elapsed, progress.finished);
        self.bytes.look(progress.elapsed, progress.bytes);
    }
}

/// How many lines there are to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    Known(u64),
    Estimated(u64),
    Unknown,
}

impl Total {
    pub(super) fn of(progress: &Progress) -> Self {
        let lines = progress
            .input
            .saturating_sub(progress.skipped + progress.duplicates);
        match progress.input_bytes_total {
            _ if progress.input_complete => Self::Known(lines),
            Some(bytes) if progress.input_bytes > 0 => {
                let lines = u128::from(lines) * u128::from(bytes.max(progress.input_bytes));
                let estimate = lines / u128::from(progress.input_bytes);
                Self::Estimated(u64::try_from(estimate).unwrap_or(u64::MAX))
            }
            _ => Self::Unknown,
        }
    }

    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Known(number) | Self::Estimated(number) => Some(number),
            Self::Unknown => None,
        }
    }
}

/// Lines with a result or a failure.
pub(super) fn settled(progress: &Progress) -> u64 {
    progress.ok + progress.failed
}

/// The whole state in one line.
pub(super) fn line(progress: &Progress, paces: &Paces) -> String {
    let mut parts = vec![count(progress)];
    parts.extend(traffic(progress, paces));
    let eta = Eta::of(progress, paces);
    // Behind the rates, which it follows from.
    let eta = eta.map(|eta| eta.text(usize::MAX));
    parts.splice(3..3, eta);
    if progress.failed > 0 {
        parts.push(failed(progress));
    }
    parts.join(", ")
}

/// How far it is.
pub(super) fn count(progress: &Progress) -> String {
    let settled = settled(progress);
    let of = |about, all| {
        let percent = format::percent(settled.min(all), all);
        format!(
            "{} of {about}{} ({percent}%)",
            format::count(settled),
            format::count(all)
        )
    };
    match Total::of(progress) {
        Total::Known(all) => of("", all),
        Total::Estimated(all) => of("about ", all),
        Total::Unknown => format!("{} done", format::count(settled)),
    }
}

/// How fast it goes, and what it is busy with.
pub(super) fn traffic(progress: &Progress, paces: &Paces) -> Vec<String> {
    let mut parts = vec![
        format::rate(paces.items.per_second()),
        format!("{}/s", format::bytes(paces.bytes.per_second() as u64)),
        format!("{} in flight", format::count(progress.in_flight)),
    ];
    match progress.retries {
        0 => {}
        1 => parts.push("1 retry".into()),
        retries => parts.push(format!("{} retries", format::count(retries))),
    }
    let left = progress.paused_for.map(format::span);
    match (progress.paused_hosts, left) {
        (0, _) => {}
        (1, Some(left)) => parts.push(format!("1 host paused ({left} left)")),
        (1, None) => parts.push("1 host paused".into()),
        (hosts, left) => {
            let next = left.map_or(String::new(), |left| format!(" (the next for {left})"));
            parts.push(format!("{} hosts paused{next}", format::count(hosts)));
        }
    }
    parts
}

/// What has failed.
pub(super) fn failed(progress: &Progress) -> String {
    let kinds = kinds(progress.by_kind.iter().map(|(kind, count)| (*kind, *count)));
    format!("{} failed ({kinds})", format::count(progress.failed))
}

/// Failures by kind, the most frequent first: `http_status 12, dns 3`.
pub(crate) fn kinds<K: Display>(kinds: impl IntoIterator<Item = (K, u64)>) -> String {
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let texts: Vec<_> = kinds
        .iter()
        .map(|(kind, count)| format!("{kind} {}", format::count(*count)))
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade_jobs::FailureKind;
    use std::time::Duration;

    /// A job after ten seconds of steady work: half of its list is read.
    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.input = 1_000;
        progress.input_bytes = 50_000;
        progress.input_bytes_total = Some(100_000);
        progress.ok = 480;
        progress.failed = 20;
        progress.by_kind = vec![(FailureKind::Dns, 2), (FailureKind::HttpStatus, 18)];
        progress.in_flight = 64;
        progress.bytes = 10 << 20;
        progress.finished = 500;
        progress.elapsed = Duration::from_secs(10);
        progress
    }

    #[track_caller]
    fn check(progress: &Progress, expected: &str) {
        let mut paces = Paces::default();
        paces.look(progress);
        assert_eq!(line(progress, &paces), expected);
    }

    #[test]
    fn a_total_is_estimated_until_the_list_is_read() {
        check(
            &progress(),
            "500 of about 2,000 (25%), 50.0/s, 1.0 MiB/s, eta 30.0s, 64 in flight, \
             20 failed (http_status 18, dns 2)",
        );
        let mut progress = progress();
        progress.input_complete = true;
        progress.skipped = 100;
        progress.paused_hosts = 2;
        check(
            &progress,
            "500 of 900 (55%), 50.0/s, 1.0 MiB/s, eta 8.0s, 64 in flight, 2 hosts paused, \
             20 failed (http_status 18, dns 2)",
        );
    }

    #[test]
    fn a_pause_says_how_long_it_is_so_that_an_endless_one_is_noticed() {
        let mut progress = Progress::default();
        progress.paused_hosts = 1;
        progress.paused_for = Some(Duration::from_secs(90));
        check(
            &progress,
            "0 done, 0/s, 0 B/s, 0 in flight, 1 host paused (1m 30s left)",
        );
        progress.paused_hosts = 2;
        progress.retries = 1;
        check(
            &progress,
            "0 done, 0/s, 0 B/s, 0 in flight, 1 retry, 2 hosts paused (the next for 1m 30s)",
        );
    }

    #[test]
    fn f10c_the_line_of_a_log_stays_one_and_names_the_host_that_decides() {
        let mut progress = progress();
        let mut host = brigade_jobs::HostProgress::default();
        host.host = "slow.example:8080".into();
        host.waiting = 100;
        host.left = Duration::from_secs(600);
        progress.hosts.last = Some(host);
        progress.retries = 1_500;
        check(
            &progress,
            "500 of about 2,000 (25%), 50.0/s, 1.0 MiB/s, eta 10m 00s (by slow.example:8080), \
             64 in flight, 1,500 retries, 20 failed (http_status 18, dns 2)",
        );
    }

    #[test]
    fn a_list_of_unknown_length_has_no_eta() {
        let mut progress = progress();
        progress.input_bytes_total = None;
        progress.failed = 0;
        check(&progress, "480 done, 50.0/s, 1.0 MiB/s, 64 in flight");
    }

    #[test]
    fn what_earlier_runs_did_counts_for_the_total_and_not_for_the_rate() {
        let mut progress = progress();
        progress.input_complete = true;
        progress.ok = 980;
        progress.failed = 0;
        progress.finished = 10;
        check(
            &progress,
            "980 of 1,000 (98%), 1.0/s, 1.0 MiB/s, eta 20.0s, 64 in flight",
        );
    }

    #[test]
    fn a_job_that_has_not_begun_promises_nothing() {
        check(&Progress::default(), "0 done, 0/s, 0 B/s, 0 in flight");
    }
}
