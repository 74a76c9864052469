//! One look-up for all who want it, whoever of them leaves or sleeps.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;

use brigade::group::task_group;
use brigade::thread::Pool;
use brigade_testkit::cancel::Fuzz;
use brigade_testkit::wait::until;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::super::System;
use super::*;

#[tokio::test(start_paused = true)]
async fn h3d_concurrent_callers_share_one_look_up() {
    let resolver = Scripted::new(SECOND, answer);
    let cache = Arc::new(cache(&resolver));
    let mut callers = JoinSet::new();
    for name in ["a.test", "b.test"].repeat(100) {
        let cache = cache.clone();
        callers.spawn(async move { (name, cache.resolve(name).await.unwrap()) });
    }
    let answers = callers.join_all().await;
    assert_eq!(resolver.asked(), 2);
    for name in ["a.test", "b.test"] {
        let mut of_name = answers.iter().filter(|(asked, _)| *asked == name);
        let (_, first) = of_name.next().unwrap();
        assert!(of_name.all(|(_, other)| Arc::ptr_eq(first, other)));
    }
}

#[tokio::test(start_paused = true)]
async fn h3d_a_dropped_caller_leaves_the_look_up_to_the_others() {
    let resolver = Scripted::new(SECOND * 2, answer);
    let cache = cache(&resolver);
    let start = Instant::now();
    let mut second = pin!(cache.resolve("a.test"));
    {
        let mut first = pin!(cache.resolve("a.test"));
        assert!(!poll_once(first.as_mut()).await);
        assert!(!poll_once(second.as_mut()).await);
        tokio::time::advance(SECOND).await;
    }
    second.await.unwrap();
    assert_eq!(start.elapsed(), SECOND * 2, "nothing was begun again");
    assert_eq!(resolver.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn h3d_a_caller_that_is_not_polled_holds_up_nobody() {
    let resolver = Scripted::new(SECOND, answer);
    let cache = cache(&resolver);
    let mut asleep = pin!(cache.resolve("a.test"));
    assert!(!poll_once(asleep.as_mut()).await);
    let start = Instant::now();
    let awake = timeout(SECOND * 60, cache.resolve("a.test")).await;
    let awake = awake.expect("the sleeper held it up").unwrap();
    assert_eq!(start.elapsed(), SECOND);
    assert!(Arc::ptr_eq(&awake, &asleep.await.unwrap()));
    assert_eq!(resolver.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn h3d_a_look_up_ends_with_the_last_who_waits() {
    let resolver = Scripted::new(SECOND, answer);
    let cache = cache(&resolver);
    {
        let (mut one, mut two) = (pin!(cache.resolve("a.test")), pin!(cache.resolve("a.test")));
        assert!(!poll_once(one.as_mut()).await);
        assert!(!poll_once(two.as_mut()).await);
        assert_eq!((resolver.under_way(), cache.counts()), (1, (0, 1)));
    }
    assert_eq!((resolver.under_way(), cache.counts()), (0, (0, 0)));
    cache.resolve("a.test").await.unwrap();
    assert_eq!((resolver.asked(), cache.counts()), (2, (1, 0)));
}

#[tokio::test(start_paused = true)]
async fn h3d_a_caller_dropped_at_any_await_holds_up_nobody_and_leaves_nothing() {
    let resolver = Scripted::new(SECOND, answer);
    // Nothing is kept, so that every run looks up.
    let cache = Cache::new(resolver.clone(), Duration::ZERO);
    let report = Fuzz::new()
        .rivals(3)
        .seeds(0..30)
        .run(
            || async { cache.resolve("a.test").await.map(drop).unwrap() },
            async |outcome| {
                assert_eq!(cache.counts(), (0, 0), "after {outcome:?}");
                assert_eq!(resolver.under_way(), 0, "after {outcome:?}");
            },
        )
        .await;
    assert!(report.places >= 30, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn h3d_callers_of_several_threads_share_their_look_ups() {
    const NAMES: usize = 50;
    let resolver = Scripted::new(Duration::from_millis(1), answer);
    let cache = Arc::new(cache(&resolver));
    let mut callers = JoinSet::new();
    for caller in 0..NAMES * 20 {
        let cache = cache.clone();
        callers.spawn(async move {
            let name = format!("{}.test", caller % NAMES);
            let resolved = cache.resolve(&name);
            // Every third one leaves early.
            match caller % 3 {
                0 => timeout(Duration::ZERO, resolved).await.is_ok(),
                _ => resolved.await.is_ok(),
            }
        });
    }
    let all = timeout(SECOND * 30, callers.join_all()).await;
    let answered = all.expect("a caller hangs").into_iter().filter(|ok| *ok);
    let patient = (0..NAMES * 20).filter(|caller| caller % 3 != 0);
    assert!(answered.count() >= patient.count());
    assert_eq!(cache.counts(), (NAMES, 0));
    // Of twenty who want a name, seven may each leave one behind that is begun again.
    assert!(resolver.asked() <= NAMES * 8, "{}", resolver.asked());
}

/// The look-up was begun, and put into the queue for a thread, by a child that is cancelled there.
#[tokio::test]
async fn h3d_a_cancelled_child_leaves_its_place_for_a_thread_to_the_others() {
    let threads = Pool::new("resolve", 1);
    let cache = Arc::new(Cache::new(Arc::new(System::on(threads.clone())), TTL));
    let (release, blocked) = sync_channel::<()>(0);
    let mut busy = pin!(threads.call(move || blocked.recv()));
    assert!(!poll_once(busy.as_mut()).await);
    let (polled, mut others) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    let group = task_group(async |group| {
        let own = cache.clone();
        let child = group.spawn(async move { own.resolve("localhost").await.map(drop) });
        until(|| threads.stats().waiting == 1).await;
        let (cache, polled_now) = (cache.clone(), polled.clone());
        others.spawn(async move {
            let mut resolved = pin!(cache.resolve("localhost"));
            assert!(!poll_once(resolved.as_mut()).await);
            polled_now.store(true, Ordering::SeqCst);
            resolved.await
        });
        until(|| polled.load(Ordering::SeqCst)).await;
        let _ = child.cancel().await;
        Ok::<_, io::Error>(())
    });
    group.await.unwrap();
    release.send(()).unwrap();
    let found = timeout(SECOND * 10, others.join_next()).await;
    let found = found
        .expect("the place in the queue is lost")
        .unwrap()
        .unwrap();
    assert!(found.unwrap().iter().all(IpAddr::is_loopback));
    busy.await.unwrap();
}
