//! What becomes of panics, and of threads that cannot be had.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use super::*;
use crate::group::{self, Cause, Error};

#[tokio::test]
async fn t2c_a_panic_returns_to_the_caller_with_its_payload() {
    let pool = Pool::new("panics", 1);
    let mut call = pool.call(|| panic_any(42_u8));
    assert!(poll_once(&mut call).is_none());
    until("it panicked", || pool.stats().finished == 1).await;
    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(&mut call)));
    assert_eq!(caught.unwrap_err().downcast_ref::<u8>(), Some(&42));
    assert_eq!(pool.call(|| 1).await, 1);
    assert_eq!(pool.stats().threads_max, 1, "the thread goes on");
}

#[tokio::test]
async fn t2c_a_pinned_state_survives_a_panic() {
    let pinned = Pinned::new("panics", || 1).await;
    let mut call = pinned.call(|state| {
        *state += 1;
        panic_any("ouch");
    });
    assert!(poll_once(&mut call).is_none());
    until("it panicked", || pinned.stats().finished == 2).await;
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(&mut call))).is_err());
    assert_eq!(pinned.call(|state| *state).await, 2);
}

#[tokio::test]
async fn t2g_a_panic_that_no_caller_waits_for_fails_the_group() {
    let pool = Pool::new("orphans", 1);
    let (open, closed) = gate();
    let result = group::Builder::new().catch_panics().run(async |_| {
        let mut call = pool.call(move || {
            closed();
            panic_any("nobody waits");
        });
        call = call.name("orphan");
        assert!(poll_once(&mut call).is_none());
        until("it runs", || open.started()).await;
        drop(call);
        drop(open);
        tokio::time::sleep(Duration::from_secs(10)).await;
        Ok::<_, String>(())
    });
    let Err(Error::Failed(failed)) = result.await else {
        panic!("the group did not fail");
    };
    assert_eq!(failed.first().task(), "orphan");
    assert!(
        matches!(failed.first().cause(), Cause::Panic(panic) if panic.message() == "nobody waits")
    );
}

#[tokio::test]
async fn t1g_a_thread_that_the_system_refuses_is_an_error_not_a_hang() {
    let pool = Builder::new("refused", 1).stack_size(1 << 50).build();
    let mut call = pool.call(|| 1);
    assert!(poll_once(&mut call).is_none());
    let caught = catch_unwind(AssertUnwindSafe(|| poll_once(&mut call)));
    let message = caught.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.starts_with("no thread for blocking work: "),
        "{message}"
    );
    let stats = pool.stats();
    assert_eq!((stats.threads, stats.waiting), (0, 0));
}

#[tokio::test]
async fn t2g_so_does_one_that_its_caller_has_not_taken_when_it_is_dropped() {
    let pool = Pool::new("late-orphans", 1);
    let result = group::Builder::new().catch_panics().run(async |_| {
        let mut call = pool.call(|| panic_any("nobody took it")).name("orphan");
        assert!(poll_once(&mut call).is_none());
        until("it panicked", || pool.stats().finished == 1).await;
        drop(call);
        Ok::<_, String>(())
    });
    let shown = result.await.unwrap_err().to_string();
    assert_eq!(shown, "orphan: panicked: nobody took it");
}
