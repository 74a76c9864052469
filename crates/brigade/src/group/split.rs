//! Handling some of the failures of a group and handing on the rest.
//!
//! This is what `except*` does in Python. Both halves keep the order, so the first leaf of each is
//! the earliest failure in it, and a half without a leaf is no group. Nothing is ever in both, nor
//! in neither.

use std::borrow::Cow;

use super::error::Error;
use super::error_group::ErrorGroup;
use super::leaf::{Cause, Leaf};

/// What matches, and the rest.
pub(super) type Halves<T> = (Option<T>, Option<T>);

impl<E> ErrorGroup<E> {
    /// Splits the group into the leaves that match and the rest.
    ///
    /// A leaf whose error is the failure of another group is asked about as a whole; see
    /// [`split_errors`](Self::split_errors) for going on inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::group::{Error, ErrorGroup, task_group};
    /// use std::io::{self, ErrorKind};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let result: Result<(), Error<io::Error>> = task_group(async |g| {
    ///     g.spawn(async { Err::<(), _>(ErrorKind::NotFound.into()) });
    ///     Ok(())
    /// })
    /// .await;
    /// let Err(Error::Failed(group)) = result else { panic!("it failed") };
    /// let (missing, rest) =
    ///     group.split(|leaf| leaf.error().is_some_and(|e| e.kind() == ErrorKind::NotFound));
    /// assert_eq!(missing.map(|group| group.len()), Some(1));
    /// assert!(rest.is_none());
    /// # });
    /// ```
    #[must_use = "every failure is in one of the halves"]
    pub fn split(self, mut matches: impl FnMut(&Leaf<E>) -> bool) -> Halves<Self> {
        self.divide(|leaf| {
            if matches(&leaf) {
                (Some(leaf), None)
            } else {
                (None, Some(leaf))
            }
        })
    }

    /// Hands the leaves that match to `handler`, all at once, and returns the rest.
    ///
    /// Chained with [`Option::and_then`] it reads like the `except*` clauses of Python: every leaf
    /// goes to the first clause that it matches, and what is `Some` in the end is to be returned.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::group::{Error, task_group};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let result = task_group(async |g| {
    ///     g.spawn(async { Err::<(), _>("timeout") });
    ///     Ok(())
    /// })
    /// .await;
    /// let Err(Error::Failed(group)) = result else { panic!("it failed") };
    /// let rest = group
    ///     .handle(|leaf| leaf.error() == Some(&"timeout"), |group| println!("slow: {group}"))
    ///     .and_then(|rest| rest.handle(|leaf| leaf.error() == Some(&"404"), |_| {}));
    /// assert!(rest.is_none());
    /// # });
    /// ```
    #[must_use = "what is not handled is in the rest"]
    pub fn handle(
        self,
        matches: impl FnMut(&Leaf<E>) -> bool,
        handler: impl FnOnce(Self),
    ) -> Option<Self> {
        handled(self.split(matches), handler)
    }

    /// Splits the errors themselves: `split` takes each one apart into what matches and the rest,
    /// which is how an error type that holds the failures of other groups is split inside.
    ///
    /// Deadlines, panics and adopted errors belong to the rest. An error of which `split` gives
    /// back nothing at all is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::group::{self, Error, task_group};
    ///
    /// enum Failure {
    ///     NotFound,
    ///     Group(group::ErrorGroup<Failure>),
    /// }
    ///
    /// fn split(failure: Failure) -> (Option<Failure>, Option<Failure>) {
    ///     match failure {
    ///         Failure::NotFound => (Some(failure), None),
    ///         Failure::Group(group) => {
    ///             let (missing, rest) = group.split_errors(split);
    ///             (missing.map(Failure::Group), rest.map(Failure::Group))
    ///         }
    ///     }
    /// }
    /// # let _ = split(Failure::NotFound);
    /// ```
    #[must_use = "every failure is in one of the halves"]
    pub fn split_errors(self, mut split: impl FnMut(E) -> Halves<E>) -> Halves<Self> {
        self.divide(|leaf| match leaf.cause {
            Cause::Error(error) => pair(leaf.task, split(error)),
            _ => (None, Some(leaf)),
        })
    }

    /// The only leaf, if there is exactly one.
    ///
    /// This is for code that knows that no two tasks can fail. It is never done automatically,
    /// since what works with one failing child would break with two.
    ///
    /// # Errors
    ///
    /// The unchanged group, if there are several.
    pub fn into_single(self) -> Result<Leaf<E>, Self> {
        if self.len() > 1 {
            return Err(self);
        }
        Ok(self.into_first())
    }

    pub(super) fn divide(self, mut divide: impl FnMut(Leaf<E>) -> Halves<Leaf<E>>) -> Halves<Self> {
        let cancelled = self.cancelled();
        let (mut matching, mut rest) = (Vec::new(), Vec::new());
        for leaf in self {
            let (yes, no) = divide(leaf);
            matching.extend(yes);
            rest.extend(no);
        }
        (Self::of(matching, cancelled), Self::of(rest, cancelled))
    }
}

/// Groups in groups: what the tasks of the outer one return is the error of an inner one.
impl<E> ErrorGroup<Error<E>> {
    /// Splits by the leaves of the groups inside; each half is a tree of the same shape.
    ///
    /// What is no leaf of an inner group (a cancelled one, a deadline of the outer one) belongs to
    /// the rest.
    #[must_use = "every failure is in one of the halves"]
    pub fn split_inner(self, mut matches: impl FnMut(&Leaf<E>) -> bool) -> Halves<Self> {
        self.split_errors(|error| match error {
            Error::Failed(inner) => failed(inner.split(&mut matches)),
            cancelled => (None, Some(cancelled)),
        })
    }

    /// All leaves of the groups inside, with the names of the tasks on the way to each: that of
    /// the outer task first, that of the leaf last.
    pub fn leaves(&self) -> impl Iterator<Item = (Vec<&str>, &Leaf<E>)> {
        self.iter().flat_map(|outer| {
            let inner = outer.error().and_then(Error::group);
            let leaves = inner.into_iter().flat_map(ErrorGroup::iter);
            leaves.map(|leaf| (vec![outer.task(), leaf.task()], leaf))
        })
    }
}

pub(super) fn failed<E>((matching, rest): Halves<ErrorGroup<E>>) -> Halves<Error<E>> {
    (matching.map(Error::Failed), rest.map(Error::Failed))
}

pub(super) fn handled<T>((matching, rest): Halves<T>, handler: impl FnOnce(T)) -> Option<T> {
    matching.map(handler);
    rest
}

/// The two parts of one error are leaves of the same task.
pub(super) fn pair<E>(task: Cow<'static, str>, (matching, rest): Halves<E>) -> Halves<Leaf<E>> {
    let leaf = |error, task| Leaf {
        task,
        cause: Cause::Error(error),
    };
    let matching = matching.map(|error| leaf(error, task.clone()));
    (matching, rest.map(|error| leaf(error, task)))
}
