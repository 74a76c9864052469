//! What a class of threads is doing, as plain numbers.

/// A snapshot of a [`Pool`](super::Pool) or of a [`Pinned`](super::Pinned) thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The most threads that there may be.
    pub limit: usize,
    /// Threads that live now, at work or resting.
    pub threads: usize,
    /// The most threads that lived at the same time.
    pub threads_max: usize,
    /// Closures that run now.
    pub running: usize,
    /// Callers that wait for a thread. Each is a suspended future, so what bounds the callers
    /// bounds this.
    pub waiting: usize,
    /// Closures that have ended, by returning or by panicking.
    pub finished: u64,
}
