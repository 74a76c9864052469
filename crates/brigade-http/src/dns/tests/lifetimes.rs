//! How long an answer counts, and that a failure never does.

use std::net::IpAddr;

use tokio::task::JoinSet;
use tokio::time::advance;

use super::super::cache::{ADDRESSES_MAX, NAMES_MAX, lifetime};
use super::*;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn h3e_a_lifetime_is_what_the_answer_says_within_bounds_and_a_little_less() {
    let check = |its: Option<Duration>, chance: f64, expected: Duration| {
        assert_eq!(lifetime(its, TTL, chance), expected, "{its:?}, {chance}");
    };
    let hundred = Some(SECOND * 100);
    check(hundred, 0.0, SECOND * 100);
    check(hundred, 0.5, SECOND * 95);
    check(None, 0.0, TTL);
    check(None, 0.5, SECOND * 30 * 95 / 100);
    check(Some(Duration::ZERO), 0.5, SECOND);
    check(Some(SECOND), 0.999, SECOND);
    check(Some(Duration::MAX), 0.0, DAY);
    assert_eq!(lifetime(None, Duration::ZERO, 0.5), Duration::ZERO);
    assert_eq!(lifetime(None, Duration::MAX, 0.0), DAY);
    for _ in 0..1000 {
        let found = lifetime(hundred, TTL, fastrand::f64());
        assert!((SECOND * 90..=SECOND * 100).contains(&found), "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn h3e_an_answer_is_used_until_its_time_is_up() {
    let long = |nth| Ok(answer(nth)?.ttl(SECOND * 600));
    // Script, unused after, still used after.
    type Script = fn(usize) -> io::Result<Answer>;
    let cases: [(Script, Duration, Duration); 3] = [
        (long, SECOND * 600, SECOND * 539),
        (answer, TTL, SECOND * 26),
        (
            |nth| Ok(answer(nth)?.ttl(Duration::ZERO)),
            SECOND,
            SECOND * 9 / 10,
        ),
    ];
    for (script, unused, used) in cases {
        let resolver = Scripted::new(Duration::ZERO, script);
        let cache = cache(&resolver);
        let first = cache.resolve("a.test").await.unwrap();
        advance(used).await;
        let second = cache.resolve("a.test").await.unwrap();
        assert!(Arc::ptr_eq(&first, &second), "{used:?}");
        advance(unused - used).await;
        let third = cache.resolve("a.test").await.unwrap();
        assert_eq!(resolver.asked(), 2, "{unused:?}");
        assert_ne!(first, third);
    }
}

#[tokio::test(start_paused = true)]
async fn h3e_without_a_lifetime_nothing_is_kept() {
    let resolver = Scripted::new(SECOND, answer);
    let cache = Cache::new(resolver.clone(), Duration::ZERO);
    let (one, two) = tokio::join!(cache.resolve("a.test"), cache.resolve("a.test"));
    assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    cache.resolve("a.test").await.unwrap();
    assert_eq!((resolver.asked(), cache.counts()), (2, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn h3e_names_of_one_moment_do_not_end_together() {
    const NAMES: usize = 200;
    let resolver = Scripted::new(Duration::ZERO, |nth| Ok(answer(nth)?.ttl(SECOND * 1000)));
    let cache = cache(&resolver);
    for _ in 0..2 {
        for name in 0..NAMES {
            cache.resolve(&format!("{name}.test")).await.unwrap();
        }
        advance(SECOND * 950).await;
    }
    let again = resolver.asked() - NAMES;
    assert!((1..NAMES).contains(&again), "{again} of {NAMES} ended");
}

#[tokio::test(start_paused = true)]
async fn h3f_a_failure_is_shared_by_those_who_waited_and_then_forgotten() {
    let resolver = Scripted::new(SECOND, |nth| match nth {
        0 => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the servers are away",
        )),
        1 => Ok(Answer::new([])),
        nth => answer(nth),
    });
    let cache = cache(&resolver);
    let (one, two) = tokio::join!(cache.resolve("a.test"), cache.resolve("a.test"));
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "the servers are away");
    }
    assert_eq!((resolver.asked(), cache.counts()), (1, (0, 0)));

    let empty = cache.resolve("a.test").await.unwrap_err();
    assert_eq!(empty.kind(), io::ErrorKind::NotFound);
    assert_eq!(empty.to_string(), "the name has no address");
    cache.resolve("a.test").await.unwrap();
    assert_eq!((resolver.asked(), cache.counts()), (3, (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn h3f_a_failure_is_not_given_to_who_asks_after_it() {
    let resolver = Scripted::new(SECOND, |nth| match nth {
        0 => Err(io::Error::other("the first one fails")),
        nth => answer(nth),
    });
    let cache = cache(&resolver);
    // It has waited and does not look: the failed look-up lives on in it.
    let mut asleep = std::pin::pin!(cache.resolve("a.test"));
    assert!(!poll_once(asleep.as_mut()).await);
    cache.resolve("a.test").await.unwrap_err();
    cache.resolve("a.test").await.unwrap();
    asleep.await.unwrap_err();
    assert_eq!(resolver.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn h3f_a_panic_goes_on_in_one_caller_and_the_others_ask_again() {
    let resolver = Scripted::new(SECOND, |nth| match nth {
        0 => panic!("the registry is broken"),
        nth => answer(nth),
    });
    let cache = Arc::new(cache(&resolver));
    let mut callers = JoinSet::new();
    for _ in 0..5 {
        let cache = cache.clone();
        callers.spawn(async move { cache.resolve("a.test").await.map(drop) });
    }
    let mut panics = 0;
    while let Some(ended) = callers.join_next().await {
        match ended {
            Ok(found) => found.unwrap(),
            Err(error) => {
                let payload = error.into_panic();
                assert_eq!(payload.downcast_ref(), Some(&"the registry is broken"));
                panics += 1;
            }
        }
    }
    assert_eq!((panics, resolver.asked()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn h3g_a_full_cache_forgets_one_name_for_each_new_one() {
    let resolver = Scripted::new(Duration::ZERO, |nth| Ok(answer(nth)?.ttl(DAY)));
    let cache = cache(&resolver);
    let name = |nth: usize| format!("{nth}.test");
    for nth in 0..NAMES_MAX + 100 {
        cache.resolve(&name(nth)).await.unwrap();
        assert!(cache.counts().0 <= NAMES_MAX);
    }
    assert_eq!(cache.counts().0, NAMES_MAX);
    let asked = resolver.asked();
    for nth in 100..NAMES_MAX + 100 {
        cache.resolve(&name(nth)).await.unwrap();
    }
    assert_eq!(
        resolver.asked(),
        asked,
        "only the oldest ones are forgotten"
    );
}

#[tokio::test(start_paused = true)]
async fn h3g_of_an_answer_the_first_different_addresses_of_each_family_are_used() {
    let resolver = Scripted::new(Duration::ZERO, |_| {
        let six = (0..1000_u16).map(|n| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n / 2]));
        let four = (0..1000_u16).map(|n| IpAddr::from([10, 0, (n >> 8) as u8, n as u8]));
        Ok(Answer::new(six.chain(four)))
    });
    let found = cache(&resolver).resolve("a.test").await.unwrap();
    let (four, six): (Vec<IpAddr>, Vec<_>) = found.iter().copied().partition(IpAddr::is_ipv4);
    assert_eq!((four.len(), six.len()), (ADDRESSES_MAX, ADDRESSES_MAX));
    assert_eq!(found[1], IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, 1]));
}
