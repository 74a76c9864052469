//! Async application patterns whose traps cannot be written.

mod desk;
mod slab;
#[cfg(test)]
mod witness;

pub mod cancel;
pub mod clock;
pub mod group;
pub mod limit;
pub mod living;
pub mod queue;
pub mod run;
pub mod thread;

pub use group::{collect, task_group};
pub use run::run;
pub use thread::to_thread;
