//! Whole jobs played in numbers: when they end, who waits, and what many hosts cost.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use brigade_core::admission::Limits;
use brigade_core::backoff::HostRule;
use brigade_core::gcra::Rate;
use brigade_core::time::Moment;

use super::super::{HostId, Next, Schedule, Settings};
use super::{Bench, second, settings};
use crate::input::Item;

const AT_ONCE: usize = 64;
const OF_HOST: usize = 8;

/// A list, and how many milliseconds an exchange with each of its hosts takes.
struct Play {
    lines: Vec<(String, u64)>,
    host_rate: Option<Rate>,
}

/// When the last exchange with each host ended.
struct Played {
    ends: BTreeMap<String, Moment>,
}

impl Played {
    fn end(&self) -> f64 {
        let last = self.ends.values().max();
        last.unwrap().since(second(1)).as_secs_f64()
    }

    fn end_of(&self, host: &str) -> f64 {
        self.ends[host].since(second(1)).as_secs_f64()
    }
}

impl Play {
    /// Hosts of `(name, lines, milliseconds)`, their lines spread over the whole list.
    fn spread(hosts: &[(&str, u64, u64)]) -> Self {
        let mut lines = Vec::new();
        for (name, count, millis) in hosts {
            let place = |n: u64| (n as f64 + 0.5) / *count as f64;
            lines.extend((0..*count).map(|n| (place(n), (*name).to_owned(), *millis)));
        }
        lines.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            lines: lines
                .into_iter()
                .map(|(_, host, millis)| (host, millis))
                .collect(),
            host_rate: None,
        }
    }

    /// Plays it to its end, with a look at all hosts each second or without.
    fn play(&self, looks: bool) -> Played {
        let mut limits = Limits::default()
            .concurrency(AT_ONCE)
            .key_concurrency(OF_HOST);
        limits.key_rate = self.host_rate;
        let mut schedule = Schedule::new(Settings {
            limits,
            window: usize::MAX >> 16,
            host_rule: HostRule::default(),
        });
        for (index, (host, _)) in self.lines.iter().enumerate() {
            schedule.add(item(index as u64, host));
        }
        schedule.complete();
        let mut now = second(1);
        let mut look_at = now;
        let mut running = BinaryHeap::new();
        let mut ends = BTreeMap::new();
        loop {
            if looks && now >= look_at {
                schedule.look(now);
                look_at = now + Duration::from_secs(1);
            }
            let next = schedule.next(now);
            if let Next::Start(host, item) = next {
                let (name, millis) = &self.lines[item.index as usize];
                let ends_at = now + Duration::from_millis(*millis);
                running.push(Reverse((ends_at, item.index, host, now)));
                ends.insert(name.clone(), ends_at);
                continue;
            }
            let end = running.peek().map(|Reverse(first)| first.0);
            match (next, end) {
                (Next::At(at), end) if end.is_none_or(|end| at < end) => now = at,
                (_, Some(_)) => now = end_one(&mut schedule, &mut running),
                _ => break,
            }
        }
        assert_eq!(schedule.next(now), Next::Finished);
        Played { ends }
    }
}

type Running = BinaryHeap<Reverse<(Moment, u64, HostId, Moment)>>;

fn end_one(schedule: &mut Schedule, running: &mut Running) -> Moment {
    let Reverse((now, _, host, began)) = running.pop().unwrap();
    schedule.measure(host, now.since(began), 1, now);
    schedule.finish(host, now);
    now
}

fn item(index: u64, host: &str) -> Item {
    Item {
        columns: None,
        index,
        offset: 0,
        length: 0,
        attempts: 0,
        url: format!("http://{host}/").parse().unwrap(),
        written: None,
        journey: None,
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("h{n}")).collect()
}

#[test]
fn f3k_the_host_that_would_be_last_is_not_held_up_by_a_hundred_others() {
    let names = names(100);
    let mut hosts: Vec<_> = names.iter().map(|name| (name.as_str(), 100, 100)).collect();
    hosts.push(("large", 10_000, 100));
    let play = Play::spread(&hosts);
    let (before, after) = (play.play(false), play.play(true));
    // It takes 125 s by itself.
    assert!(before.end() > 136.0, "{}", before.end());
    assert!(after.end() < 127.5, "{}", after.end());
    for name in &names {
        let (before, after) = (before.end_of(name), after.end_of(name));
        assert!(
            after < before * 1.25,
            "{name} was held up: {before} {after}"
        );
    }
}

#[test]
fn f3k_a_slow_host_counts_as_a_large_one() {
    let names = names(200);
    let mut hosts: Vec<_> = names.iter().map(|name| (name.as_str(), 100, 100)).collect();
    hosts.push(("slow", 400, 2_000));
    let play = Play::spread(&hosts);
    let (before, after) = (play.play(false), play.play(true));
    // It takes 100 s by itself.
    assert!(before.end() > 108.0, "{}", before.end());
    assert!(after.end() < 102.5, "{}", after.end());
}

#[test]
fn f3k_many_hosts_that_are_critical_at_once_share_and_starve_nobody() {
    let names = names(60);
    let mut hosts: Vec<_> = names.iter().map(|name| (name.as_str(), 300, 100)).collect();
    let large: Vec<_> = (0..12).map(|n| format!("large{n}")).collect();
    hosts.extend(large.iter().map(|name| (name.as_str(), 2_000, 100)));
    let play = Play::spread(&hosts);
    let (before, after) = (play.play(false), play.play(true));
    // All of it takes 65.6 s of all that may run at once.
    assert!(
        after.end() <= before.end() + 0.5,
        "{} {}",
        before.end(),
        after.end()
    );
    assert!(after.end() < 68.0, "{}", after.end());
    let rated = Play {
        host_rate: Some(Rate::per_second(20).burst(5)),
        ..play
    };
    let (before, after) = (rated.play(false), rated.play(true));
    assert!(
        after.end() <= before.end() + 0.5,
        "{} {}",
        before.end(),
        after.end()
    );
    assert!(
        after.end() < 101.0,
        "the rate allows 100 s: {}",
        after.end()
    );
}

#[test]
fn f3k_the_hosts_that_are_shown_are_the_busiest_the_slowest_and_the_last() {
    let hosts: Vec<_> = (0..4000)
        .map(|n| ["a", "b", "c", "d", "e"][n % 5])
        .collect();
    let mut bench = Bench::new(settings(10_000, Some(4)), &hosts);
    bench.feed(second(0));
    assert_eq!(bench.schedule.look(second(1)).last, None);
    let mut now = second(1);
    // In each second two exchanges of a end, and one of b; c is silent.
    let mut started = bench.start(now);
    let ids: Vec<HostId> = started.iter().take(5).map(|(host, _)| *host).collect();
    for n in 1..=6 {
        now = second(1 + n);
        for (host, took) in [(ids[0], 100), (ids[0], 100), (ids[1], 500)] {
            bench
                .schedule
                .measure(host, Duration::from_millis(took), 10, now);
            bench.schedule.finish(host, now);
            let at = started
                .iter()
                .position(|(other, _)| *other == host)
                .unwrap();
            started.remove(at);
            started.extend(bench.start(now));
        }
        bench.schedule.look(now);
    }
    super::refuse(&mut bench, "e", now, 600);
    let shown = bench.schedule.look(now + Duration::from_millis(1));
    let busiest: Vec<_> = shown
        .busiest
        .iter()
        .map(|host| host.host.as_str())
        .collect();
    assert_eq!(busiest, ["a", "b"]);
    let a = &shown.busiest[0];
    assert!((1.9..2.1).contains(&a.per_second), "{a:?}");
    assert_eq!((a.waiting, a.in_flight, a.bytes), (800 - 4 - 12, 4, 120));
    let slowest = &shown.slowest[0];
    assert_eq!(
        slowest.latency,
        Some(Duration::from_millis(6_001)),
        "{slowest:?}"
    );
    assert_eq!(shown.slowest.len(), 3);
    let last = shown.last.unwrap();
    assert_eq!((last.host.as_str(), last.waiting), ("e", 796));
    assert!(last.paused_for > Some(Duration::from_secs(590)));
    let least = Duration::from_secs(600) + Duration::from_secs(6) * (796 / 4);
    assert!(
        last.left >= least && last.left < least + Duration::from_secs(10),
        "{last:?}"
    );
}

#[test]
fn f3e_thousands_of_blocked_hosts_with_a_line_each_hold_up_nobody() {
    let names = names(900);
    let mut hosts: Vec<&str> = names.iter().map(String::as_str).collect();
    hosts.extend(["open"; 20]);
    let mut bench = Bench::new(settings(64, Some(1)), &hosts);
    for name in &names {
        super::refuse(&mut bench, name, second(1), 100);
    }
    bench.feed(second(1));
    let mut seen = Vec::new();
    while let Some((host, item)) = bench.start(second(1)).pop() {
        bench.schedule.finish(host, second(1));
        seen.push(item.index);
        bench.feed(second(1));
    }
    assert_eq!(seen, (900..920).collect::<Vec<_>>());
    let rest = bench.start(second(200));
    assert_eq!(rest.len(), 900);
}

/// Nanoseconds of CPU that this thread has used.
fn cpu() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// What it costs to schedule 60,000 lines of so many hosts, with a look a second.
fn cost(hosts: usize) -> u64 {
    let names = names(hosts);
    let lines = (0..60_000)
        .map(|n| (names[n % hosts].clone(), 20))
        .collect();
    let play = Play {
        lines,
        host_rate: None,
    };
    let before = cpu();
    play.play(true);
    cpu() - before
}

#[test]
fn f3l_ten_thousand_hosts_cost_little_more_than_eight() {
    let (few, many) = (cost(8), cost(10_000));
    println!(
        "8 hosts: {} ms, 10,000 hosts: {} ms",
        few / 1_000_000,
        many / 1_000_000
    );
    assert!(many < 5 * few, "{few} {many}");
}

#[test]
fn f2b_lines_that_wait_for_another_attempt_do_not_stretch_the_window() {
    let hosts = vec!["failing"; 2000];
    let mut bench = Bench::new(settings(64, Some(8)), &hosts);
    // Each fails at once, and is to be tried again much later.
    loop {
        bench.feed(second(1));
        let started = bench.start(second(1));
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            bench.schedule.again(host, item, second(60), second(1));
        }
    }
    assert!(bench.schedule.held() <= 64 + 1, "{}", bench.schedule.held());
}
