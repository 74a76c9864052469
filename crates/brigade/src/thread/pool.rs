//! A class of threads with a limit of its own.

use std::any::type_name;
use std::borrow::Cow;

use super::builder::Builder;
use super::call::Call;
use super::crew::Crew;
use super::stats::Stats;
use crate::sync::thread::available_parallelism;
use crate::sync::{Arc, global};

/// How many closures of [`to_thread`] run at the same time.
const BLOCKING_LIMIT: usize = 64;

global! {
    lazy static BLOCKING: Pool = Pool::new("blocking", BLOCKING_LIMIT);
}
global! {
    lazy static CPU: Pool = Pool::new("cpu", cores());
}

fn cores() -> usize {
    available_parallelism().map_or(1, |cores| cores.get())
}

/// A class of named threads with its own limit: so many closures run, the others wait in order.
///
/// Threads are started when work waits and none is free, and end after resting for a while. Clones
/// are the same pool; when the last one is dropped, the threads end after their work.
///
/// # Examples
///
/// ```
/// use brigade::thread::Pool;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let archive = Pool::new("archive", 2);
/// let packed = archive.call(|| "aaaa".len()).await;
/// assert_eq!(packed, 4);
/// assert_eq!(archive.stats().limit, 2);
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Pool(Arc<Owner>);

/// Ends the threads when nobody can give them work any longer.
#[derive(Debug)]
struct Owner(Arc<Crew>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Pool {
    /// A pool of at most `limit` threads; see [`Builder::new`].
    ///
    /// # Panics
    ///
    /// If `limit` is 0, or the name contains a NUL byte.
    pub fn new(name: impl Into<Cow<'static, str>>, limit: usize) -> Self {
        Builder::new(name, limit).build()
    }

    pub(super) fn of(crew: Arc<Crew>) -> Self {
        Self(Arc::new(Owner(crew)))
    }

    /// The process's pool for work that waits: files, names, libraries that block. At most 64
    /// closures run at the same time.
    pub fn blocking() -> &'static Self {
        &BLOCKING
    }

    /// The process's pool for work that computes: one thread for each core that the process may
    /// use.
    pub fn cpu() -> &'static Self {
        &CPU
    }

    /// The closure as a future: it runs on this pool when the future is awaited.
    pub fn call<F, T>(&self, work: F) -> Call<'static, T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Call::new(self.clone(), type_name::<F>(), move |_: &mut _| work())
    }

    /// What the pool is doing now.
    pub fn stats(&self) -> Stats {
        self.0.0.stats()
    }

    /// The name that its threads bear.
    pub fn name(&self) -> &str {
        self.0.0.name()
    }

    pub(super) fn crew(&self) -> &Arc<Crew> {
        &self.0.0
    }
}

/// Runs blocking work on a thread of [`Pool::blocking`] and gives its value.
///
/// # Cancel safety
///
/// See [`Call`].
///
/// # Panics
///
/// See [`Call`].
///
/// # Examples
///
/// ```
/// use brigade::thread::to_thread;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let text = to_thread(|| std::fs::read_to_string("Cargo.toml")).name("read").await?;
/// assert!(text.contains("[package]"));
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn to_thread<F, T>(work: F) -> Call<'static, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Pool::blocking().call(work)
}

/// Runs work that computes on a thread of [`Pool::cpu`] and gives its value.
///
/// # Cancel safety
///
/// See [`Call`].
///
/// # Panics
///
/// See [`Call`].
pub fn to_cpu<F, T>(work: F) -> Call<'static, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Pool::cpu().call(work)
}
