//! One thread with a state of its own, for libraries that must stay where they were opened.
//!
//! The state is made, used and dropped on that thread, so it needs to be neither `Send` nor `Sync`.

use std::any::type_name;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use super::builder::Builder;
use super::call::Call;
use super::crew::Local;
use super::pool::Pool;
use super::stats::Stats;

/// One thread that owns a state `S`, and runs closures on it, one at a time and in order.
///
/// The thread ends, and drops the state, when this is dropped; [`close`](Self::close) also waits
/// for it. Many callers share it by reference or in an [`Arc`](std::sync::Arc).
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use brigade::thread::Pinned;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // An `Rc` can never leave its thread, and it does not have to.
/// let list = Pinned::new("list", || Rc::new(RefCell::new(Vec::new()))).await;
/// list.call(|list| list.borrow_mut().push("first")).await;
/// let length = list.call(|list| list.borrow().len()).await;
/// assert_eq!(length, 1);
/// list.close().await;
/// # });
/// ```
pub struct Pinned<S> {
    pool: Pool,
    state: PhantomData<fn(&mut S)>,
}

impl<S: 'static> Pinned<S> {
    /// Starts the thread and makes its state there.
    ///
    /// # Cancel safety
    ///
    /// Safe: if the future is dropped, so is the state, and the thread ends.
    ///
    /// # Panics
    ///
    /// Continues a panic of `make`, and panics if the system refuses the thread or the name contains a NUL
    /// byte.
    pub async fn new<F>(name: impl Into<Cow<'static, str>>, make: F) -> Self
    where
        F: FnOnce() -> S + Send + 'static,
    {
        let made = Self::try_new(name, || Ok::<S, Infallible>(make())).await;
        match made {
            Ok(pinned) => pinned,
            Err(never) => match never {},
        }
    }

    /// Like [`new`](Self::new), for a state whose making can fail.
    ///
    /// # Cancel safety
    ///
    /// Safe: if the future is dropped, so is the state, and the thread ends.
    ///
    /// # Errors
    ///
    /// The error of `make`; the thread has been told to end then.
    ///
    /// # Panics
    ///
    /// Continues a panic of `make`, and panics if the system refuses the thread or the name contains a NUL
    /// byte.
    pub async fn try_new<F, E>(name: impl Into<Cow<'static, str>>, make: F) -> Result<Self, E>
    where
        F: FnOnce() -> Result<S, E> + Send + 'static,
        E: Send + 'static,
    {
        let pool = Builder::new(name, 1).for_ever().build();
        Call::new(pool.clone(), type_name::<F>(), |local: &mut Local| {
            make().map(|state| *local = Some(Box::new(state)))
        })
        .await?;
        Ok(Self {
            pool,
            state: PhantomData,
        })
    }

    /// The closure as a future: it runs on the thread, with the state, when the future is awaited.
    ///
    /// A panic is the caller's; the state stays as the panic left it.
    pub fn call<F, T>(&self, work: F) -> Call<'_, T>
    where
        F: FnOnce(&mut S) -> T + Send + 'static,
        T: Send + 'static,
    {
        let name = type_name::<F>();
        Call::new(self.pool.clone(), name, |local: &mut Local| {
            match local.as_mut().and_then(|state| state.downcast_mut()) {
                Some(state) => work(state),
                None => unreachable!("the state is made before the first call and kept to the end"),
            }
        })
    }

    /// Drops the state on its thread, after the closures that are queued, and waits for that.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the state is dropped all the same, and nobody waits for it.
    ///
    /// # Panics
    ///
    /// Continues a panic of the state's drop.
    pub async fn close(self) {
        let name = type_name::<S>();
        Call::new(self.pool.clone(), name, |local: &mut Local| {
            drop(local.take());
        })
        .await;
    }

    /// What the thread is doing now.
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }
}

impl<S> fmt::Debug for Pinned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("name", &self.pool.name())
            .finish_non_exhaustive()
    }
}
