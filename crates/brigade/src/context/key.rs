//! The statics through which values are provided and read.
//!
//! A key is its own address, so nothing is registered and two keys of one type are two things. A
//! value never changes: to change what is seen, another one is provided further in.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::values::{self, Values};
use crate::sync::OnceLock;

/// A static through which a value is provided to a future and read inside it.
///
/// # Examples
///
/// ```
/// use brigade::{context::Key, task_group};
///
/// static REQUEST: Key<u64> = Key::new();
///
/// async fn log() -> Result<String, String> {
///     Ok(format!("request {:?}", REQUEST.get()))
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let handled = task_group(async |group| {
///     // A child runs in the context in which its group was opened.
///     Ok::<_, String>(group.spawn(log()).await)
/// });
/// assert_eq!(REQUEST.provide(7, handled).await.unwrap(), "request Some(7)");
/// assert_eq!(REQUEST.get(), None);
/// # });
/// ```
pub struct Key<T> {
    /// It makes each key a place of its own: what could change is never merged with its like.
    place: OnceLock<()>,
    value: PhantomData<fn() -> T>,
}

impl<T> Default for Key<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Key<T> {
    /// A key of which no value is provided.
    pub const fn new() -> Self {
        Self {
            place: OnceLock::new(),
            value: PhantomData,
        }
    }

    fn address(&'static self) -> usize {
        std::ptr::from_ref(&self.place).addr()
    }
}

impl<T: Send + Sync + 'static> Key<T> {
    /// Runs `future` with `value` as what this key gives, inside it and in what it starts.
    ///
    /// Values of other keys that are provided around the first poll are seen as well. The value is
    /// dropped when nothing that saw it is left.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future` is, which is dropped with the value in sight.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::context::Key;
    ///
    /// static DEPTH: Key<u32> = Key::new();
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let nested = DEPTH.provide(1, async {
    ///     let inner = DEPTH.provide(2, async { DEPTH.get() }).await;
    ///     (inner, DEPTH.get())
    /// });
    /// assert_eq!(nested.await, (Some(2), Some(1)));
    /// # });
    /// ```
    pub async fn provide<F: Future>(&'static self, value: T, future: F) -> F::Output {
        Provided {
            future: Some(future),
            values: Some(values::with_value(self.address(), value)),
        }
        .await
    }

    /// The value that is provided here, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::context::Key;
    ///
    /// static TENANT: Key<String> = Key::new();
    ///
    /// assert_eq!(TENANT.get(), None);
    /// ```
    pub fn get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// Reads the value that is provided here, without cloning it.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::context::Key;
    ///
    /// static TENANT: Key<String> = Key::new();
    ///
    /// assert_eq!(TENANT.with(|tenant| tenant.map_or(0, String::len)), 0);
    /// ```
    pub fn with<R>(&'static self, read: impl FnOnce(Option<&T>) -> R) -> R {
        let values = values::current();
        read(values::find(&values, self.address()))
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key<{}>", std::any::type_name::<T>())
    }
}

pin_project! {
    /// A future that is polled, and dropped, where its values are seen.
    struct Provided<F> {
        #[pin]
        future: Option<F>,
        values: Option<Values>,
    }

    impl<F> PinnedDrop for Provided<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            values::enter(this.values, || this.future.set(None));
        }
    }
}

impl<F: Future> Future for Provided<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        values::enter(this.values, || match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        })
    }
}
