//! Lines that wait for another attempt: they leave the window to others and come back in time.

use std::time::Duration;

use brigade_core::time::Moment;

use super::super::delays::STEP;
use super::super::{HostId, Next};
use super::{Bench, redirect, refuse, second, settings};
use crate::input::Item;

const ATTEMPTS: u32 = 3;

/// A host that refuses every connection at once, and one that answers at once.
struct Play {
    bench: Bench,
    now: Moment,
    /// Before which moment a line may not be asked for.
    not_before: Vec<Moment>,
    /// Lines that ended, in this order.
    ended: Vec<u64>,
    latest: Duration,
    /// How long a line waits for its next attempt.
    wait: fn(&Item) -> Duration,
}

impl Play {
    fn new(window: usize, hosts: &[&str]) -> Self {
        Self {
            bench: Bench::new(settings(window, Some(8)), hosts),
            now: second(1),
            not_before: vec![Moment::ZERO; hosts.len()],
            ended: Vec::new(),
            latest: Duration::ZERO,
            wait: |item| {
                let jitter = Duration::from_micros(item.index * 7919 % 500_000);
                Duration::from_millis(500 << item.attempts) + jitter
            },
        }
    }

    /// Takes every step that can be taken before the time moves; returns when it has to.
    fn play(&mut self) -> Option<Moment> {
        loop {
            self.bench.feed(self.now);
            match self.bench.schedule.next(self.now) {
                Next::Start(host, item) => self.exchange(host, item),
                // What is read from disk may start as well.
                _ if self.bench.schedule.has_orders() => {}
                Next::GiveUp(..) => panic!("no host is given up"),
                Next::At(at) => return Some(at),
                Next::Wait | Next::Finished => return None,
            }
        }
    }

    fn exchange(&mut self, host: HostId, mut item: Item) {
        item.depart();
        let line = item.index as usize;
        assert!(self.not_before[line] <= self.now, "line {line} came early");
        if item.attempts > 1 {
            let late = self.now.since(self.not_before[line]);
            self.latest = self.latest.max(late);
        }
        if item.url.host_str() == Some("up") || item.attempts == ATTEMPTS {
            self.ended.push(item.index);
            self.bench.schedule.finish(host, self.now);
        } else {
            let at = self.now + (self.wait)(&item);
            self.not_before[line] = at;
            self.bench.schedule.again(host, item, at, self.now);
        }
    }
}

#[test]
fn f2e_a_host_that_refuses_at_once_holds_up_no_line_of_another() {
    const LINES: usize = 100_000;
    let hosts: Vec<_> = (0..LINES)
        .map(|line| if line % 100 == 99 { "up" } else { "down" })
        .collect();
    let mut play = Play::new(512, &hosts);
    let begun = play.now;
    let mut next = play.play();
    // No backoff has passed yet.
    assert_eq!(play.now, begun);
    let up: Vec<_> = (0..LINES as u64).filter(|line| line % 100 == 99).collect();
    assert!(play.ended == up, "{} have ended", play.ended.len());
    while let Some(at) = next {
        assert!(at > play.now);
        play.now = at;
        next = play.play();
    }
    assert_eq!(play.bench.schedule.next(play.now), Next::Finished);
    let most = 512 + 512 / 4 + 2;
    assert!(play.bench.most_held <= most, "{}", play.bench.most_held);
    play.ended.sort_unstable();
    assert!(play.ended.into_iter().eq(0..LINES as u64));
    assert!(play.latest <= STEP, "{:?} late", play.latest);
    let slots = play.bench.schedule.slots() as usize;
    assert!(slots <= 2 * LINES / 512 + 16, "{slots} slots");
}

#[test]
fn f2e_lines_of_many_hosts_that_wait_long_share_their_slots_and_come_a_sixteenth_later() {
    let names: Vec<_> = (0..100).map(|n| format!("down{n}")).collect();
    let hosts: Vec<_> = (0..4000).map(|n| names[n % 100].as_str()).collect();
    let mut play = Play::new(512, &hosts);
    // From half a minute to a whole one.
    play.wait = |item| Duration::from_millis(30_000 + item.index * 7919 % 30_000);
    let mut next = play.play();
    let slots = play.bench.schedule.slots();
    // A step of a quarter of a second would be one slot for each line.
    assert!(slots < 2500, "{slots} slots for 4000 lines");
    while let Some(at) = next {
        play.now = at;
        next = play.play();
    }
    assert_eq!(play.ended.len(), 4000);
    assert!(play.latest > STEP, "{:?} late", play.latest);
    assert!(
        play.latest <= Duration::from_secs(60) / 16,
        "{:?} late",
        play.latest
    );
}

#[test]
fn f2e_what_waited_on_disk_for_another_attempt_goes_before_what_was_never_asked_for() {
    let mut bench = Bench::new(settings(16, Some(8)), &["a"; 200]);
    let now = second(1);
    bench.feed(now);
    let mut begun = 0;
    while begun < 40 {
        let Next::Start(host, mut item) = bench.schedule.next(now) else {
            panic!("nothing starts");
        };
        item.depart();
        begun += 1;
        bench.schedule.again(host, item, second(5), now);
        bench.feed(now);
    }
    refuse(&mut bench, "a", now, 8);
    bench.feed(now);
    assert!(
        bench.unread.is_empty(),
        "what was never asked for is on disk"
    );
    let mut order = Vec::new();
    loop {
        bench.carry_out();
        let started = bench.start(second(20));
        if started.is_empty() {
            break;
        }
        for (host, item) in started {
            order.push(item.attempts);
            bench.schedule.finish(host, second(20));
        }
    }
    assert_eq!(order.len(), 200);
    let last = order.iter().rposition(|attempts| *attempts == 1).unwrap();
    // Before them went what was in memory, and what of theirs was being read back.
    assert!(last < 40 + 3 * 16, "number {last} was one of them");
}

#[test]
fn f2e_of_hosts_with_one_line_each_that_fails_none_goes_to_disk() {
    let names: Vec<_> = (0..400).map(|n| format!("down{n}")).collect();
    let hosts: Vec<_> = names.iter().map(String::as_str).chain(["up"]).collect();
    let mut play = Play::new(64, &hosts);
    play.play();
    assert_eq!(play.ended, [400]);
    assert_eq!(play.bench.schedule.slots(), 0);
    assert!(play.bench.most_held <= 64 + 401);
}

#[test]
fn f2e_a_line_that_waits_for_ever_does_so_on_disk_too() {
    let mut play = Play::new(4, &["down"; 40]);
    for _ in 0..40 {
        play.bench.feed(play.now);
        let Next::Start(host, item) = play.bench.schedule.next(play.now) else {
            panic!("the list was not read");
        };
        play.bench.schedule.again(host, item, Moment::MAX, play.now);
    }
    play.bench.feed(play.now);
    assert!(play.bench.schedule.slots() > 0);
    assert_eq!(play.bench.schedule.next(play.now), Next::At(Moment::MAX));
    assert_eq!(play.bench.schedule.waiting(), 40);
}

#[test]
fn f3m_a_line_that_was_held_back_stands_before_the_others_of_its_host() {
    let mut bench = Bench::new(settings(64, Some(2)), &["a"; 6]);
    bench.feed(second(1));
    let indices = |started: &[(HostId, Item)]| -> Vec<_> {
        started.iter().map(|(_, item)| item.index).collect()
    };
    let mut started = bench.start(second(1));
    assert_eq!(indices(&started), [0, 1]);
    let until = refuse(&mut bench, "a", second(1), 5);
    for (host, item) in started {
        assert!(bench.schedule.is_paused(host, second(2)));
        bench.schedule.put_back(host, item, second(2));
    }
    assert_eq!(bench.schedule.waiting(), 6);
    assert_eq!(bench.schedule.next(second(2)), Next::At(until));
    let mut seen = Vec::new();
    loop {
        started = bench.start(until);
        if started.is_empty() {
            break;
        }
        seen.extend(indices(&started));
        for (host, _) in started {
            bench.schedule.finish(host, until);
        }
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    assert_eq!(bench.schedule.next(until), Next::Finished);
}

#[test]
fn f3m_a_hop_that_was_held_back_is_no_attempt_when_it_goes() {
    let mut bench = Bench::new(settings(8, None), &["gate"]);
    let now = second(1);
    bench.feed(now);
    for hop in 0..2 {
        let Next::Start(host, mut item) = bench.schedule.next(now) else {
            panic!("nothing starts");
        };
        let is_attempt = item.depart();
        assert_eq!((is_attempt, item.attempts), (hop == 0, 1));
        item.stay(is_attempt);
        bench.schedule.put_back(host, item, now);
        let Next::Start(host, mut item) = bench.schedule.next(now) else {
            panic!("nothing starts again");
        };
        match hop {
            0 => redirect(&mut bench, host, item, "http://slow/", now),
            _ => assert!((item.depart(), item.attempts) == (false, 1)),
        }
    }
}

#[test]
fn f3i_a_line_that_goes_to_disk_no_more_waits_in_memory_for_its_next_attempt() {
    let mut bench = Bench::new(settings(4, None), &["gate"; 4]);
    let (now, later) = (second(1), second(60));
    bench.feed(now);
    while let Next::Start(host, mut item) = bench.schedule.next(now) {
        if item.hops() == 0 {
            item.begin_again(8);
            redirect(&mut bench, host, item, "http://slow/", now);
        } else {
            item.depart();
            bench.schedule.again(host, item, later, now);
        }
    }
    // They fill the window, and none of them makes room.
    assert!(!bench.schedule.make_room(now) || bench.schedule.slots() == 0);
    let hops = bench.start(later);
    assert!(hops.iter().map(|(_, item)| item.hops()).eq([1; 4]));
}
