//! Groups of boxed errors, which keep no type and so nest in each other to any depth.
//!
//! A task that ends with `?` on a nested group boxes that group's error. Here such boxes are opened
//! again, so that a type of error is found wherever in the tree it is. A group whose error type
//! nobody named is one leaf.

use std::error::Error as StdError;
use std::fmt;

use super::error::Error;
use super::error_group::ErrorGroup;
use super::leaf::{Cause, Leaf};
use super::split::{Halves, failed, handled, pair};
use super::tree::BoxError;

/// Errors that are boxed: groups of boxed errors nest in each other to any depth.
impl ErrorGroup<BoxError> {
    /// Splits by the type of the error, also inside of nested groups of boxed errors or of `X`;
    /// each half is a tree of the same shape.
    ///
    /// Deadlines and panics belong to the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::group::{Error, task_group};
    /// use std::num::ParseIntError;
    ///
    /// type BoxError = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let result = task_group(async |g| {
    ///     g.spawn(async { Ok("seven".parse::<u8>()?) });
    ///     Ok::<_, BoxError>(())
    /// })
    /// .await;
    /// let Err(Error::Failed(group)) = result else { panic!("it failed") };
    /// let rest = group.handle_type::<ParseIntError>(|group| println!("no numbers: {group:#}"));
    /// assert!(rest.is_none());
    /// # });
    /// ```
    #[must_use = "every failure is in one of the halves"]
    pub fn split_type<X: StdError + Send + Sync + 'static>(self) -> Halves<Self> {
        self.divide(|leaf| match leaf.cause {
            Cause::Error(error) => pair(leaf.task, split_boxed::<X>(error)),
            Cause::Adopted(ref adopted) if adopted.is::<X>() => (Some(leaf), None),
            _ => (None, Some(leaf)),
        })
    }

    /// Hands the errors of type `X`, wherever in the tree they are, to `handler`, and returns the
    /// rest; see [`handle`](Self::handle).
    #[must_use = "what is not handled is in the rest"]
    pub fn handle_type<X: StdError + Send + Sync + 'static>(
        self,
        handler: impl FnOnce(Self),
    ) -> Option<Self> {
        handled(self.split_type::<X>(), handler)
    }

    /// All leaves of the tree, with the names of the tasks on the way to each, outermost first.
    ///
    /// Nested groups of boxed errors are gone into; one of another error type is a leaf.
    pub fn leaves(&self) -> Vec<(Vec<&str>, &Leaf<BoxError>)> {
        let mut found = Vec::new();
        let mut open: Vec<_> = self.iter().map(|leaf| (vec![leaf.task()], leaf)).collect();
        open.reverse();
        while let Some((path, leaf)) = open.pop() {
            match leaf.error().map(nested) {
                Some(Nested::Failed(inner)) => {
                    let below = inner.iter().map(|leaf| {
                        let path = path.iter().copied().chain([leaf.task()]);
                        (path.collect(), leaf)
                    });
                    let start = open.len();
                    open.extend(below);
                    open[start..].reverse();
                }
                Some(Nested::Cancelled) => {}
                Some(Nested::None) | None => found.push((path, leaf)),
            }
        }
        found
    }
}

/// What a boxed error holds.
enum Nested<'e> {
    Failed(&'e ErrorGroup<BoxError>),
    Cancelled,
    None,
}

fn nested(error: &BoxError) -> Nested<'_> {
    if let Some(group) = error.downcast_ref() {
        return Nested::Failed(group);
    }
    match error.downcast_ref() {
        Some(Error::<BoxError>::Failed(group)) => Nested::Failed(group),
        Some(Error::Cancelled(_)) => Nested::Cancelled,
        None => Nested::None,
    }
}

fn split_boxed<X: StdError + Send + Sync + 'static>(error: BoxError) -> Halves<BoxError> {
    if error.is::<X>() {
        return (Some(error), None);
    }
    let is_own = |leaf: &Leaf<X>| leaf.error().is_some();
    let attempt = split_nested(error, ErrorGroup::split_type::<X>);
    let attempt = attempt.or_else(|error| split_nested(error, |group| group.split(is_own)));
    attempt.unwrap_or_else(|error| (None, Some(error)))
}

/// Splits a boxed error that is the failure of a group of `E`; any other comes back.
fn split_nested<E>(
    error: BoxError,
    split: impl FnOnce(ErrorGroup<E>) -> Halves<ErrorGroup<E>>,
) -> Result<Halves<BoxError>, BoxError>
where
    E: fmt::Display + Send + Sync + 'static,
{
    let error = match error.downcast::<ErrorGroup<E>>() {
        Ok(group) => {
            let (matching, rest) = split(*group);
            return Ok((matching.map(Into::into), rest.map(Into::into)));
        }
        Err(error) => error,
    };
    Ok(match *error.downcast::<Error<E>>()? {
        Error::Failed(group) => {
            let (matching, rest) = failed(split(group));
            (matching.map(Into::into), rest.map(Into::into))
        }
        cancelled => (None, Some(cancelled.into())),
    })
}
