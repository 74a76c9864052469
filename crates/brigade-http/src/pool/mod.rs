//! The client's connections: who gets which, what they are doing, and how they end.
//!
//! * [`ClientPool`] keeps the decisions of [`brigade_core::pool`] under one lock.
//! * What it decided is done one after the other (`agenda`).
//! * [`Lease`] and [`SlotGuard`] are what requests and dials hold; dropping them gives back.
//! * `dial` opens a connection in a task, because a request waits (`want`).
//! * [`connection`] drives one connection, of HTTP/1.1 or HTTP/2.
//!
//! A waiter that is not polled gives up what it was given, and keeps its place (`patience`).
//!
//! It never sends a request by itself, and knows neither paths nor headers.

mod agenda;
mod client_pool;
pub(crate) mod connection;
mod dial;
mod dialer;
mod guards;
mod patience;
mod want;

pub(crate) use client_pool::ClientPool;
pub(crate) use dialer::{Dialer, Dialing};
pub(crate) use guards::{Lease, SlotGuard};
pub(crate) use want::DialPlan;
