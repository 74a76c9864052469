//! What the client trusts, and what it says when it does not.
//!
//! TLS is only as good as the check of the certificate, and the most common reason to switch the
//! check off is an error that does not say what to do about it. So there are two types here:
//!
//! * [`TlsConfig`] says whom to trust: the authorities of the operating system, others from PEM
//!   text, or both; and, for servers that ask for one, which certificate to present.
//! * [`Error`] says in one line what was wrong with a handshake, and what would mend it.
//!
//! rustls does the work, with the cryptography of ring named explicitly: nothing here depends on
//! a default of the process. Spoken are TLS 1.2 and 1.3; which versions of HTTP are offered within
//! says the client, and HTTP/1.1 a configuration that one [builds](TlsConfig::build) oneself.
//!
//! It never opens a file or a socket of its own, except that the operating system's authorities
//! are loaded when a configuration is built. It never accepts a certificate unchecked without a
//! warning in the log.

mod config;
mod error;
mod verifier;

#[cfg(test)]
mod tests;

pub use config::TlsConfig;
pub use error::Error;
