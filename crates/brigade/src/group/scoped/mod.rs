//! A scope whose children borrow from the caller's stack.
//!
//! A task that runs in parallel must own what it uses, since its caller may be dropped first. The
//! children of a [`join_scope`] run in the caller's task instead: they take turns there, whatever
//! the body awaits meanwhile, and are destroyed with it, so the compiler lets them borrow.
//!
//! Why that is sound: the children lie in memory that belongs to the scope's future, under the
//! lifetime of what they borrow, which outlives that future; nothing is extended, and there is no
//! unsafe code. Dropping the future destroys them then and there. Forgetting it leaves them where
//! they are, never to run again, and nobody else has a pointer to them.
//!
//! In all else they are the children of a group: they have names, finalisers and shields of their
//! own, in the tree of what is running, and the first failure cancels the others.

mod join_scope;
mod nursery;
mod slot;
#[cfg(test)]
mod tests;
mod turns;

pub(super) use slot::Slot;

pub use join_scope::{JoinScope, join_scope};
