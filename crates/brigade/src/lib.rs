//! Async application patterns whose traps cannot be written.

mod slab;

pub mod cancel;
pub mod clock;
pub mod group;
pub mod limit;
pub mod living;
pub mod thread;
