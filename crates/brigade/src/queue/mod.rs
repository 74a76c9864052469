//! A bounded queue between producers and consumers that knows what became of every item.
//!
//! The usual queue loses sight of an item at the moment it is received. So the end must be sent as
//! an item of its own, which stays behind; the wait for all work hangs when a consumer dies; and
//! whoever is cancelled while it holds an item takes it along. Here
//!
//! - the queue is closed by its ends: with the last [`Sender`], or by [`close`](Sender::close).
//!   Consumers get what is left, then `None`;
//! - a received item is a [`Ticket`]: done, failed or requeued, and failed("dropped") if it is
//!   dropped, by a panic or a cancellation too;
//! - an item keeps its slot until it is settled, so the capacity bounds what is being worked on as
//!   well. Give a queue at least as many slots as it has consumers; a consumer that also sends does
//!   not wait for room, as [`wait_idle`](Monitor::wait_idle) shows;
//! - [`join`](Sender::join) waits until the queue is closed and all is settled, and is an error
//!   with the number of unfinished items once no consumer is left to take them.
//!
//! Waiting is first come, first served. A waiter that nobody polls is overtaken after its patience
//! (10 ms unless changed) and keeps its place, so it cannot stop the others.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let (sender, receiver) = brigade::queue::bounded::<u32>(100);
//! let monitor = sender.monitor();
//! let consume = async {
//!     while let Some(ticket) = receiver.recv().await {
//!         match *ticket % 2 {
//!             0 => ticket.done(),
//!             _ => ticket.fail("odd"),
//!         };
//!     }
//! };
//! let produce = async {
//!     for number in 0..10 {
//!         sender.send(number).await.unwrap();
//!     }
//!     drop(sender);
//! };
//! tokio::join!(produce, consume);
//! let tally = monitor.join().await.unwrap();
//! assert_eq!((tally.done, tally.failed), (5, 5));
//! # });
//! ```

mod error;
mod handle;
mod monitor;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;
mod ticket;

pub use brigade_core::queue::{Tally, Unfinished};
pub use error::{SendError, TryRecvError, TrySendError};
pub use monitor::{Monitor, QueueStats};
pub use receiver::Receiver;
pub use sender::{Sender, Slot, bounded};
pub use ticket::{Receipt, Ticket};
