//! Whose turn it is, for one stock of permits: the state behind the semaphore and the token bucket.
//!
//! A permit that is handed to a sleeping waiter is lost to everybody until that waiter wakes. If
//! its task is busy elsewhere, or waits for something that one of the others must do first, that
//! is for ever. So a waiter is not handed a permit but *promised* one: it must come and collect it.
//! One that does not come in time has its promise [withdrawn](Turns::withdraw) and is overtaken;
//! it keeps its place for when it [steps back](Turns::step_back).
//!
//! What is promised is set aside, so no newcomer can take it; what is collected is booked at the
//! moment of collecting, so a rate is kept where its user sees it.
//!
//! The state never reads a clock and never wakes anybody: it holds whatever the caller uses for
//! waking (`W`) and says whose turn it is.

mod state;
mod stock;
#[cfg(test)]
mod tests;

pub use state::{Collected, Promise, Turns};
pub use stock::{Permits, Stock};
