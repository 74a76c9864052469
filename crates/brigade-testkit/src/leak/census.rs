//! Counting values: how many of those that were handed out are still alive.
//!
//! A value that nobody dropped is held by somebody: a forgotten waiter, a ring of `Arc`s, a queue
//! that nobody drains. The count says so without looking into either. It holds nothing itself.

use crate::wait::reached;
use std::sync::Arc;

/// How long [`Census::settled`] waits: so many looks, one in a millisecond.
const LOOKS_MAX: usize = 2_000;

/// Counts the [`Member`]s that live; give one to each value, task or closure of interest.
///
/// # Examples
///
/// ```
/// use brigade_testkit::leak::Census;
///
/// let census = Census::new();
/// let (first, second) = (census.member(), census.member());
/// let closure = move || drop(first);
/// assert_eq!(census.alive(), 2);
/// drop(closure);
/// assert_eq!(census.alive(), 1);
/// drop(second);
/// assert_eq!(census.alive(), 0);
/// ```
#[derive(Debug, Default)]
pub struct Census(Arc<()>);

/// Counts as alive until it is dropped; a clone counts by itself.
#[derive(Clone, Debug)]
#[must_use = "a member that is dropped at once is not counted"]
pub struct Member {
    _counted: Arc<()>,
}

impl Census {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, to be moved to where it should be counted.
    pub fn member(&self) -> Member {
        Member {
            _counted: Arc::clone(&self.0),
        }
    }

    /// How many live now.
    pub fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// Waits up to 2 s (of tokio's clock) until no more than `alive` live; the number then.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing; can be dropped at any time.
    pub async fn settled(&self, alive: usize) -> usize {
        reached(|| self.alive() <= alive, LOOKS_MAX).await;
        self.alive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_value_in_a_ring_stays_counted() {
        struct Ring(
            std::cell::RefCell<Option<std::rc::Rc<Ring>>>,
            #[expect(dead_code)] Member,
        );
        let census = Census::new();
        let ring = std::rc::Rc::new(Ring(None.into(), census.member()));
        *ring.0.borrow_mut() = Some(std::rc::Rc::clone(&ring));
        let open = std::rc::Rc::clone(&ring);
        drop(ring);
        assert_eq!(census.settled(0).await, 1);
        open.0.borrow_mut().take();
        drop(open);
        assert_eq!(census.settled(0).await, 0);
    }
}
