//! What was around when a group opened or a closure was submitted.
//!
//! It is captured once and entered many times, on any thread. Nothing that it runs can unwind
//! through the code of another library.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::carry::{self, Carried};
use super::values::{self, Values};
use crate::sync::Arc;

/// A captured context; clones are the same one.
#[derive(Clone)]
pub(crate) struct Captured(Arc<Parts>);

struct Parts {
    values: Option<Values>,
    carried: Vec<Box<dyn Carried>>,
}

type Payload = Box<dyn Any + Send>;

impl Captured {
    /// What is around now; `None` if there is nothing, which is what most programs have.
    pub(crate) fn capture() -> Option<Self> {
        let values = values::current();
        let carried = carry::capture();
        if values.is_none() && carried.is_empty() {
            return None;
        }
        Some(Self(Arc::new(Parts { values, carried })))
    }

    /// Runs `run` inside; also gives the panic of what is carried, if that panicked.
    pub(crate) fn enter<R>(&self, run: impl FnOnce() -> R) -> (R, Option<Payload>) {
        let mut values = self.0.values.clone();
        values::enter(&mut values, || enter_carried(&self.0.carried, run))
    }
}

fn enter_carried<R>(carried: &[Box<dyn Carried>], run: impl FnOnce() -> R) -> (R, Option<Payload>) {
    let mut run = Some(run);
    let mut result = None;
    let mut once = || {
        if let Some(run) = run.take() {
            result = Some(catch_unwind(AssertUnwindSafe(run)));
        }
    };
    let entered = AssertUnwindSafe(|| nest(carried, &mut once));
    let panicked = catch_unwind(entered).err();
    // It has not run yet if a carrier did not run it, or panicked first.
    once();
    match result {
        Some(Ok(result)) => (result, panicked),
        Some(Err(payload)) => resume_unwind(payload),
        None => unreachable!("it runs at the latest after those that should have run it"),
    }
}

fn nest(carried: &[Box<dyn Carried>], run: &mut dyn FnMut()) {
    match carried.split_first() {
        Some((first, rest)) => first.around(&mut || nest(rest, run)),
        None => run(),
    }
}
