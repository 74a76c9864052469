//! Beyond the snippets: a request's id at hand everywhere, without passing it along.
//!
//! A task that is spawned forgets what its caller had in task-locals, so logs lose the request
//! that they belong to, first in tasks, then in threads. Here what is provided once is captured by
//! every group and every call of a thread, and the context of another library can join in.

use std::process::ExitCode;

use brigade::context::{self, Key};
use brigade::group::{Error, collect};
use brigade::{task_group, to_thread};

static REQUEST: Key<u64> = Key::new();

tokio::task_local! {
    /// What some other library keeps in a task-local of its own.
    static TENANT: String;
}

/// What a log line would begin with.
fn prefix() -> String {
    let tenant = TENANT.try_with(Clone::clone).unwrap_or_default();
    format!("{tenant}/{}", REQUEST.get().unwrap_or_default())
}

async fn handle() -> Result<(), Error<String>> {
    task_group(async |group| {
        let child = group.spawn(async { Ok(prefix()) });
        let thread = group.spawn(async { Ok(to_thread(prefix).await) });
        let items = group.spawn(async {
            let items = collect(0..2, 2, |_| async { Ok::<_, String>(prefix()) });
            Ok(items.await.into_values())
        });
        assert_eq!(child.await, "north/7");
        assert_eq!(thread.await, "north/7");
        assert_eq!(items.await, ["north/7", "north/7"]);
        Ok(())
    })
    .await
}

fn main() -> ExitCode {
    context::carry(|| {
        let tenant = TENANT.try_with(Clone::clone).ok()?;
        Some(move |run: &mut dyn FnMut()| TENANT.sync_scope(tenant.clone(), run))
    });
    brigade::run(async {
        let handled = REQUEST.provide(7, handle());
        TENANT.scope("north".into(), handled).await?;
        assert_eq!(prefix(), "/0", "it reaches no further");
        println!("the request's id was at hand in tasks, items and threads");
        Ok::<_, Error<String>>(())
    })
}
