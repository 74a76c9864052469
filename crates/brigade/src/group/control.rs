//! What every kind of group can be told and asked, whatever its way of spawning is.
//!
//! It never waits and never runs code of the children.

use crate::cancel::Reason;

/// What a group was doing when its `stats` was called.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Children that have not left the group.
    pub running: usize,
    /// Why the group was cancelled, if it was.
    pub cancelled: Option<Reason>,
}

/// The methods that all groups have in common, for a struct of a scope and an error type.
macro_rules! controls {
    ($group:ident) => {
        impl<E: ::std::fmt::Display + Send + 'static> $group<E> {
            pub(super) fn new(scope: $crate::sync::Arc<$crate::cancel::scope::Scope>) -> Self {
                Self {
                    scope,
                    error: ::std::marker::PhantomData,
                }
            }

            /// Cancels the children and drops the body at its next await.
            ///
            /// If the body still comes to its end, its value is what the group returns.
            pub fn cancel(&self) {
                self.scope.cancel($crate::cancel::Reason::User);
            }

            /// The token that fires when this group is cancelled, or the task that runs its body.
            pub fn token(&self) -> $crate::cancel::Token {
                self.scope.token()
            }

            /// What the group is doing now.
            pub fn stats(&self) -> $crate::group::Stats {
                $crate::group::Stats {
                    running: self.scope.running(),
                    cancelled: self.scope.reason(),
                }
            }
        }

        impl<E> ::std::fmt::Debug for $group<E> {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($group));
                shown.field("name", &self.scope.name);
                shown.field("running", &self.scope.running());
                shown.field("cancelled", &self.scope.reason());
                shown.finish()
            }
        }
    };
}

pub(super) use controls;
