//! G11: the error of a group is split, nested and printed.

use std::io::{self, ErrorKind};
use std::num::ParseIntError;

use super::*;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A group in which these tasks fail one after the other with these errors.
fn failing<E>(errors: Vec<(&'static str, E)>) -> impl Future<Output = Result<(), Error<E>>> + Send
where
    E: std::fmt::Display + Send + 'static,
{
    task_group(async move |g| {
        for (nth, (name, error)) in (1..).zip(errors) {
            let failed = async move {
                sleep(millis(nth)).await;
                Err::<(), _>(error)
            };
            g.spawn_named(name, shield(failed));
        }
        pending().await
    })
}

fn failed<T, E: std::fmt::Display + 'static>(result: Result<T, Error<E>>) -> ErrorGroup<E> {
    match result {
        Err(Error::Failed(group)) => group,
        Err(error) => panic!("not failed: {error}"),
        Ok(_) => panic!("not failed"),
    }
}

fn lines<E: std::fmt::Display + 'static>(group: Option<ErrorGroup<E>>) -> Vec<String> {
    let leaves = group.into_iter().flatten();
    leaves.map(|leaf| leaf.to_string()).collect()
}

fn boxed(kind: ErrorKind) -> BoxError {
    io::Error::from(kind).into()
}

fn no_number() -> BoxError {
    "x".parse::<u8>().unwrap_err().into()
}

#[tokio::test(start_paused = true)]
async fn g11a_a_split_puts_every_leaf_into_one_half_and_keeps_the_order_in_both() {
    let errors = || (0..6).map(|n| ("task", n)).collect();
    // Every subset of the leaves, the empty one and the whole included.
    for subset in 0..64 {
        let matches = |n: i32| subset & (1 << n) != 0;
        let group = failed(failing(errors()).await);
        let (matching, rest) = group.split(|leaf| matches(*leaf.error().unwrap()));
        for (half, which) in [(matching, true), (rest, false)] {
            let expected: Vec<_> = (0..6).filter(|n| matches(*n) == which).collect();
            assert_eq!(half.is_none(), expected.is_empty(), "an empty group");
            let Some(half) = half else { continue };
            assert_eq!(half.first().error(), expected.first());
            assert!(half.errors().eq(&expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g11a_both_halves_say_why_the_group_was_cancelled() {
    let result = task_group(async |g| {
        g.spawn(shield(fail_after(10, "a")));
        g.spawn(shield(fail_after(20, "b")));
        sleep(millis(1)).await;
        g.cancel();
        Ok(())
    });
    let (a, b) = failed(result.await).split(|leaf| leaf.error().unwrap() == "a");
    assert_eq!(a.unwrap().cancelled(), Some(Reason::User));
    assert_eq!(b.unwrap().cancelled(), Some(Reason::User));
}

#[tokio::test(start_paused = true)]
async fn g11b_each_clause_handles_what_it_matches_and_hands_on_the_rest() {
    let group = failed(
        failing(vec![
            ("a", "404"),
            ("b", "timeout"),
            ("c", "404"),
            ("d", "?"),
        ])
        .await,
    );
    let is = |text: &'static str| move |leaf: &Leaf<&str>| leaf.error() == Some(&text);
    let (mut missing, mut slow) = (Vec::new(), Vec::new());
    let rest = group
        .handle(is("404"), |group| missing = lines(Some(group)))
        .and_then(|rest| rest.handle(is("nothing"), |_| panic!("nothing matches")))
        .and_then(|rest| rest.handle(is("timeout"), |group| slow = lines(Some(group))));
    assert_eq!(missing, ["a: 404", "c: 404"]);
    assert_eq!(slow, ["b: timeout"]);
    let error = Error::from(rest.unwrap());
    assert_eq!(error.to_string(), "d: ?");
}

#[tokio::test(start_paused = true)]
async fn g11c_a_group_of_boxed_errors_splits_by_type_through_all_its_levels() {
    async fn inner() -> Result<(), BoxError> {
        let errors = vec![("read", boxed(ErrorKind::NotFound)), ("parse", no_number())];
        Ok(failing(errors).await?)
    }
    fn group() -> impl Future<Output = Result<(), Error<BoxError>>> + Send {
        task_group(async |g| {
            g.spawn_named("inner", inner());
            pending().await
        })
    }
    async fn middle() -> Result<(), BoxError> {
        // The group itself may be boxed as well as its error.
        match group().await {
            Err(Error::Failed(group)) => Err(group.into()),
            _ => panic!("it fails"),
        }
    }
    async fn typed() -> Result<(), BoxError> {
        let errors = vec![("one", io::Error::from(ErrorKind::TimedOut))];
        Ok(failing(errors).await?)
    }
    let result: Result<(), Error<BoxError>> = task_group(async |g| {
        g.spawn_named("flat", shield(async { Err::<(), _>(no_number()) }));
        g.spawn_named("middle", shield(middle()));
        g.spawn_named("typed", shield(typed()));
        pending().await
    })
    .await;
    let group = failed(result);
    let paths: Vec<_> = group.leaves().into_iter().map(|(path, _)| path).collect();
    let expected: [&[&str]; 4] = [
        &["flat"],
        &["typed"],
        &["middle", "inner", "read"],
        &["middle", "inner", "parse"],
    ];
    assert_eq!(paths, expected);

    let (io, rest) = group.split_type::<io::Error>();
    assert_eq!(
        format!("{:#}", io.unwrap()),
        "2 tasks failed\n\
         - typed: a task failed\n  \
           - one: timed out\n\
         - middle: a task failed\n  \
           - inner: a task failed\n    \
             - read: entity not found"
    );
    let rest = rest.unwrap();
    assert_eq!(
        format!("{rest:#}"),
        "2 tasks failed\n\
         - flat: invalid digit found in string\n\
         - middle: a task failed\n  \
           - inner: a task failed\n    \
             - parse: invalid digit found in string"
    );
    assert!(rest.handle_type::<ParseIntError>(|_| {}).is_none());
}

#[tokio::test(start_paused = true)]
async fn g11c_deadlines_panics_and_foreign_errors_belong_to_the_rest() {
    let group = Builder::new().catch_panics().deadline(millis(5));
    let result: Result<(), Error<BoxError>> = group
        .run(async |g| {
            g.spawn_named::<_, ()>(
                "broken",
                shield(async {
                    sleep(millis(20)).await;
                    panic!("an expected panic")
                }),
            );
            let foreign = task_group(async |g| {
                g.spawn_named("adopted", shield(fail_after(10, "a string")));
                g.spawn_named(
                    "adopted io",
                    shield(async {
                        sleep(millis(12)).await;
                        Err::<(), _>(String::new())
                    }),
                );
                pending::<Fine>().await
            });
            drop(tokio::time::timeout(millis(1), foreign).await);
            pending().await
        })
        .await;
    let (io, rest) = failed(result).split_type::<io::Error>();
    assert!(io.is_none());
    assert_eq!(rest.unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn g11c_an_adopted_error_is_found_by_its_type() {
    let result: Result<(), Error<BoxError>> = task_group(async |_| {
        let inner = task_group(async |g| {
            g.spawn_named("adopted", async {
                shield(sleep(millis(10))).await;
                Err::<(), _>(io::Error::from(ErrorKind::NotFound))
            });
            pending::<io::Result<()>>().await
        });
        drop(tokio::time::timeout(millis(1), inner).await);
        Ok(())
    })
    .await;
    let (io, rest) = failed(result).split_type::<io::Error>();
    assert_eq!(lines(io), ["adopted: entity not found"]);
    assert!(rest.is_none());
}

#[tokio::test(start_paused = true)]
async fn g11d_a_group_in_a_group_stays_a_tree_and_splits_by_its_inner_leaves() {
    let result: Result<(), Error<Error<&str>>> = task_group(async |g| {
        g.spawn_named(
            "left",
            shield(failing(vec![("a", "404"), ("b", "timeout")])),
        );
        g.spawn_named("right", shield(failing(vec![("c", "404")])));
        g.spawn_named(
            "stopped",
            shield(async { Err::<(), _>(Error::Cancelled(Reason::User)) }),
        );
        pending().await
    })
    .await;
    let group = failed(result);
    let text = "3 tasks failed\n\
                - stopped: cancelled: the program asked for it\n\
                - right: a task failed\n  - c: 404\n\
                - left: 2 tasks failed\n  - a: 404\n  - b: timeout";
    assert_eq!(format!("{group:#}"), text);
    let paths: Vec<_> = group.leaves().map(|(path, _)| path).collect();
    assert_eq!(paths, [["right", "c"], ["left", "a"], ["left", "b"]]);

    let (missing, rest) = group.split_inner(|leaf| leaf.error() == Some(&"404"));
    let text = "2 tasks failed\n\
                - right: a task failed\n  - c: 404\n\
                - left: a task failed\n  - a: 404";
    assert_eq!(format!("{:#}", missing.unwrap()), text);
    let text = "2 tasks failed\n\
                - stopped: cancelled: the program asked for it\n\
                - left: a task failed\n  - b: timeout";
    assert_eq!(format!("{:#}", rest.unwrap()), text);
}

#[tokio::test(start_paused = true)]
async fn g11e_one_failure_is_unwrapped_only_on_request_and_only_if_it_is_alone() {
    let group = failed(failing(vec![("a", 1), ("b", 2)]).await);
    let group = group.into_single().unwrap_err();
    assert_eq!(group.len(), 2);
    let (one, _) = group.split(|leaf| leaf.task() == "b");
    let leaf = one.unwrap().into_single().unwrap();
    assert_eq!((leaf.task(), leaf.error()), ("b", Some(&2)));
}

#[tokio::test(start_paused = true)]
async fn g11f_the_tree_shows_what_a_boxed_error_was_caused_by() {
    #[derive(Debug)]
    struct Context(&'static str, BoxError);
    impl std::fmt::Display for Context {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::error::Error for Context {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.1)
        }
    }
    let inner = failing(vec![
        ("disk", boxed(ErrorKind::NotFound)),
        ("net", no_number()),
    ])
    .await;
    let error = Context(
        "cannot load",
        Context("cannot start", inner.unwrap_err().into()).into(),
    );
    let group = failed(failing::<BoxError>(vec![("main", error.into())]).await);
    assert_eq!(group.to_string(), "main: cannot load");
    let expected = "a task failed\n\
                    - main: cannot load\n    \
                        caused by: cannot start\n    \
                        caused by: 2 tasks failed\n    \
                          - disk: entity not found\n    \
                          - net: invalid digit found in string";
    assert_eq!(format!("{group:#}"), expected);
}

#[tokio::test(start_paused = true)]
async fn g11g_the_tree_says_that_a_deadline_passed_and_of_which_task() {
    let late = async || timeout(millis(5), pending::<Result<(), &str>>()).await;
    let group: Result<(), _> = task_group(async |g| {
        g.spawn_named("page 7", shield(late()));
        g.spawn_named("page 8", shield(late()));
        pending().await
    })
    .await;
    let expected = "2 tasks failed\n\
                    - page 7: a deadline passed\n  \
                      - timeout: not finished after 5ms\n\
                    - page 8: a deadline passed\n  \
                      - timeout: not finished after 5ms";
    assert_eq!(format!("{:#}", failed(group)), expected);
}

#[tokio::test(start_paused = true)]
async fn g11g_the_tree_counts_deadlines_and_failures_apart_the_root_cause_first() {
    let group = Builder::new().name("crawl").deadline(millis(5));
    let group: Result<(), _> = group
        .run(async |g| {
            let write = async {
                sleep(millis(10)).await;
                Err::<(), _>("disk full")
            };
            g.spawn_named("page", shield(write));
            pending().await
        })
        .await;
    let expected = "a deadline passed, a task failed\n\
                    - crawl: not finished after 5ms\n\
                    - page: disk full";
    assert_eq!(format!("{:#}", failed(group)), expected);
}
