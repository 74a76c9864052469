//! Candidates that race, and children that say when they are ready.

use std::future::pending;

use shuttle::future::yield_now;

use super::census::Census;
use super::explore::{explore_async, lose};
use crate::group::{Error, race_ok, task_group};

async fn candidate(census: Census, number: u32) -> Result<u32, String> {
    let _guest = census.guest();
    match number {
        0 => Err("down".to_owned()),
        9 => pending().await,
        _ => {
            yield_now().await;
            Ok(number)
        }
    }
}

#[test]
fn g1a_the_losers_of_a_race_are_gone_when_the_winner_is_known() {
    explore_async(|| async {
        let census = Census::default();
        let race = race_ok([0, 1, 2, 9].map(|number| candidate(census.clone(), number)));
        assert!(matches!(race.await, Ok(1 | 2)));
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g2c_a_race_that_nobody_wins_has_every_failure() {
    explore_async(|| async {
        let census = Census::default();
        let race = race_ok([0, 0, 0].map(|number| candidate(census.clone(), number)));
        let Err(Error::Failed(errors)) = race.await else {
            panic!("nobody could win");
        };
        assert_eq!(errors.errors().count(), 3);
        assert_eq!((census.came(), census.there()), (3, 0));
    });
}

#[test]
fn g3b_a_race_that_is_dropped_leaves_nobody() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |_| {
            let race = race_ok([9, 1, 9].map(|number| candidate(census.clone(), number)));
            let _ = lose(race, 1).await;
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g10a_the_word_of_a_child_arrives_whoever_comes_first() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let inside = census.clone();
            let (word, child) = g
                .start(async move |ready| {
                    let _guest = inside.guest();
                    yield_now().await;
                    ready.send(7);
                    yield_now().await;
                    Ok(8)
                })
                .await;
            Ok::<_, String>(word + child.await)
        });
        assert_eq!(result.await.unwrap(), 15);
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g10c_a_word_that_is_never_given_leaves_nobody_waiting() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let inside = census.clone();
            let started = g.start(async move |ready| {
                let _guest = inside.guest();
                yield_now().await;
                drop::<crate::group::Ready<u32>>(ready);
                pending::<Result<(), String>>().await
            });
            drop(started.await);
            Ok::<_, String>(())
        });
        assert!(matches!(result.await, Err(Error::Failed(_))));
        assert_eq!(census.there(), 0);
    });
}

#[test]
fn g10d_a_wait_for_the_word_that_is_dropped_takes_the_child_along() {
    explore_async(|| async {
        let census = Census::default();
        let result = task_group(async |g| {
            let inside = census.clone();
            let started = g.start(async move |ready| {
                let _guest = inside.guest();
                yield_now().await;
                ready.send(7);
                Ok(())
            });
            drop(lose(started, 1).await);
            Ok::<_, String>(())
        });
        result.await.unwrap();
        assert_eq!(census.there(), 0);
    });
}
