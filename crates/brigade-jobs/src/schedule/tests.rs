//! The schedule against a list in memory and a spill on disk, with time as a number.

mod delayed;
mod patience;
mod tail;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use brigade_core::admission::Limits;
use brigade_core::backoff::HostRule;
use brigade_core::gcra::Rate;
use brigade_core::time::Moment;

use super::spill::Spill;
use super::*;
use crate::input::{Bytes, Item, Origin};

fn second(n: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(n)
}

fn settings(window: usize, key_concurrency: Option<usize>) -> Settings {
    let none = Limits::default();
    Settings {
        limits: key_concurrency.map_or(none, |most| none.key_concurrency(most)),
        window,
        host_rule: HostRule::default(),
    }
}

/// A schedule with everything around it that a job has, in one thread.
struct Bench {
    schedule: Schedule,
    list: Origin,
    unread: VecDeque<Item>,
    spill: Spill,
    most_held: usize,
    _directory: tempfile::TempDir,
}

impl Bench {
    /// A list of one line for each of `hosts`.
    fn new(settings: Settings, hosts: &[&str]) -> Self {
        let lines: Vec<_> = hosts
            .iter()
            .map(|host| format!("http://{host}/\n"))
            .collect();
        let text: Arc<[u8]> = lines.concat().into_bytes().into();
        let list = Origin::lines(Bytes::Memory(text));
        let mut offset = 0;
        let mut unread = VecDeque::new();
        for (index, line) in lines.iter().enumerate() {
            let length = line.len() - 1;
            let item = list.reread(index as u64, offset, length as u32);
            unread.push_back(item.unwrap().unwrap());
            offset += line.len() as u64;
        }
        let directory = tempfile::tempdir().unwrap();
        Self {
            schedule: Schedule::new(settings),
            spill: Spill::open(&directory.path().join("spill"), list.clone()).unwrap(),
            list,
            unread,
            most_held: 0,
            _directory: directory,
        }
    }

    /// Reads as far as the window allows, as the feeder does when workers are idle.
    fn feed(&mut self, now: Moment) {
        loop {
            self.carry_out();
            self.most_held = self.most_held.max(self.schedule.held());
            if self.schedule.is_stuck(now) && self.schedule.make_room(now) {
                continue;
            }
            if !self.schedule.has_room() {
                return;
            }
            match self.unread.pop_front() {
                Some(item) => self.schedule.add(item),
                None => return self.schedule.complete(),
            }
        }
    }

    fn carry_out(&mut self) {
        while self.schedule.has_orders() {
            for order in self.schedule.take_orders() {
                if let Some(loaded) = self.spill.follow(order).unwrap() {
                    self.schedule.loaded(loaded);
                }
            }
        }
    }

    /// Starts all that can start at `now`.
    fn start(&mut self, now: Moment) -> Vec<(HostId, Item)> {
        let mut started = Vec::new();
        while let Next::Start(host, item) = self.schedule.next(now) {
            started.push((host, item));
            self.carry_out();
        }
        started
    }
}

fn refuse(bench: &mut Bench, host: &str, now: Moment, seconds: u64) -> Moment {
    let asked = Some(Duration::from_secs(seconds));
    bench.schedule.refused(host, now, now, 0.0, asked).0
}

#[test]
fn f2b_a_blocked_host_is_spilled_and_every_line_of_it_comes_back_once() {
    let mut hosts = vec!["blocked"; 5000];
    hosts.extend(["open"; 20]);
    hosts.extend(["blocked"; 100]);
    let mut bench = Bench::new(settings(64, None), &hosts);
    let until = refuse(&mut bench, "blocked", second(1), 60);
    bench.feed(second(1));
    let mut open = Vec::new();
    while open.len() < 20 {
        let started = bench.start(second(1));
        assert!(!started.is_empty(), "the open host waits behind nothing");
        open.extend(started);
        bench.feed(second(1));
    }
    assert!(bench.unread.is_empty(), "the list was read past the host");
    assert!(bench.most_held <= 65, "{}", bench.most_held);

    let indices: Vec<_> = open.iter().map(|(_, item)| item.index).collect();
    assert_eq!(indices, (5000..5020).collect::<Vec<_>>());
    for (host, _) in open {
        bench.schedule.finish(host, second(2));
    }
    assert_eq!(bench.schedule.next(second(2)), Next::At(until));

    let mut seen = vec![0; hosts.len()];
    loop {
        let started = bench.start(until);
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            seen[item.index as usize] += 1;
            let again = bench.list.reread(item.index, item.offset, item.length);
            assert_eq!(again.unwrap(), Some(item));
            bench.schedule.finish(host, until);
        }
    }
    let blocked = |(index, _): &(usize, &i32)| !(5000..5020).contains(index);
    assert!(
        seen.iter()
            .enumerate()
            .filter(blocked)
            .all(|(_, n)| *n == 1)
    );
    assert_eq!(bench.schedule.next(until), Next::Finished);
    assert!(bench.schedule.slots() <= 5100 / 16, "slots are used again");
}

#[test]
fn f2b_attempts_survive_the_disk() {
    let mut bench = Bench::new(settings(8, Some(1)), &["a"; 100]);
    for item in &mut bench.unread {
        item.attempts = item.index as u32;
    }
    bench.feed(second(0));
    let (first, item) = bench.start(second(0)).remove(0);
    assert_eq!(item.index, 0);
    bench.feed(second(0));
    assert!(bench.schedule.slots() > 0 && bench.unread.is_empty());
    bench.schedule.finish(first, second(0));
    let mut seen = 1;
    loop {
        let started = bench.start(second(0));
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            assert_eq!(u64::from(item.attempts), item.index);
            seen += 1;
            bench.schedule.finish(host, second(0));
        }
    }
    assert_eq!(seen, 100);
}

/// Has a line that was started go on at another URL.
fn redirect(bench: &mut Bench, host: HostId, mut item: Item, url: &str, now: Moment) {
    item.depart();
    let redirect = brigade_http::redirect::Follow {
        url: url.parse().unwrap(),
        method: http::Method::GET,
        keep_body: true,
        same_origin: false,
    };
    item.follow(redirect, None);
    bench.schedule.follow(host, item, now);
}

#[test]
fn f3f_what_was_redirected_goes_before_what_waits_there() {
    let mut bench = Bench::new(settings(100, Some(1)), &["gate", "gate", "a", "a"]);
    bench.feed(second(0));
    let mut started = bench.start(second(0));
    let (a, other) = started.pop().unwrap();
    let (gate, moved) = started.pop().unwrap();
    assert_eq!((moved.index, other.index), (0, 2));
    redirect(&mut bench, gate, moved, "http://a/moved", second(0));
    let (_, next) = bench.start(second(0)).pop().unwrap();
    assert_eq!(next.index, 1, "the gate is free again");
    bench.schedule.finish(a, second(0));
    let (host, next) = bench.start(second(0)).pop().unwrap();
    assert_eq!((host, next.index), (a, 0));
    assert_eq!(next.target().as_str(), "http://a/moved");
    assert_eq!((next.attempts, next.is_moving()), (1, true));
}

#[test]
fn f3i_a_line_that_goes_to_disk_between_two_hops_begins_again_and_not_for_ever() {
    let mut bench = Bench::new(settings(8, None), &["gate"; 200]);
    let (mut asked, mut seen) = (0, vec![0; 200]);
    let mut now = second(1);
    refuse(&mut bench, "slow", now, 10);
    loop {
        bench.feed(now);
        match bench.schedule.next(now) {
            Next::Start(host, item) if item.hops() == 0 => {
                asked += 1;
                let name = &bench.schedule.hosts.get(host).name;
                assert_eq!(&**name, "gate", "a turn of another host was taken");
                redirect(&mut bench, host, item, "http://slow/", now);
            }
            Next::Start(host, item) => {
                seen[item.index as usize] += 1;
                assert_eq!((item.attempts, item.is_moving()), (1, true));
                bench.schedule.finish(host, now);
                // Each line that it lets through is the last one for a while.
                refuse(&mut bench, "slow", now, 10);
            }
            Next::GiveUp(..) => panic!("no host is given up"),
            Next::At(at) => now = at,
            Next::Wait | Next::Finished => break,
        }
    }
    assert!(seen.iter().all(|count| *count == 1), "{seen:?}");
    assert_eq!(bench.schedule.next(now), Next::Finished);
    assert!(asked > 200, "nothing went to disk between two hops");
    assert!(asked <= 200 * 9, "{asked}");
}

#[test]
fn f3i_a_line_that_goes_to_disk_no_more_keeps_no_other_of_its_host_in_memory() {
    let mut bench = Bench::new(settings(8, None), &["gate"; 5]);
    let now = second(1);
    refuse(&mut bench, "slow", now, 10);
    // The last one in line is one that has begun as often as it may.
    for last in [false, false, false, false, true] {
        bench.feed(now);
        let Next::Start(host, mut item) = bench.schedule.next(now) else {
            panic!("nothing starts");
        };
        item.begin_again(if last { 8 } else { 0 });
        redirect(&mut bench, host, item, "http://slow/", now);
    }
    let before = bench.schedule.held();
    assert!(bench.schedule.make_room(now));
    assert!(bench.schedule.held() < before, "{before}");
    let started = bench.start(second(100));
    let stayed = |(_, item): &&(HostId, Item)| item.hops() == 1 && item.index == 4;
    assert_eq!(started.iter().filter(stayed).count(), 1);
}

#[test]
fn f3d_hosts_take_turns_and_none_exceeds_its_concurrency() {
    let hosts: Vec<_> = (0..300).map(|n| ["a", "a", "b"][n % 3]).collect();
    let mut bench = Bench::new(settings(1000, Some(4)), &hosts);
    bench.feed(second(0));
    let started = bench.start(second(0));
    let mut count: HashMap<_, usize> = HashMap::new();
    for (host, _) in &started {
        *count.entry(*host).or_default() += 1;
    }
    assert_eq!(count.values().copied().collect::<Vec<_>>(), [4, 4]);
    // A retry does not take a second place: it waits in the line of its host.
    let (host, item) = started.into_iter().next().unwrap();
    bench.schedule.again(host, item, second(1), second(0));
    assert_eq!(bench.start(second(0)).len(), 1);
    assert_eq!(bench.start(second(1)).len(), 0);
}

#[test]
fn f3a_a_refusal_pauses_the_host_and_nobody_else() {
    let mut bench = Bench::new(settings(100, Some(2)), &["a", "a", "a", "b", "b", "b"]);
    bench.feed(second(0));
    let started = bench.start(second(0));
    assert_eq!(started.len(), 4);
    let until = refuse(&mut bench, "a", second(0), 30);
    assert!(until >= second(30), "what the host asked for is a minimum");
    let (a, b): (Vec<_>, Vec<_>) = started
        .into_iter()
        .partition(|(_, item)| item.url.host_str() == Some("a"));
    for (host, item) in a {
        bench.schedule.again(host, item, until, second(0));
    }
    for (host, _) in b {
        bench.schedule.finish(host, second(0));
    }
    let next = bench.start(second(1));
    assert_eq!(next.len(), 1);
    assert_eq!(next[0].1.url.host_str(), Some("b"));
    bench.schedule.finish(next[0].0, second(1));
    assert_eq!(bench.schedule.paused(second(1)), (1, Some(until)));
    assert_eq!(bench.start(second(29)).len(), 0);
    assert_eq!(
        bench.start(until).len(),
        2,
        "then it goes on, within its concurrency"
    );
}

#[test]
fn f3c_pauses_grow_while_a_host_refuses_and_are_forgiven() {
    let mut bench = Bench::new(settings(100, None), &["a"; 3]);
    bench.feed(second(0));
    let refuse = |bench: &mut Bench, sent, now| bench.schedule.refused("a", sent, now, 1.0, None);
    let (first, strikes) = refuse(&mut bench, second(0), second(1));
    assert_eq!((first, strikes), (second(2), 1));
    // Others of the same moment do not count again.
    assert_eq!(refuse(&mut bench, second(0), second(1)).0, second(2));
    let (then, strikes) = refuse(&mut bench, second(3), second(4));
    assert_eq!((then, strikes), (second(6), 2));
    assert_eq!(bench.schedule.forgive(second(7)), Vec::<String>::new());
    assert_eq!(bench.schedule.forgive(second(6 + 120)), ["a"]);
}

#[test]
fn f3b_a_restored_pause_still_holds() {
    let mut bench = Bench::new(settings(100, None), &["a", "b"]);
    bench.schedule.restore("a", 3, second(10), second(50));
    bench.schedule.restore("old", 3, second(10_000), second(10));
    bench.feed(second(10));
    assert_eq!(bench.start(second(10)).len(), 1);
    assert_eq!(bench.schedule.next(second(49)), Next::At(second(50)));
    assert_eq!(bench.start(second(50)).len(), 1);
    assert_eq!(
        bench.schedule.hosts(),
        2,
        "what was forgiven is not taken over"
    );
}

#[test]
fn f2a_a_host_of_which_nothing_is_left_is_forgotten() {
    let names: Vec<_> = (0..1000).map(|n| format!("h{n}")).collect();
    let hosts: Vec<_> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::new(settings(16, None), &hosts);
    loop {
        bench.feed(second(0));
        assert!(bench.schedule.hosts() <= 17);
        let started = bench.start(second(0));
        if started.is_empty() {
            break;
        }
        for (host, _) in started {
            bench.schedule.finish(host, second(0));
        }
    }
    assert_eq!(bench.schedule.next(second(0)), Next::Finished);
    assert_eq!(bench.schedule.hosts(), 0);
}

#[test]
fn a_job_limited_by_its_own_rate_reads_no_further_than_its_window() {
    let mut limited = settings(16, None);
    limited.limits.rate = Some(brigade_core::gcra::Rate::per_second(1));
    let mut bench = Bench::new(limited, &["a"; 100]);
    bench.feed(second(0));
    assert_eq!(bench.start(second(0)).len(), 1);
    bench.feed(second(0));
    assert!(
        bench.unread.len() >= 80,
        "no host is to blame, so nothing is spilled"
    );
    assert_eq!(bench.schedule.slots(), 0);
}

#[test]
fn f3d_the_rate_of_a_host_holds_though_nothing_of_it_was_left_for_a_while() {
    let mut settings = settings(10, None);
    settings.limits.key_rate = Some(Rate::per_minute(1));
    let mut bench = Bench::new(settings, &["a", "b", "a"]);
    let mut lines: Vec<_> = std::mem::take(&mut bench.unread).into();
    let again = lines.pop().unwrap();
    for item in lines {
        bench.schedule.add(item);
        let (host, _) = bench.start(second(1)).pop().unwrap();
        bench.schedule.finish(host, second(1));
        bench.schedule.forgive(second(2));
    }
    bench.schedule.add(again);
    assert_eq!(bench.schedule.next(second(3)), Next::At(second(61)));
    let (host, _) = bench.start(second(61)).pop().unwrap();
    bench.schedule.finish(host, second(61));
    assert_eq!(bench.schedule.hosts(), 2);
    // Once the rate has nothing to remember, neither has anybody else.
    bench.schedule.forgive(second(121));
    assert_eq!(bench.schedule.hosts(), 0);
}

#[test]
fn f2b_lines_of_many_hosts_that_are_moved_out_one_by_one_share_their_slots() {
    let hosts: Vec<_> = (0..2000).map(|n| ["a", "b"][n % 2]).collect();
    let mut bench = Bench::new(settings(4, Some(1)), &hosts);
    let now = second(1);
    refuse(&mut bench, "a", now, 100);
    refuse(&mut bench, "b", now, 100);
    bench.feed(now);
    assert!(bench.schedule.slots() <= 4, "{}", bench.schedule.slots());
    let mut seen = Vec::new();
    loop {
        let started = bench.start(second(200));
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            seen.push(item.index);
            bench.schedule.finish(host, second(200));
        }
        bench.carry_out();
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..2000).collect::<Vec<_>>());
}

#[test]
fn f2b_lines_that_come_back_of_many_hosts_do_not_overflow_the_window() {
    let names: Vec<_> = (0..20).map(|n| format!("h{n}")).collect();
    let hosts: Vec<_> = (0..20_000).map(|n| names[n % 20].as_str()).collect();
    let mut bench = Bench::new(settings(64, Some(1)), &hosts);
    for name in &names {
        refuse(&mut bench, name, second(1), 10);
    }
    bench.feed(second(1));
    let mut seen = Vec::new();
    loop {
        let started = bench.start(second(100));
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            seen.push(item.index);
            bench.schedule.finish(host, second(100));
        }
        bench.carry_out();
        bench.most_held = bench.most_held.max(bench.schedule.held());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20_000).collect::<Vec<_>>());
    assert!(bench.most_held <= 64 + 20, "{}", bench.most_held);
}

#[test]
fn f2b_long_urls_make_the_window_smaller() {
    let long = format!("a/?{}", "x".repeat(10_000));
    let hosts = vec![long.as_str(); 200];
    let mut bench = Bench::new(settings(100, Some(1)), &hosts);
    for item in std::mem::take(&mut bench.unread) {
        if bench.schedule.has_room() {
            bench.schedule.add(item);
        }
    }
    assert_eq!(bench.schedule.held(), 11);
}

#[test]
fn f2b_of_long_lines_no_more_come_back_than_the_window_has_room_for() {
    let long = format!("a/?{}", "x".repeat(10_000));
    let hosts = vec![long.as_str(); 300];
    let mut bench = Bench::new(settings(100, Some(1)), &hosts);
    refuse(&mut bench, "a", second(1), 10);
    bench.feed(second(1));
    let mut seen = 0;
    loop {
        let started = bench.start(second(100));
        if started.is_empty() {
            break;
        }
        for (host, _) in started {
            seen += 1;
            bench.schedule.finish(host, second(100));
        }
        bench.carry_out();
        bench.most_held = bench.most_held.max(bench.schedule.held());
    }
    assert_eq!(seen, 300);
    assert!(bench.most_held <= 13, "{}", bench.most_held);
}
