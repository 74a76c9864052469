//! Async application patterns whose traps cannot be written.

pub mod clock;
