//! Async application patterns on tokio, each built so that its traps cannot be written.
//!
//! ```
//! use brigade::task_group;
//!
//! async fn fetch(id: u32) -> Result<u32, std::io::Error> {
//!     Ok(id * 10)
//! }
//!
//! # fn main() -> std::process::ExitCode {
//! brigade::run(async {
//!     let sum = task_group(async |group| {
//!         let (one, two) = (group.spawn(fetch(1)), group.spawn(fetch(2)));
//!         Ok(one.await + two.await)
//!     });
//!     sum.await.map(|sum| assert_eq!(sum, 30))
//! })
//! # }
//! ```
//!
//! | I want to ... | module |
//! |---|---|
//! | end cleanly on SIGINT and SIGTERM, within a bound | [`run`](mod@run) |
//! | run children, wait for all, stop at the first failure | [`group`]: [`task_group`](fn@task_group) |
//! | do the same for an endless input in bounded memory | [`group`]: [`limited_group`](group::limited_group()) |
//! | keep what succeeded although some failed | [`group`]: [`collect`](fn@collect) |
//! | take the first success and stop the others | [`group`]: [`race_ok`](group::race_ok()) |
//! | wait for many things at once that borrow what I have | [`group`]: [`join_scope`](fn@join_scope) |
//! | go on when a child says that it is ready | [`group`]: [`start`](group::TaskGroup::start()) |
//! | give up after a time, and leave nothing behind | [`group`]: [`timeout`](group::timeout()) |
//! | clean up with an await when I am cancelled | [`cancel`]: [`defer`](cancel::defer()) |
//! | not be cancelled in the middle of this | [`cancel`]: [`shield`](cancel::shield()) |
//! | hand items from producers to consumers | [`queue`] |
//! | pass items through stages, batches, and drain them | [`pipeline`] |
//! | limit how much happens at once | [`limit`]: [`Semaphore`](limit::Semaphore) |
//! | limit how often it happens | [`limit`]: [`RateLimit`](limit::RateLimit) |
//! | limit both, for all and for each key, and pause a key | [`limit`]: [`KeyedLimit`](limit::KeyedLimit) |
//! | refuse work at once when too much waits | [`limit`]: [`Bounded`](limit::Bounded) |
//! | wait longer after each failure, and not in step with others | [`backoff`]: [`Delays`](backoff::Delays) |
//! | call blocking or computing code | [`thread`] |
//! | have a request's id at hand in everything that it starts | [`context`]: [`Key`](context::Key) |
//! | make a stream of an async closure, and leave it early without a leak | [`stream`]: [`generate`](stream::generate()) |
//! | walk through a paginated API | [`stream`]: [`paginate`](stream::paginate()) |
//! | read lines, or values of lines | [`stream`]: [`lines`](stream::lines()), [`read_lines`](stream::read_lines()) |
//! | see what is running, as a tree, also from outside | [`living`], [`dump_on`](run::Builder::dump_on()) |
//!
//! # Three rules
//!
//! 1. A function is `async` if and only if it may wait. `acquire` waits, `try_acquire` answers now.
//! 2. Nothing outlives its group, and no group outlives [`run`](mod@run). What is cancelled is dropped at its
//!    next await, then its finalisers run; what cannot be stopped is named.
//! 3. Everything has a limit: queues, threads, waits, grace.
//!
//! What each pattern guarantees is written down clause by clause in `docs/laws.md` of the
//! repository, and each clause has a test that bears its name.
//!
//! # Reading order
//!
//! [`cancel`] says what a cancellation is, and all others mean that. Then [`group`], [`run`](mod@run),
//! [`queue`], [`pipeline`], [`limit`], [`thread`], [`stream`]; [`backoff`], [`clock`], [`context`] and [`living`] are small.

mod desk;
#[cfg(all(test, shuttle))]
mod interleavings;
mod nesting;
mod runtime;
mod slab;
mod sync;
#[cfg(test)]
mod witness;

pub mod backoff;
pub mod cancel;
pub mod clock;
pub mod context;
pub mod group;
pub mod limit;
pub mod living;
pub mod pipeline;
pub mod queue;
pub mod run;
pub mod stream;
pub mod thread;

pub use group::{collect, join_scope, task_group};
pub use run::run;
pub use thread::to_thread;

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
