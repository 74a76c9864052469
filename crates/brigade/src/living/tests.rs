//! G12: what lives can be listed as a tree.

use std::future::pending;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::*;
use crate::cancel::{Reason, defer, shield};
use crate::group::Builder;
use crate::thread::to_thread;
use crate::witness::millis;

type Fine = Result<(), String>;

/// The part of the tree under the group of this name: other tests run in the same process.
fn under(name: &str) -> Tree {
    let all = list();
    let root = all.iter().position(|one| one.name == name).unwrap();
    let depth = all[root].depth;
    let below = all[root + 1..].iter().take_while(|one| one.depth > depth);
    let mut part = Vec::from_iter(std::iter::once(&all[root]).chain(below).cloned());
    part.iter_mut().for_each(|one| one.depth -= depth);
    Tree::from(part)
}

/// A call that blocks until the other end of `wait` is dropped.
async fn blocked(name: &'static str, wait: std::sync::mpsc::Receiver<()>) -> Fine {
    let call = to_thread(move || {
        let _ = wait.recv_timeout(Duration::from_secs(20));
    });
    call.name(name).await;
    Ok(())
}

async fn until(what: impl Fn() -> bool) {
    let bound = std::time::Duration::from_secs(20);
    let waiting = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    timeout(bound, waiting)
        .await
        .expect("it never comes to that");
}

#[tokio::test]
async fn g12a_what_lives_is_a_tree_of_groups_tasks_and_blocking_calls() {
    let (release, wait) = std::sync::mpsc::sync_channel(1);
    let result = Builder::new().name("g12a").run(async |g| {
        g.spawn_named("one", async move {
            let inner = Builder::new().name("inner").run(async |g| {
                g.spawn_named("two", blocked("call", wait));
                Ok(())
            });
            inner.await.map_err(|error| error.to_string())
        });
        g.spawn_named("three", pending::<Fine>());
        until(|| list().iter().any(|one| one.name == "call")).await;
        let tree = under("g12a");
        let shape = tree.iter().map(|one| (one.depth, &*one.name, one.kind));
        let expected = [
            (0, "g12a", Kind::Body),
            (1, "one", Kind::Task),
            (2, "inner", Kind::Body),
            (3, "two", Kind::Task),
            (4, "call", Kind::Blocking),
            (1, "three", Kind::Task),
        ];
        assert_eq!(shape.collect::<Vec<_>>(), expected);

        let places = |found: Vec<(usize, &Living)>| {
            found
                .into_iter()
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        assert_eq!(places(tree.children(0).collect()), [1, 5]);
        assert_eq!(places(tree.children(3).collect()), [4]);
        assert_eq!(places(tree.children(4).collect()), [0; 0]);
        assert_eq!(places(tree.children(99).collect()), [0; 0]);
        assert_eq!(places(tree.ancestors(4).collect()), [3, 2, 1, 0]);
        assert_eq!(places(tree.ancestors(5).collect()), [0]);
        drop(release);
        g.cancel();
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn g12b_the_tree_prints_what_keeps_each_from_ending() {
    let result = Builder::new().name("g12b").run(async |g| {
        let spawner = g.spawner();
        let ended = spawner.spawn_named("ended", async {
            defer(sleep(millis(5000)));
            Ok(())
        });
        drop(ended);
        g.spawn_named("left behind", async {
            let inner = Builder::new().name("dropped").run(async |g| {
                g.spawn_named("stubborn", shield(sleep_well()));
                pending::<Fine>().await
            });
            drop(timeout(millis(500), inner).await);
            Ok(())
        });
        sleep(millis(1500)).await;
        let expected = "group \"g12b\", running for 1.5 s\n  \
              task \"ended\", running for 1.5 s, ending, runs its finalisers\n  \
              task \"left behind\", running for 1.5 s, ending, waits for 1\n    \
                group \"dropped\", running for 1.5 s, ending, waits for 1\n      \
                  task \"stubborn\", running for 1.5 s, cancelled (another won the race, or its \
                  future was dropped), shielded";
        assert_eq!(under("g12b").to_string(), expected);
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

async fn sleep_well() -> Fine {
    sleep(millis(5000)).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn g12c_code_can_ask_for_the_path_to_itself() {
    assert!(path().is_empty());
    let result = Builder::new().name("g12c").run(async |g| {
        let child = g.spawn_named("child", async {
            sleep(millis(100)).await;
            let inner = Builder::new().name("inner").run(async |_| {
                let here = path();
                let there = to_thread(path).await;
                Ok::<_, String>((here, there))
            });
            inner.await.map_err(|error| error.to_string())
        });
        let (here, there) = child.await;
        for path in [here, there] {
            let shape = path.iter().map(|one| (one.depth, &*one.name, one.kind));
            let expected = [
                (0, "g12c", Kind::Body),
                (1, "child", Kind::Task),
                (2, "inner", Kind::Body),
            ];
            assert_eq!(shape.collect::<Vec<_>>(), expected);
            assert_eq!((path[0].age, path[2].age), (millis(100), millis(0)));
        }
        Ok::<_, String>(())
    });
    result.await.unwrap();
}

#[tokio::test]
async fn g12a_a_blocking_call_whose_caller_is_gone_is_a_tree_of_its_own() {
    let (release, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let result = Builder::new().name("g12a gone").run(async |_| {
        let call = blocked("forsaken", wait);
        drop(timeout(millis(20), call).await);
        Ok::<_, String>(())
    });
    result.await.unwrap();
    let all = list();
    let call = all.iter().find(|one| one.name == "forsaken").unwrap();
    assert_eq!((call.depth, call.kind), (0, Kind::Blocking));
    drop(release);
}

#[tokio::test]
async fn g12b_a_cancelled_task_says_why() {
    let result = Builder::new().name("g12b why").run(async |g| {
        g.spawn_named(
            "shielded",
            shield(async {
                sleep(millis(20)).await;
                Fine::Ok(())
            }),
        );
        until(|| under("g12b why").iter().any(|one| one.shielded)).await;
        g.cancel();
        let tree = under("g12b why");
        let states: Vec<_> = tree.iter().map(|one| one.state).collect();
        assert_eq!(states, [State::Cancelled(Reason::User); 2]);
        let ends = [", no await reached since", "), shielded"];
        for (line, end) in tree.to_string().lines().zip(ends) {
            assert!(line.ends_with(end), "{line}");
        }
        Ok::<_, String>(())
    });
    result.await.unwrap();
}
