//! Hosts that ask for more patience than there is: their lines come back wherever they waited.

use std::time::Duration;

use brigade_core::gcra::Rate;

use super::super::{Asked, Next};
use super::{Bench, redirect, refuse, second, settings};

const YEAR: Asked = Asked {
    status: 429,
    wait: Duration::from_secs(365 * 86_400),
};

/// Has `host` ask for a year at `now`, of which it is given so many seconds.
fn give_up(bench: &mut Bench, host: &str, now: brigade_core::time::Moment, seconds: u64) {
    refuse(bench, host, now, seconds);
    bench.schedule.give_up(host, YEAR);
}

#[test]
fn f3q_lines_of_a_host_that_asks_for_too_much_come_back_from_everywhere_and_take_no_turn() {
    let mut hosts = vec!["gone"; 3000];
    hosts.extend(["up"; 3]);
    hosts.extend(["gone"; 1000]);
    let mut settings = settings(64, Some(1));
    settings.limits.rate = Rate::new(1, Duration::from_secs(1));
    let mut bench = Bench::new(settings, &hosts);
    let now = second(1);
    // Some of them wait on disk by then, and the one that was refused waits for its next attempt.
    bench.feed(now);
    let Next::Start(host, mut refused) = bench.schedule.next(now) else {
        panic!("nothing starts");
    };
    refused.depart();
    refuse(&mut bench, "gone", now, 3);
    bench.schedule.again(host, refused, second(3), now);
    bench.feed(now);
    assert!(bench.schedule.slots() > 0);
    give_up(&mut bench, "gone", now, 3600);
    let (mut failed, mut asked) = (vec![0; hosts.len()], Vec::new());
    let mut now = now;
    loop {
        bench.feed(now);
        match bench.schedule.next(now) {
            Next::GiveUp(item, given_up) => {
                assert_eq!((&*given_up.host, given_up.asked), ("gone", YEAR));
                failed[item.index as usize] += 1;
            }
            Next::Start(host, item) => {
                asked.push((item.index, now));
                bench.schedule.finish(host, now);
            }
            _ if bench.schedule.has_orders() => {}
            Next::At(at) => now = at,
            Next::Wait | Next::Finished => break,
        }
    }
    assert_eq!(bench.schedule.next(now), Next::Finished);
    let expected = (0..hosts.len()).map(|line| i32::from(hosts[line] == "gone"));
    assert!(failed.into_iter().eq(expected));
    // The rate is all for those that are asked.
    assert_eq!(asked, [3000, 3001, 3002].map(|n| (n, second(n - 3000 + 2))));
    assert!(bench.most_held <= 66, "{}", bench.most_held);
}

#[test]
fn f3q_what_is_held_back_or_redirected_to_such_a_host_comes_back_too() {
    for is_redirected in [false, true] {
        let mut bench = Bench::new(settings(64, None), &["gate", "gone"]);
        let now = second(1);
        bench.feed(now);
        let mut started = bench.start(now);
        let ((gone, other), (gate, line)) = (started.pop().unwrap(), started.pop().unwrap());
        give_up(&mut bench, "gone", now, 60);
        assert_eq!(bench.schedule.next(now), Next::Wait);
        if is_redirected {
            redirect(&mut bench, gate, line, "http://gone/", now);
            bench.schedule.finish(gone, now);
        } else {
            bench.schedule.put_back(gone, other, now);
            bench.schedule.finish(gate, now);
        }
        assert_eq!(bench.schedule.next_at(now), Some(now));
        assert!(matches!(bench.schedule.next(now), Next::GiveUp(..)));
        assert_eq!(bench.schedule.next(now), Next::Finished);
    }
}

#[test]
fn f3q_after_the_longest_pause_the_host_is_asked_again_and_a_short_pause_is_waited_for() {
    let mut bench = Bench::new(settings(64, Some(1)), &["gone"; 3]);
    give_up(&mut bench, "gone", second(1), 60);
    // A neighbour that was in flight is refused for less: that changes nothing.
    refuse(&mut bench, "gone", second(1), 5);
    let lines: Vec<_> = std::mem::take(&mut bench.unread).into();
    let [first, second_line, third] = lines.try_into().unwrap();
    bench.schedule.add(first);
    assert!(matches!(bench.schedule.next(second(50)), Next::GiveUp(..)));
    bench.schedule.add(second_line);
    let (host, item) = bench.start(second(70)).pop().unwrap();
    assert_eq!(bench.schedule.given_up(host, second(70)), None);
    let until = refuse(&mut bench, "gone", second(71), 30);
    assert_eq!(bench.schedule.given_up(host, second(72)), None);
    bench.schedule.again(host, item, until, second(71));
    bench.schedule.add(third);
    assert_eq!(bench.schedule.next(second(72)), Next::At(until));
    assert_eq!(bench.start(until).len(), 1);
}

#[test]
fn f3q_while_lines_are_handed_back_what_may_start_starts() {
    let mut hosts = vec!["gone"; 40];
    hosts.extend(["up"; 3]);
    let mut bench = Bench::new(settings(64, None), &hosts);
    let now = second(1);
    give_up(&mut bench, "gone", now, 3600);
    bench.feed(now);
    for _ in 0..3 {
        let next = bench.schedule.next(now);
        assert!(matches!(next, Next::Start(..)), "{next:?}");
    }
    for _ in 0..40 {
        assert!(matches!(bench.schedule.next(now), Next::GiveUp(..)));
    }
}

#[test]
fn f3q_a_line_that_goes_back_to_a_host_that_is_given_up_is_handed_back_too() {
    const LINES: usize = 40;
    let mut bench = Bench::new(settings(8, None), &["gate"; LINES]);
    let (mut now, mut back) = (second(1), 0);
    let mut moved = 0;
    refuse(&mut bench, "slow", now, 10);
    loop {
        bench.feed(now);
        match bench.schedule.next(now) {
            // All are redirected once, and some of them go to disk and begin again.
            Next::Start(host, item) if item.hops() == 0 => {
                moved += 1;
                redirect(&mut bench, host, item, "http://slow/", now);
                if moved == LINES {
                    give_up(&mut bench, "gate", now, 3600);
                }
            }
            Next::Start(host, _) => bench.schedule.finish(host, now),
            Next::GiveUp(..) => back += 1,
            Next::At(at) => {
                assert!(at <= second(11), "it waits for the end of the pause");
                now = at;
            }
            _ if bench.schedule.has_orders() => {}
            Next::Wait | Next::Finished => break,
        }
    }
    assert_eq!(bench.schedule.next(now), Next::Finished);
    assert!(back > 0, "nothing went to disk between two hops");
}

#[test]
fn f3q_what_comes_back_from_disk_names_the_host_that_is_given_up_and_not_its_own() {
    const LINES: usize = 40;
    let mut bench = Bench::new(settings(8, None), &["gate"; LINES]);
    let now = second(1);
    refuse(&mut bench, "slow", now, 10);
    let mut moved = 0;
    while moved < LINES {
        bench.feed(now);
        match bench.schedule.next(now) {
            Next::Start(host, item) => {
                moved += 1;
                redirect(&mut bench, host, item, "http://slow/", now);
            }
            _ => assert!(bench.schedule.has_orders(), "nothing starts"),
        }
    }
    give_up(&mut bench, "slow", now, 3600);
    let (mut back, mut begun_again) = (0, 0);
    while back < LINES {
        bench.feed(now);
        match bench.schedule.next(now) {
            Next::GiveUp(item, given_up) => {
                assert_eq!(&*given_up.host, "slow");
                begun_again += usize::from(item.hops() == 0);
                back += 1;
            }
            other => assert!(bench.schedule.has_orders(), "{other:?}"),
        }
    }
    assert!(begun_again > 0, "nothing went to disk between two hops");
    assert_eq!(bench.schedule.next(now), Next::Finished);
}
