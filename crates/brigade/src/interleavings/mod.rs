//! Laws that must hold whoever runs next: small programs under shuttle.
//!
//! `cargo xtask shuttle` compiles the crate with `--cfg shuttle`, where [`sync`](crate::sync) and
//! [`runtime`](crate::runtime) hand every lock, atomic, condition variable, thread and task to
//! shuttle. Each test runs a few hundred times, under random schedules and under those that PCT
//! makes; a schedule that fails, or in which everybody waits for ever, is printed and can be
//! replayed (see [`explore`]).
//!
//! What this does not cover:
//!
//! - Orderings weaker than sequential consistency: shuttle gives every atomic the strongest one, so
//!   a weaker one that does not suffice passes here.
//! - What tokio does inside: its scheduler, its timer wheel, its `JoinHandle`, the budget of a
//!   task, the end of a runtime under running tasks. The model has timers that never fire early,
//!   and no runtime that ends, so the handling of both is left to the tests on tokio.
//! - The channels of tokio under the end of a pipeline and under `prefetch`: each call is one step.
//! - [`run`](mod@crate::run) with its thread and signals, and the two pools of the process, which
//!   are like any other pool.
//! - Threads that the system refuses, and schedules that chance did not bring.

mod cancelling;
mod census;
mod collecting;
mod ending;
mod explore;
mod flowing;
mod grouping;
mod limiting;
mod queueing;
mod racing;
mod threading;
