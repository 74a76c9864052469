//! Pipelines: stages with their own concurrency, and bounded room between them.
//!
//! Queues and workers put together by hand lose items: between the queue and the worker that dies,
//! in the batch that is half full at the end, in the poll that a shutdown cuts off. Here every item of the source has exactly one end, and the [`Counts`] add up:
//!
//! ```text
//!                 drain stops here, and only where the source waits
//!                 ▼
//!   source ─► │ fetch │ ─► │ parse │ ─► │ batch │ ─► │ write │ ─► delivered
//!              8 at once    by key       100 items    1 at once
//!                │            │          1 MiB          │
//!                ▼            ▼          500 ms         ▼
//!              dead letters: the stage, the error or panic, the item if it is kept
//!
//!   taken = delivered + dead + cancelled (+ what is still inside)
//! ```
//!
//! - A [`Stage`] holds a bounded number of items. When it is full, what is before it waits, up to
//!   the source; [`Stats`] say who waits for whom, and [name the slowest stage](Stats::slowest).
//! - It hands items on as they are finished, or [in order](Stage::ordered), or in the
//!   [order of each key](Stage::by_key).
//! - A stage may [expand](Pipeline::expand) an item into many or none; it ends with the last.
//! - A failure ends the pipeline, as in a [group](crate::group), unless
//!   [`dead_letters`](Pipeline::dead_letters) contains it.
//! - [`drain`](Handle::drain) stops the source and lets what is inside come to its end;
//!   [`cancel`](Handle::cancel) does not wait for it. A signal cancels, unless the pipeline is to
//!   [drain then](Pipeline::drain_on_cancel).
//!
//! ```
//! use brigade::pipeline::{Batch, Pipeline, Stage};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let stats = Pipeline::from_iter(["3", "4", "five", "6"])
//!     .stage("parse", Stage::new().concurrency(4).ordered(), |text: &str| async move {
//!         text.parse::<u32>().map_err(|error| format!("{text}: {error}"))
//!     })
//!     .batch("pack", Batch::of(2))
//!     .stage("write", Stage::new(), |batch| async move {
//!         println!("{batch:?}");
//!         Ok(())
//!     })
//!     .dead_letters(|letter| async move {
//!         println!("{letter}");
//!         Ok(())
//!     })
//!     .run()
//!     .await
//!     .unwrap();
//! assert_eq!((stats.counts.delivered, stats.counts.dead), (3, 1));
//! # });
//! ```

mod batch;
mod bench;
mod books;
mod build;
mod claim;
mod emit;
mod handle;
mod harvest;
mod intake;
mod letter;
mod output;
mod parcel;
mod run;
mod stage;
mod stats;
#[cfg(test)]
mod tests;
mod work;

pub use batch::Batch;
pub use books::Counts;
pub use build::Pipeline;
pub use emit::Emit;
pub use handle::Handle;
pub use letter::Letter;
pub use output::Output;
pub use stage::Stage;
pub use stats::{StageStats, Stats};
