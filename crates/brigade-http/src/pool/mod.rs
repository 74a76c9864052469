//! The client's connections: who gets which, what they are doing, and how they end.
//!
//! * [`ClientPool`] keeps the decisions of [`brigade_core::pool`] under one lock.
//! * [`Checkout`], [`Lease`] and [`SlotGuard`] are what a request holds; dropping them gives back.
//! * [`connection`] drives one HTTP/1.1 connection.
//!
//! A waiter that is not polled gives up what it was given, and keeps its place (`patience`).
//!
//! It never sends a request by itself, and knows neither URLs nor headers.

mod client_pool;
pub(crate) mod connection;
mod guards;
mod patience;

pub(crate) use client_pool::ClientPool;
pub(crate) use guards::{Checkout, Lease, SlotGuard};
