//! Opening a connection: the host name and TCP, or another way; past a proxy, if there is one; TLS.
//!
//! One slot stands for one socket, so the race of a host's addresses needs further ones. Everything
//! here happens in the future that calls it and ends when that is dropped; nothing is left running.
//!
//! * `connector`: the steps, one after the other.
//! * `race`: the addresses of a host, beside each other.

mod connector;
mod race;

pub(crate) use connector::{Connector, Way};
