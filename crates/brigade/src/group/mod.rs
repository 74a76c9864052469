//! Groups of tasks: nothing that starts in a group outlives it.
//!
//! A spawned task that nobody owns is where errors vanish and programs hang at exit. So tasks are
//! started in a group, and the group returns only when all of them are gone:
//!
//! * [`task_group`] is for tasks that belong together: the first failure cancels the others.
//! * [`limited_group`] is the same with a limit: spawning waits for room.
//! * [`collect`] is for independent items: a failure is a record, and the records add up.
//! * [`race_ok`] is for several ways to one answer: the first success ends the others.
//! * [`join_scope`] is for children that borrow: they take turns in the caller's task.
//! * [`timeout`] waits for what it cuts off, as everything here does.
//!
//! All other children run in parallel and so are `Send + 'static`. Each inherits the group's cancellation,
//! its tracing span and its [context](crate::context). What happens when a future is dropped,
//! cancelled or aborted is written down in [`cancel`](crate::cancel).
//!
//! The connections of a server do not belong together, although they share a group: a child that
//! serves one reports its error itself and returns `Ok`, or one bad client ends them all. A body that
//! owns what it uses is `async move |group| ...`: a queue whose sender the body only borrows stays
//! open until the group is over, and consumers in the group wait for its end.
//!
//! ```text
//! body ends ─► children end ─► finalisers of the body ─► the group returns
//! a failure ─► siblings cancelled, body dropped at its await ─► the same
//! the group's future is dropped ─► children cancelled now, the scope around waits for them
//! ```

mod boxed;
mod builder;
mod child;
mod collect;
mod control;
mod error;
mod error_group;
mod inbox;
mod leaf;
mod limited;
mod outcome;
mod race;
mod ready;
mod scoped;
mod spared;
mod spawner;
mod split;
mod start;
mod task;
mod task_group;
#[cfg(test)]
mod tests;
mod timeout;

pub(crate) mod drive;
pub(crate) mod tree;

pub use builder::Builder;
pub use collect::{Collect, collect};
pub use control::Stats;
pub use error::{Ended, Error, Finished, NotStarted};
pub use error_group::ErrorGroup;
pub use leaf::{Adopted, Cause, Leaf};
pub use limited::{LimitedGroup, limited_group};
pub use outcome::{Collected, Counts, Outcome, Record};
pub use race::{RaceOk, race_ok};
pub use ready::Ready;
pub use scoped::{JoinScope, join_scope};
pub use spawner::Spawner;
pub use task::{Join, Task};
pub use task_group::{TaskGroup, task_group};
pub use timeout::timeout;
