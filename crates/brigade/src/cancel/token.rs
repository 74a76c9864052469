//! The token: a cancellation that many can wait for.
//!
//! It exists so that code which wants to end in its own way, instead of being dropped at an
//! await, can see a cancellation coming. It never resets, never fires by itself, and dropping it
//! cancels nothing.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use super::reason::{FirstReason, Reason};
use super::unhindered::Unhindered;
use crate::slab::Slab;
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A cancellation signal: level-triggered, idempotent, and carrying the first [`Reason`].
///
/// Clones are the same token. A [`child`](Token::child) is cancelled with its parent, but not the
/// other way round.
///
/// # Examples
///
/// ```
/// use brigade::cancel::{Reason, Token};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let token = Token::new();
/// let child = token.child();
/// token.cancel();
/// assert_eq!(child.cancelled().await, Reason::User);
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Token(Arc<Node>);

#[derive(Debug, Default)]
struct Node {
    reason: FirstReason,
    links: Mutex<Links>,
    /// The parent, and this node's key among the parent's children.
    parent: Option<(Arc<Node>, usize)>,
}

#[derive(Debug, Default)]
struct Links {
    waiters: Slab<Waker>,
    children: Slab<Weak<Node>>,
}

impl Node {
    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A loop and not the recursion of `Arc`, so that a long chain cannot overflow the stack.
        let mut next = self.parent.take();
        while let Some((parent, key)) = next {
            parent.links().children.remove(key);
            next = Arc::into_inner(parent).and_then(|mut node| node.parent.take());
        }
    }
}

impl Token {
    /// A token of its own, without a parent.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled when this one is, with the same reason.
    pub fn child(&self) -> Self {
        let mut links = self.0.links();
        if let Some(reason) = self.0.reason.get() {
            drop(links);
            let token = Self::new();
            token.cancel_with(reason);
            return token;
        }
        let key = links.children.insert(Weak::new());
        let mut node = Node::default();
        node.parent = Some((self.0.clone(), key));
        let node = Arc::new(node);
        if let Some(place) = links.children.get_mut(key) {
            *place = Arc::downgrade(&node);
        }
        Self(node)
    }

    /// Cancels this token and its children because the program asks for it, which is
    /// [`Reason::User`]; true if it was not cancelled before.
    ///
    /// Only the first reason is kept. Everybody who waits is woken before this returns.
    pub fn cancel(&self) -> bool {
        self.cancel_with(Reason::User)
    }

    /// Cancels this token and its children for another reason, for example to hand on that of
    /// something else; otherwise as [`cancel`](Self::cancel).
    pub fn cancel_with(&self, reason: Reason) -> bool {
        if !self.0.reason.set(reason) {
            return false;
        }
        let mut calls = Unhindered::default();
        let mut reached = vec![self.0.clone()];
        while let Some(node) = reached.pop() {
            let Links { waiters, children } = std::mem::take(&mut *node.links());
            let children = children.iter().filter_map(Weak::upgrade);
            reached.extend(children.filter(|child| child.reason.set(reason)));
            for waiter in waiters.iter() {
                calls.call(|| waiter.wake_by_ref());
            }
        }
        calls.finish();
        true
    }

    /// Whether the token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// The first reason that it was cancelled with, if it was.
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason.get()
    }

    /// Waits until the token is cancelled; returns at once if it already is.
    ///
    /// # Cancel safety
    ///
    /// Safe: dropping the future only stops waiting.
    pub async fn cancelled(&self) -> Reason {
        Cancelled {
            token: self,
            key: None,
        }
        .await
    }

    /// Runs `future` until it is ready or this token is cancelled, whichever comes first.
    ///
    /// If both are ready together, the future's value wins: it is polled before the token.
    ///
    /// # Errors
    ///
    /// The reason, if the token was cancelled first; the future has been dropped then.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future` is.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::cancel::{Reason, Token};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let token = Token::new();
    /// token.cancel();
    /// assert_eq!(token.until_cancelled(async { 1 }).await, Ok(1));
    /// let never = std::future::pending::<i32>();
    /// assert_eq!(token.until_cancelled(never).await, Err(Reason::User));
    /// # });
    /// ```
    pub async fn until_cancelled<F: Future>(&self, future: F) -> Result<F::Output, Reason> {
        let mut future = pin!(future);
        let mut cancelled = pin!(self.cancelled());
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => cancelled.as_mut().poll(cx).map(Err),
        })
        .await
    }
}

/// Waits for a token, registered under `key` while it does.
struct Cancelled<'t> {
    token: &'t Token,
    key: Option<usize>,
}

impl Future for Cancelled<'_> {
    type Output = Reason;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reason> {
        let node = &self.token.0;
        let mut links = node.links();
        // The reason is set before the waiters are taken under this lock, so one side sees the other.
        if let Some(reason) = node.reason.get() {
            drop(links);
            self.key = None;
            return Poll::Ready(reason);
        }
        let mut old = None;
        match self.key.and_then(|key| links.waiters.get_mut(key)) {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            Some(waker) => old = Some(std::mem::replace(waker, cx.waker().clone())),
            None => self.key = Some(links.waiters.insert(cx.waker().clone())),
        }
        // A waker's drop can run foreign code, so it never happens under the lock.
        drop(links);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Cancelled<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let mut links = self.token.0.links();
            // Once cancelled, the waiters were taken and the key is void.
            if self.token.0.reason.get().is_none() {
                let waker = links.waiters.remove(key);
                drop(links);
                drop(waker);
            }
        }
    }
}
