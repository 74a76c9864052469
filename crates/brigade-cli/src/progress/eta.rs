//! How long a job will still take, and what decides it.
//!
//! A list ends when its slowest host does, and near its end one host is often all that is left. So
//! the time is the larger of two: all that is left at the pace of now, and what the host that is
//! likely to be last takes by itself. It never promises less than either.

use super::format;
use super::line::{Paces, Total, settled};
use brigade_jobs::Progress;
use std::time::Duration;

/// What is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Eta {
    pub(super) time: Duration,
    /// The host that decides it, if one does.
    pub(super) by: Option<String>,
}

impl Eta {
    /// None while nothing is known: the length of the list, or how fast it goes.
    pub(super) fn of(progress: &Progress, paces: &Paces) -> Option<Self> {
        let left = Total::of(progress).number()?;
        let left = left.saturating_sub(settled(progress));
        let last = progress.hosts.last.as_ref();
        let last = last.filter(|host| host.waiting > 0 && progress.finished > 0);
        let all = paces.items.time_for(left);
        match last {
            Some(host) if all.is_none_or(|all| host.left > all) => Some(Self {
                time: host.left,
                by: Some(host.host.clone()),
            }),
            _ => all.map(|time| Self { time, by: None }),
        }
    }

    /// `eta 1h 10m`, with the host that decides it if that fits into `room` columns.
    pub(super) fn text(&self, room: usize) -> String {
        let time = format!("eta {}", format::span(self.time));
        let around = time.len() + " (by )".len();
        match &self.by {
            Some(host) if around + format::NAME_MIN <= room => {
                let host = format::name(host, (room - around).min(format::NAME_MAX));
                format!("{time} (by {host})")
            }
            _ => time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade_jobs::HostProgress;

    /// Half of a thousand lines in ten seconds, and a host that takes so many seconds more.
    fn eta(of_host: u64, waiting: u64) -> Option<Eta> {
        let mut progress = Progress::default();
        progress.input = 1_000;
        progress.input_complete = true;
        progress.ok = 500;
        progress.finished = 500;
        progress.elapsed = Duration::from_secs(10);
        let mut host = HostProgress::default();
        host.host = "slow.example".into();
        host.waiting = waiting;
        host.left = Duration::from_secs(of_host);
        progress.hosts.last = Some(host);
        let mut paces = Paces::default();
        paces.look(&progress);
        Eta::of(&progress, &paces)
    }

    #[test]
    fn f10a_the_eta_is_never_earlier_than_the_last_host_allows_and_names_it() {
        let own = eta(4_200, 100).unwrap();
        assert_eq!(own.text(80), "eta 1h 10m (by slow.example)");
        assert_eq!(own.text(26), "eta 1h 10m (by sl...ample)");
        assert_eq!(own.text(25), "eta 1h 10m");
        for (of_host, waiting) in [(9, 100), (4_200, 0)] {
            let all = eta(of_host, waiting).unwrap();
            assert_eq!((all.time, all.by), (Duration::from_secs(10), None));
        }
    }

    #[test]
    fn f10a_a_job_that_stands_still_names_the_host_that_it_waits_for() {
        let mut progress = Progress::default();
        let mut paces = Paces::default();
        progress.input = 10;
        progress.input_complete = true;
        let mut host = HostProgress::default();
        host.waiting = 9;
        host.left = Duration::from_secs(60);
        progress.hosts.last = Some(host);
        paces.look(&progress);
        assert_eq!(Eta::of(&progress, &paces), None, "nothing is known yet");
        progress.ok = 1;
        progress.finished = 1;
        progress.elapsed = Duration::from_secs(1);
        paces.look(&progress);
        progress.elapsed = Duration::from_secs(100_000_000);
        paces.look(&progress);
        let eta = Eta::of(&progress, &paces).unwrap();
        assert_eq!(eta.time, Duration::from_secs(60));
        progress.input_complete = false;
        assert_eq!(Eta::of(&progress, &paces), None, "the list may be longer");
    }
}
