//! The settings of a client to be.
//!
//! Every setting has a default that is safe towards strangers: limited, verified, without
//! credentials across origins. A builder does nothing before [`ClientBuilder::build`].
//!
//! * `client_builder`: the defaults, and the client that is made of the settings.
//! * `requests`: what every request says and may do.
//! * `connections`: how servers are reached.

mod client_builder;
mod connections;
mod requests;

pub use client_builder::ClientBuilder;
