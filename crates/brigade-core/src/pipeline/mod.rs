//! The decisions of a pipeline's stage: what may be worked on, what may be handed on, what makes a
//! batch.
//!
//! [`Lanes`] keep the order of each key while others overtake, [`Window`] restores the order of all
//! after parallel work, and a [`Filling`] collects items until they are a batch. Each is bounded by
//! what its caller lets in; none of them reads a clock or waits.

mod filling;
mod lanes;
#[cfg(test)]
mod tests;
mod window;

pub use filling::{BatchLimits, Filling};
pub use lanes::Lanes;
pub use window::Window;
