//! The decisions of brigade as pure state machines.
//!
//! A rule that is a function of `(state, event, now)` can be tested with a table, checked against
//! a model and replayed from a seed. So every decision of brigade lives here, and the crates above
//! supply what a decision cannot have: a runtime, a clock, sockets, threads and randomness.
//!
//! It is made for the crates above it and promises nothing to others. Depend on `brigade`, which
//! re-exports the values that its users write, such as `Rate` and `Limits`.
//!
//! | decision | module |
//! |---|---|
//! | may these permits be taken now? | [`gcra`] |
//! | who may go next, under all limits at once? | [`admission`], [`turns`] |
//! | which item, which consumer, and is the queue settled? | [`queue`] |
//! | what may a stage work on, and what may it hand on? | [`pipeline`] |
//! | which request gets which connection? | [`pool`] |
//! | how long until the next attempt, and until the host may be asked again? | [`backoff`] |
//! | is this answer a result, a failure, or neither yet? | [`verdict`] |
//! | which lines are done? | [`ranges`] |
//! | where does a line end, however the bytes arrive? | [`split`] |
//! | which page is asked for next, and is the walk going in circles? | [`paging`] |
//! | what does a `Link` header point to? | [`link`] |
//! | which of the bytes of a chunked body are its payload, and where does it end? | [`chunked`] |
//!
//! This crate never reads a clock, never waits, never draws a random number and never does I/O.

pub mod admission;
pub mod backoff;
pub mod chunked;
pub mod gcra;
pub mod line;
pub mod link;
pub mod paging;
pub mod pipeline;
pub mod pool;
pub mod queue;
pub mod ranges;
pub mod split;
pub mod time;
pub mod turns;
pub mod verdict;
