//! Groups: children that end, fail, spawn and are cancelled at once.

use std::future::pending;

use shuttle::future::{block_on, yield_now};
use shuttle::thread::spawn;

use super::census::Census;
use super::explore::{explore, explore_async};
use crate::cancel::{Reason, current, shield};
use crate::group::{Ended, Error, Spawner, limited_group, task_group};
use crate::living;

async fn child(census: Census, value: u32) -> Result<u32, String> {
    let _guest = census.guest();
    yield_now().await;
    Ok(value)
}

#[test]
fn g1a_no_child_is_left_when_its_group_returns_however_it_was_spawned() {
    explore_async(|| async {
        let census = Census::default();
        let sum = task_group(async |g| {
            let (one, spawner, inner) = (g.spawn(child(census.clone(), 1)), g.spawner(), &census);
            let inner = inner.clone();
            let two = g.spawn(async move {
                let _guest = inner.guest();
                drop(spawner.spawn(child(inner.clone(), 10)));
                let joined = spawner.spawn(child(inner.clone(), 20)).unwrap();
                Ok(joined.await.unwrap())
            });
            Ok::<_, String>(one.await + two.await)
        });
        assert_eq!(sum.await.unwrap(), 21);
        assert_eq!((census.came(), census.there()), (4, 0));
    });
}

#[test]
fn g2c_every_error_is_reported_once_and_nobody_is_left() {
    explore_async(|| async {
        let (census, failed) = (Census::default(), Census::default());
        let result = task_group(async |g| {
            for name in ["a", "b"] {
                let (census, failed) = (census.clone(), failed.clone());
                g.spawn(async move {
                    let _guest = census.guest();
                    yield_now().await;
                    failed.count();
                    Err::<(), _>(name.to_owned())
                });
            }
            let _guest = census.guest();
            g.spawn(pending::<Result<(), String>>());
            pending::<()>().await;
            Ok::<_, String>(())
        });
        let Err(Error::Failed(errors)) = result.await else {
            panic!("a child failed");
        };
        assert_eq!(errors.errors().count(), failed.came());
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g5c_a_spawner_that_races_with_the_end_is_served_or_refused() {
    explore(|| {
        let census = Census::default();
        let mut outside = None;
        let group = task_group(async |g| {
            let (spawner, late) = (g.spawner(), census.clone());
            outside = Some(spawn(move || spawn_late(&spawner, late)));
            Ok::<_, String>(g.spawn(child(census.clone(), 1)).await)
        });
        assert_eq!(block_on(group).unwrap(), 1);
        // What was taken back from the group counts from now on, so this comes after the thread.
        outside.take().unwrap().join().unwrap();
        assert_eq!(census.there(), 0);
    });
}

fn spawn_late(spawner: &Spawner<String>, census: Census) {
    match spawner.spawn(child(census, 7)) {
        Ok(join) => assert!(matches!(block_on(join), Ok(7) | Err(Ended::Cancelled(_)))),
        Err(back) => assert_eq!(block_on(back.0), Ok(7)),
    }
}

#[test]
fn g1a_a_child_that_was_spawned_from_outside_is_gone_when_the_group_returns() {
    explore(|| spawn_from_outside(true));
    explore(|| spawn_from_outside(false));
}

fn spawn_from_outside(cancels: bool) {
    let census = Census::default();
    let mut outside = None;
    let group = task_group(async |g| {
        let (spawner, late) = (g.spawner(), census.clone());
        outside = Some(spawn(move || {
            for _ in 0..2 {
                // A child that is refused is dropped unpolled and never counted.
                drop(spawner.spawn(child(late.clone(), 7)));
            }
        }));
        yield_now().await;
        if cancels {
            g.cancel();
        }
        Ok::<_, String>(())
    });
    drop(block_on(group));
    assert_eq!(census.there(), 0);
    let came = census.came();
    outside.take().unwrap().join().unwrap();
    yield_now_blocking();
    assert_eq!(
        census.came(),
        came,
        "a group that has returned takes no child"
    );
}

/// Gives whoever was spawned too late a chance to show.
fn yield_now_blocking() {
    for _ in 0..10 {
        shuttle::thread::yield_now();
    }
}

#[test]
fn c3a_what_began_under_a_shield_ends_whenever_the_cancellation_comes() {
    explore_async(|| async {
        let (began, ended, after) = (Census::default(), Census::default(), Census::default());
        let result = task_group(async |g| {
            for _ in 0..2 {
                let (began, ended, after) = (began.clone(), ended.clone(), after.clone());
                g.spawn(async move {
                    shield(async {
                        began.count();
                        yield_now().await;
                        yield_now().await;
                        ended.count();
                    })
                    .await;
                    pending::<()>().await;
                    after.count();
                    Ok(())
                });
            }
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        assert_eq!(began.came(), ended.came());
        assert_eq!(after.came(), 0, "a cancelled child goes no further");
    });
}

#[test]
fn c1d_a_shielded_child_is_woken_by_its_own_token() {
    explore_async(|| async {
        let result = task_group(async |g| {
            let child = g.spawn(async { Ok(shield(async { current().cancelled().await }).await) });
            yield_now().await;
            // The value of a cancelled child is still there for whoever asks.
            let ended = child.cancel().await;
            assert!(matches!(
                ended,
                Ok(Reason::User) | Err(Ended::Cancelled(Reason::User))
            ));
            Ok::<_, String>(())
        });
        result.await.unwrap();
    });
}

#[test]
fn c4a_a_value_that_came_with_the_cancellation_is_not_lost() {
    explore_async(|| async {
        let returned = Census::default();
        let result = task_group(async |g| {
            let inside = returned.clone();
            let child = g.spawn(async move {
                yield_now().await;
                inside.count();
                Ok(5)
            });
            yield_now().await;
            match child.cancel().await {
                Ok(value) => assert_eq!((value, returned.came()), (5, 1)),
                Err(_) => assert_eq!(returned.came(), 0),
            }
            Ok::<_, String>(())
        });
        result.await.unwrap();
    });
}

#[test]
fn g6c_one_cancelled_child_leaves_the_others_alone() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let guest = census.guest();
            let doomed = g.spawn(async move {
                let _guest = guest;
                pending::<Result<(), String>>().await
            });
            let other = g.spawn(child(census.clone(), 3));
            let join = doomed.cancel();
            let value = other.await;
            assert_eq!(join.await, Err(Ended::Cancelled(Reason::User)));
            Ok::<_, String>(value)
        });
        assert_eq!(result.await.unwrap(), 3);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g7a_a_limited_group_wakes_who_waits_for_room_and_never_exceeds_it() {
    explore_async(|| async {
        let census = Census::default();
        let result = limited_group(2, async |g| {
            for value in 0..5 {
                drop(g.spawn(child(census.clone(), value)).await);
            }
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!((census.came(), census.there()), (5, 0));
        assert!(census.most() <= 2, "{census:?}");
    });
}

#[test]
fn g7e_a_failure_ends_the_wait_for_room() {
    explore_async(|| async {
        let census = Census::default();
        let result = limited_group(1, async |g| {
            let guest = census.guest();
            g.spawn(async move {
                let _guest = guest;
                yield_now().await;
                Err::<(), _>("full".to_owned())
            })
            .await;
            g.spawn(child(census.clone(), 1)).await;
            pending::<()>().await;
            Ok::<_, String>(())
        });
        assert!(matches!(result.await, Err(Error::Failed(_))));
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g6f_a_listing_never_holds_up_who_comes_and_goes() {
    explore(|| {
        let census = Census::default();
        let lists = spawn(|| living::list().len() + living::list().len());
        let group = task_group(async |g| {
            let one = g.spawn(child(census.clone(), 1));
            let nested = g.spawn(async {
                let nested = task_group(async |g| Ok::<_, String>(g.spawn(async { Ok(2) }).await));
                nested.await.map_err(|error| error.to_string())
            });
            Ok::<_, String>(one.await + nested.await)
        });
        assert_eq!(block_on(group).unwrap(), 3);
        assert!(lists.join().unwrap() <= 10);
        assert!(living::list().is_empty(), "{:?}", living::list());
    });
}
