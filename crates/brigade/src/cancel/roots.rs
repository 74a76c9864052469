//! The groups that have no group around them, so that everything that lives can be listed.
//!
//! It holds them weakly and never keeps anything alive.

use super::scope::Scope;
use crate::slab::Slab;
use crate::sync::{Arc, Mutex, PoisonError, Weak, global};

global! {
    static ROOTS: Mutex<Slab<Weak<Scope>>> = Mutex::new(Slab::new());
}

pub(super) fn add(scope: &Arc<Scope>) -> usize {
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.insert(Arc::downgrade(scope))
}

pub(super) fn remove(key: usize) {
    let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.remove(key);
}

pub(crate) fn roots() -> Vec<Arc<Scope>> {
    let roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
    roots.iter().filter_map(Weak::upgrade).collect()
}
