//! The options of a pool.

use std::borrow::Cow;
use std::time::Duration;

use super::crew::{Crew, Plan};
use super::pool::Pool;

/// Options for a [`Pool`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use brigade::thread::Builder;
///
/// let archive = Builder::new("archive", 2)
///     .keep_alive(Duration::from_secs(60))
///     .stack_size(8 * 1024 * 1024)
///     .build();
/// assert_eq!(archive.stats().limit, 2);
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `build` is called"]
pub struct Builder(Plan);

impl Builder {
    /// At most `limit` threads, named `NAME-0`, `NAME-1` and so on, with the standard library's
    /// stack size; they end after 10 s without work.
    ///
    /// Linux shows only the first 15 bytes of a thread's name.
    ///
    /// # Panics
    ///
    /// If `limit` is 0, or the name contains a NUL byte.
    pub fn new(name: impl Into<Cow<'static, str>>, limit: usize) -> Self {
        let name = name.into();
        assert!(limit > 0, "a pool of at most 0 threads cannot run anything");
        assert!(!name.contains('\0'), "a thread's name cannot contain NUL");
        Self(Plan {
            name,
            limit,
            keep_alive: Some(Duration::from_secs(10)),
            stack_size: None,
        })
    }

    /// How long a thread rests before it ends.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.0.keep_alive = Some(keep_alive);
        self
    }

    /// The size of each thread's stack in bytes.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.0.stack_size = Some(bytes);
        self
    }

    /// Lets threads rest until the pool is dropped.
    pub(super) fn for_ever(mut self) -> Self {
        self.0.keep_alive = None;
        self
    }

    /// The pool. No thread is started before there is work.
    pub fn build(self) -> Pool {
        Pool::of(Crew::new(self.0))
    }
}
