//! The progress of a job in a few rows under each other, for a terminal of some width.
//!
//! Each row holds as much as fits, what matters most first, and is never wider than the terminal:
//! a row that wraps could not be drawn over.

use super::eta::Eta;
use super::format;
use super::line::{self, Paces};
use brigade_jobs::{HostProgress, Progress};

/// Columns of the bar with its brackets and the space behind it.
const BAR: usize = 23;
/// Columns that stay free on the right: a character in the last one would wrap on some terminals.
const MARGIN: usize = 1;
/// A narrower terminal has no bar, so that the numbers have room.
const BAR_FROM: usize = 60;

/// What is drawn: whether there is a bar, what stands beside it, and what under it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) bar: bool,
    pub(super) beside: String,
    pub(super) under: Vec<String>,
}

impl Rows {
    /// Lays out for a terminal of `height` rows and `width` columns.
    pub(super) fn of(progress: &Progress, paces: &Paces, (height, width): (usize, usize)) -> Self {
        let bar = width >= BAR_FROM;
        let width = width.saturating_sub(MARGIN);
        let room = if bar { width - BAR } else { width };
        let eta = Eta::of(progress, paces);
        let count = line::count(progress);
        let eta_room = room.saturating_sub(count.chars().count() + 2);
        let beside = [Some(count), eta.as_ref().map(|eta| eta.text(eta_room))];
        let mut under = vec![fit(line::traffic(progress, paces), width)];
        if progress.failed > 0 {
            under.push(fit(vec![line::failed(progress)], width));
        }
        under.extend(hosts("busiest", &progress.hosts.busiest, width, pace));
        // The only host that is known is not slow beside any other.
        if progress.hosts.slowest.len() > 1 || progress.hosts.busiest.is_empty() {
            under.extend(hosts("slowest", &progress.hosts.slowest, width, latency));
        }
        if let (Some(_), Some(host)) = (eta.and_then(|eta| eta.by), &progress.hosts.last) {
            under.push(last(host, width));
        }
        under.truncate(height.saturating_sub(2));
        Self {
            bar,
            beside: fit(beside.into_iter().flatten().collect(), room),
            under,
        }
    }
}

/// As many of `parts` as fit into `width` columns, the first ones.
fn fit(parts: Vec<String>, width: usize) -> String {
    let mut text = String::new();
    let mut used = 0;
    for part in parts {
        let columns = part.chars().count();
        if used == 0 {
            text.extend(part.chars().take(width));
        } else if used + 2 + columns <= width {
            text.push_str(", ");
            text.push_str(&part);
        } else {
            break;
        }
        used = text.chars().count();
    }
    text
}

/// `busiest: a.example 120/s, b.example 80/s`; none without hosts, or without room for one.
fn hosts(
    title: &str,
    hosts: &[HostProgress],
    width: usize,
    say: impl Fn(&HostProgress) -> String,
) -> Option<String> {
    let room = width.checked_sub(title.len() + 2)?;
    let said: Vec<_> = hosts.iter().map(say).collect();
    // Fewer hosts, if their names would become too short to be told from each other.
    let (shown, columns) = (1..=hosts.len()).rev().find_map(|shown| {
        // Each has a space, and all but the last a comma and a space.
        let numbers = said[..shown].iter().map(|said| said.chars().count() + 3);
        let names = (room + 2).checked_sub(numbers.sum())?;
        let taken = |columns: usize| -> usize {
            let names = hosts[..shown].iter().map(|host| host.host.chars().count());
            names.map(|name| name.min(columns)).sum()
        };
        let columns = (format::NAME_MIN..=format::NAME_MAX).rev();
        let columns = columns
            .into_iter()
            .find(|columns| taken(*columns) <= names)?;
        Some((shown, columns))
    })?;
    let parts = hosts.iter().zip(&said).take(shown);
    let parts = parts.map(|(host, said)| format!("{} {said}", format::name(&host.host, columns)));
    Some(format!("{title}: {}", fit(parts.collect(), room)))
}

fn pace(host: &HostProgress) -> String {
    format::rate(host.per_second)
}

fn latency(host: &HostProgress) -> String {
    match (host.paused_for, host.latency) {
        (Some(left), _) => format!("paused for {}", format::span(left)),
        (None, Some(latency)) => format::latency(latency),
        (None, None) => String::new(),
    }
}

/// The host that decides when the job ends, with what it is busy with.
fn last(host: &HostProgress, width: usize) -> String {
    let mut parts = vec![
        format!("{} waiting", format::count(host.waiting)),
        format!("{} in flight", format::count(host.in_flight)),
        format::rate(host.per_second),
    ];
    parts.extend(
        host.latency
            .map(|each| format!("{} each", format::latency(each))),
    );
    if let Some(left) = host.paused_for {
        parts.insert(0, format!("paused for {}", format::span(left)));
    }
    let name = format::name(&host.host, (width / 3).max(format::NAME_MIN));
    parts[0] = format!("last: {name}, {}", parts[0]);
    fit(parts, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade_jobs::FailureKind;
    use std::time::Duration;

    fn host(name: &str, per_second: f64, millis: u64) -> HostProgress {
        let mut host = HostProgress::default();
        host.host = name.into();
        host.per_second = per_second;
        host.latency = Some(Duration::from_millis(millis));
        host.waiting = 12_345;
        host.in_flight = 8;
        host.left = Duration::from_secs(4_210);
        host
    }

    fn progress() -> Progress {
        let mut progress = Progress::default();
        progress.input = 100_000;
        progress.input_complete = true;
        progress.ok = 12_325;
        progress.failed = 20;
        progress.by_kind = vec![(FailureKind::Dns, 2), (FailureKind::HttpStatus, 18)];
        progress.in_flight = 64;
        progress.retries = 1_204;
        progress.paused_hosts = 1;
        progress.paused_for = Some(Duration::from_secs(90));
        progress.bytes = 100 << 20;
        progress.finished = 12_345;
        progress.elapsed = Duration::from_secs(10);
        progress.hosts.busiest = vec![
            host("example.com", 612.0, 45),
            host("static.example.org", 98.4, 12),
            host(
                "a-very-long-name-of-a-host.of.a.customer.example.net:8443",
                9.9,
                7,
            ),
        ];
        let mut paused = host("busy.example", 0.1, 900);
        paused.paused_for = Some(Duration::from_secs(90));
        progress.hosts.slowest = vec![host("slow.example", 0.2, 30_250), paused];
        progress.hosts.last = Some(host("example.com", 612.0, 45));
        progress
    }

    fn rows(width: usize, height: usize) -> Rows {
        let progress = progress();
        let mut paces = Paces::default();
        paces.look(&progress);
        Rows::of(&progress, &paces, (height, width))
    }

    #[test]
    fn f10b_eighty_columns_hold_what_matters() {
        let rows = rows(80, 24);
        assert!(rows.bar);
        assert_eq!(
            rows.beside,
            "12,345 of 100,000 (12%), eta 1h 10m (by example.com)"
        );
        assert_eq!(
            rows.under,
            [
                "1,234/s, 10.0 MiB/s, 64 in flight, 1,204 retries, 1 host paused (1m 30s left)",
                "20 failed (http_status 18, dns 2)",
                "busiest: example.com 612/s, static.example.org 98.4/s, a-ver...e.net:8443 9.9/s",
                "slowest: slow.example 30.2s, busy.example paused for 1m 30s",
                "last: example.com, 12,345 waiting, 8 in flight, 612/s, 45 ms each",
            ]
        );
    }

    #[test]
    fn f10b_no_row_is_wider_or_higher_than_the_terminal() {
        for width in 0..200 {
            for height in [0, 1, 3, 24] {
                let rows = rows(width, height);
                let bar = if rows.bar { BAR } else { 0 };
                let beside = bar + rows.beside.chars().count();
                assert!(beside < width.max(1), "{width}: {rows:?}");
                for row in &rows.under {
                    assert!(row.chars().count() < width.max(1), "{width}: {row}");
                }
                assert!(rows.under.len() + 1 < height.max(2), "{height}: {rows:?}");
            }
        }
    }

    #[test]
    fn f10b_what_there_is_nothing_to_say_of_has_no_row() {
        let rows = Rows::of(&Progress::default(), &Paces::default(), (24, 80));
        assert_eq!(rows.beside, "0 done");
        assert_eq!(rows.under, ["0/s, 0 B/s, 0 in flight"]);
    }
}
