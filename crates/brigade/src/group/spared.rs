//! The last poll of what was cancelled.
//!
//! A value that is ready must not be lost to a cancellation. But the runtime lets a task do so much
//! in one poll; after that, whatever it awaits pretends not to be ready, be it because a sibling in
//! the same task used all of it up. So what was cancelled gets a few polls more then, and no more
//! than a few, since it may be what uses it up.

use std::task::Context;

use crate::cancel::scope::Scope;
use crate::runtime;

const POLLS: u8 = 4;

/// How often something was spared.
#[derive(Default)]
pub(super) struct Spared(u8);

impl Spared {
    /// Whether a cancelled future that has just been pending is to be polled again, which it is
    /// woken for then.
    pub(super) fn again(&mut self, scope: &Scope, cx: &mut Context<'_>) -> bool {
        if self.0 == POLLS || scope.is_aborted() || runtime::has_budget() {
            return false;
        }
        self.0 += 1;
        cx.waker().wake_by_ref();
        true
    }
}
