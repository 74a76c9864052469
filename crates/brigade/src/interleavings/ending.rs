//! The ends of groups: dropped, forgotten, late, with finalisers and shields.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use shuttle::future::yield_now;

use super::census::Census;
use super::explore::{explore_async, in_time, lose, poll_once};
use crate::cancel::{defer, shield};
use crate::group::{Builder, Error, task_group};

async fn stays(census: Census) -> Result<(), String> {
    let _guest = census.guest();
    pending().await
}

/// A finaliser that counts as there until it has run to its end.
fn defer_one(census: &Census) {
    let guest = census.guest();
    defer(async move {
        yield_now().await;
        drop(guest);
    });
}

async fn tree(census: Census) -> Result<(), String> {
    let group = task_group(async |g| {
        defer_one(&census);
        let inside = census.clone();
        g.spawn(async move {
            let _guest = inside.guest();
            defer_one(&inside);
            yield_now().await;
            let deep = task_group(async |g| {
                g.spawn(stays(inside.clone()));
                pending::<()>().await;
                Ok::<_, String>(())
            });
            drop(lose(deep, 2).await);
            Ok(())
        });
        g.spawn(stays(census.clone()));
        pending::<()>().await;
        Ok::<_, String>(())
    });
    group.await.map_err(|error| error.to_string())
}

#[test]
fn g3g_a_dropped_tree_of_groups_is_gone_when_the_group_around_returns() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let inside = census.clone();
            g.spawn(async move {
                drop(lose(tree(inside), 2).await);
                Ok(())
            });
            drop(lose(tree(census.clone()), 1).await);
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g3e_a_dropped_group_without_an_ancestor_aborts_its_children() {
    explore_async(|| async {
        let census = Census::default();
        let group = task_group(async |g| {
            g.spawn(stays(census.clone()));
            let inside = census.clone();
            g.spawn(async move {
                let _guest = inside.guest();
                shield(pending::<()>()).await;
                Ok(())
            });
            pending::<()>().await;
            Ok::<_, String>(())
        });
        drop(lose(group, 2).await);
        while census.there() > 0 {
            yield_now().await;
        }
    });
}

#[test]
fn g3d_a_forgotten_group_ends_with_the_scope_around_it() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |_| {
            let inside = census.clone();
            let mut group = Box::pin(async move {
                let group = task_group(async |g| {
                    g.spawn(stays(inside.clone()));
                    pending::<()>().await;
                    Ok::<_, String>(())
                });
                drop(group.await);
            });
            poll_once(group.as_mut());
            yield_now().await;
            std::mem::forget(group);
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn c2e_finalisers_run_once_however_the_cancellation_meets_the_end() {
    explore_async(|| async {
        let (deferred, ran, order) = (Census::default(), Census::default(), Census::default());
        let result = task_group(async |g| {
            for _ in 0..2 {
                let (deferred, ran, order) = (deferred.clone(), ran.clone(), order.clone());
                g.spawn(async move {
                    for number in 0..2 {
                        let (ran, order) = (ran.clone(), order.clone());
                        defer(async move {
                            let _guest = order.guest();
                            yield_now().await;
                            ran.count();
                            let _ = number;
                        });
                        deferred.count();
                    }
                    yield_now().await;
                    Ok(())
                });
            }
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(result.await);
        assert_eq!(deferred.came(), ran.came());
        assert!(order.most() <= 2, "one at a time in each child");
    });
}

#[test]
fn c2c_a_second_cancellation_cuts_no_finaliser_off() {
    explore_async(|| async {
        let census = Census::default();
        let outer = task_group(async |g| {
            let inside = census.clone();
            g.spawn(async move {
                let inner = task_group(async |g| {
                    defer_one(&inside);
                    let child = inside.clone();
                    g.spawn(async move {
                        defer_one(&child);
                        yield_now().await;
                        Err::<(), _>("first".to_owned())
                    });
                    pending::<()>().await;
                    Ok::<_, String>(())
                });
                drop(inner.await);
                Ok(())
            });
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(outer.await);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn c5a_a_deadline_that_races_with_the_end_leaves_nobody() {
    explore_async(|| async {
        let census = Census::default();
        let group = Builder::new().deadline(Duration::from_secs(1));
        let group = group.run(async |g| {
            let guest = census.guest();
            let child = g.spawn(async move {
                let _guest = guest;
                yield_now().await;
                Ok(1)
            });
            Ok::<_, String>(child.await)
        });
        match in_time(Duration::from_millis(400), group).await {
            Ok(value) => assert_eq!(value, 1),
            Err(error) => assert!(matches!(error, Error::Failed(_)), "{error}"),
        }
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g1c_a_shield_that_never_ends_ends_with_the_grace_period() {
    explore_async(|| async {
        let census = Census::default();
        let group = Builder::new().grace(Duration::from_secs(2));
        let group = group.run(async |g| {
            let guest = census.guest();
            g.spawn(async move {
                let _guest = guest;
                shield(pending::<()>()).await;
                Ok(())
            });
            defer_one(&census);
            yield_now().await;
            g.cancel();
            Ok::<_, String>(())
        });
        drop(in_time(Duration::from_secs(1), group).await);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g3b_an_orphan_under_a_shield_is_waited_for() {
    explore_async(|| async {
        let (began, ended) = (Census::default(), Census::default());
        let outer = task_group(async |_| {
            let inner = task_group(async |g| {
                let (began, ended) = (began.clone(), ended.clone());
                g.spawn(async move {
                    shield(async {
                        began.count();
                        yield_now().await;
                        ended.count();
                    })
                    .await;
                    Ok(())
                });
                pending::<()>().await;
                Ok::<_, String>(())
            });
            let mut inner = Box::pin(inner);
            poll_once(pin!(inner.as_mut()));
            yield_now().await;
            drop(inner);
            Ok::<_, String>(())
        });
        outer.await.unwrap();
        assert_eq!(began.came(), ended.came());
    });
}
