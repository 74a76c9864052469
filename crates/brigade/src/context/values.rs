//! The values that the running code sees.
//!
//! A list in which each provided value points to those around it, so that entering and leaving
//! is one swap of a pointer, and what was captured can never change. It is in the thread-local
//! only for the length of one poll or call.

use std::any::Any;
use std::cell::Cell;

use crate::sync::{Arc, thread_local};

/// The innermost value that was provided, and through it those around it.
pub(super) type Values = Arc<Node<dyn Any + Send + Sync>>;

pub(super) struct Node<V: ?Sized> {
    /// The address of its key.
    key: usize,
    outer: Option<Values>,
    value: V,
}

thread_local! {
    static CURRENT: Cell<Option<Values>> = const { Cell::new(None) };
}

fn replace(values: Option<Values>) -> Option<Values> {
    // The thread-local is gone while its thread ends; then there is nothing to see.
    CURRENT
        .try_with(|current| current.replace(values))
        .unwrap_or_default()
}

/// What the running code sees.
pub(super) fn current() -> Option<Values> {
    let values = replace(None);
    replace(values.clone());
    values
}

/// What is to be seen inside: `value`, and all that the running code sees.
pub(super) fn with_value<T: Send + Sync + 'static>(key: usize, value: T) -> Values {
    Arc::new(Node {
        key,
        outer: current(),
        value,
    })
}

/// The innermost value of a key.
pub(super) fn find<T: 'static>(values: &Option<Values>, key: usize) -> Option<&T> {
    let mut next = values.as_deref();
    while let Some(node) = next {
        if node.key == key {
            return node.value.downcast_ref();
        }
        next = node.outer.as_deref();
    }
    None
}

/// Runs `run` where `values` are seen, which are moved out of their place for that long.
pub(super) fn enter<R>(values: &mut Option<Values>, run: impl FnOnce() -> R) -> R {
    struct Entered<'v> {
        place: &'v mut Option<Values>,
        outer: Option<Values>,
    }
    impl Drop for Entered<'_> {
        fn drop(&mut self) {
            *self.place = replace(self.outer.take());
        }
    }
    let outer = replace(values.take());
    let _entered = Entered {
        place: values,
        outer,
    };
    run()
}
