//! A bounded queue whose items are accounted for until somebody says what became of them.
//!
//! A queue that forgets an item once it is handed over cannot tell when the work is done, nor that
//! a consumer died with it. Here an item takes a slot when it is sent and keeps it until it is
//! *settled*: done or failed. So the bound covers what is being worked on too, an item that is
//! given back for another try never waits for room, and whether all work is finished is one
//! comparison that cannot be wrong.
//!
//! Closing needs no sentinel among the items: producers are refused, consumers get what is left
//! and then the end. When no consumer is left, items that nobody will take are counted as
//! unfinished instead of being waited for.
//!
//! This is the state alone. It holds what wakes its waiters (`W`), but never wakes anybody.

mod state;
#[cfg(test)]
mod tests;
mod waiters;

pub use state::{Closed, QueueState, Received, Settled, Tally, Unfinished};
pub use waiters::QueuePlace;
