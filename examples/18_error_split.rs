//! Splitting errors: handle those that are expected, hand on the rest.
//!
//! Beyond the snippets, but used in "Handling partial failures": `except*`. The trap that is gone: an
//! `except*` clause runs whatever else has failed, so a bug is easily swallowed beside a timeout.
//! Here each clause takes what it matches, and the rest is a value that has to go somewhere. The
//! errors of nested groups stay a tree, and clauses reach into it.

use std::fmt;
use std::num::ParseIntError;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use brigade::cancel::shield;
use brigade::group::{self, ErrorGroup, task_group};
use tokio::sync::Barrier;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// An answer that is no success.
#[derive(Debug)]
struct Status(u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl std::error::Error for Status {}

fn main() -> ExitCode {
    brigade::run(async {
        let Err(group::Error::Failed(group)) = load_all().await else {
            return Err("something has to fail".into());
        };
        println!("{group:#}");
        assert_eq!(
            group.first().task(),
            "settings",
            "the root cause comes first"
        );

        // Each clause handles all that it matches, at any depth, and hands on the rest.
        let mut missing = Vec::new();
        let rest = group
            .handle_type::<Status>(|group| {
                let tasks = group.leaves().into_iter().map(|(path, _)| path.join(" > "));
                missing.extend(tasks);
            })
            .and_then(|rest| {
                rest.handle_type::<ParseIntError>(|group| println!("skipped: {group}"))
            });
        assert_eq!(missing, ["pages > page 1", "pages > page 2"]);

        // What no clause matched is still a group: return it, and nothing is swallowed.
        let rest = rest.ok_or("the broken disk is not handled")?;
        println!("left: {rest}");
        assert!(rest.to_string().ends_with("disk: out of space"));

        // Exactly one is unwrapped on request only.
        let only = rest.into_single().map_err(|many: ErrorGroup<Error>| many)?;
        assert_eq!(only.task(), "disk");
        Ok::<_, Error>(())
    })
}

async fn load_all() -> Result<(), group::Error<Error>> {
    // All are under way when the first fails: one that had not begun would be cancelled instead.
    let begun = Arc::new(Barrier::new(4));
    task_group(async |g| {
        let all = Arc::clone(&begun);
        g.spawn_named("settings", async move {
            all.wait().await;
            let limit: u32 = "many".parse()?;
            Ok(limit)
        });
        // Shielded, so that they fail too, although the first failure cancels them.
        let pages = pages(Arc::clone(&begun));
        g.spawn_named("pages", shield(async { Ok(pages.await?) }));
        let disk = fail(Arc::clone(&begun), 150, "out of space");
        g.spawn_named("disk", shield(disk));
        std::future::pending().await
    })
    .await
}

/// A nested group. It is a plain function, because a group of boxed errors that is spawned inside of
/// another one has to be.
fn pages(begun: Arc<Barrier>) -> impl Future<Output = Result<(), group::Error<Error>>> + Send {
    task_group(async move |g| {
        let (one, two) = (Arc::clone(&begun), begun);
        g.spawn_named("page 1", shield(fail(one, 50, Status(404))));
        g.spawn_named("page 2", shield(fail(two, 100, Status(500))));
        std::future::pending().await
    })
}

async fn fail(begun: Arc<Barrier>, after: u64, error: impl Into<Error>) -> Result<(), Error> {
    begun.wait().await;
    tokio::time::sleep(Duration::from_millis(after)).await;
    Err(error.into())
}
