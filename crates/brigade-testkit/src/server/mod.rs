//! A scripted HTTP/1.1 server on loopback that can misbehave in every way a real one does.
//!
//! A client is tested best against a peer whose every byte is under the test's control. So this
//! server is no framework: a closure turns a [`Request`] into a [`Reply`], and a reply is a script
//! of what goes on the wire and when. It may be late, slow, endless, cut off, reset, malformed or
//! never sent at all.
//!
//! * [`Server`] serves; it counts connections and exchanges and keeps a log of the requests.
//! * [`Reply`] is the script for one answer, [`Request`] what the closure gets to see.
//! * [`Port`] is an address where nobody serves: it refuses, or stays silent, or is full.
//!
//! The server runs as tasks of the current runtime ([`Server::start`]) or on a thread of its own
//! ([`Server::start_thread`]) for programs under test that have no runtime in common with it.
//! Everything that it started ends when it is dropped, and a panic of the closure, which would
//! otherwise pass for a broken connection, is raised again in the owner.
//!
//! It never speaks HTTP/2, never compresses, and never trusts a client to be polite.

mod builder;
mod connection;
mod count;
mod port;
mod reply;
mod request;
#[allow(
    clippy::module_inception,
    reason = "the folder is named for its main type"
)]
mod server;
mod shared;
mod wire;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use builder::Stream;
pub(crate) use connection::duplicate;
pub use count::Count;
pub(crate) use count::Counter;
pub use port::Port;
pub use reply::Reply;
pub use request::Request;
pub use server::Server;
