//! Calls into foreign code, one after the other, whatever one of them does.
//!
//! A cancellation wakes wakers of any kind. One that panics must not keep it from all the others,
//! who would wait for ever. The first panic continues when all were called; it is never swallowed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

#[derive(Default)]
#[must_use = "it holds the panic of a call"]
pub(super) struct Unhindered(Option<Box<dyn Any + Send>>);

impl Unhindered {
    pub(super) fn call(&mut self, call: impl FnOnce()) {
        let panicked = catch_unwind(AssertUnwindSafe(call)).err();
        self.0 = self.0.take().or(panicked);
    }

    /// Continues the first panic.
    pub(super) fn finish(self) {
        if let Some(payload) = self.0 {
            resume_unwind(payload);
        }
    }
}
