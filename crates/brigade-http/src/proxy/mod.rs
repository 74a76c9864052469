//! Proxies between the client and the servers: which one for which URL, and how to get past it.
//!
//! * [`Proxy`] says which URLs go through which proxy, and which do not. An HTTP proxy is asked for
//!   an http URL as a whole, and for a tunnel (CONNECT) to the server of an https URL or of any
//!   WebSocket; TLS is then spoken with that server, not with the proxy. A SOCKS5 proxy is asked for a stream to either.
//!   What the client was told about TLS holds for a proxy that is reached over TLS, too.
//! * The variables of the environment are read where the builder is told nothing else, as curl reads
//!   them: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, then the same in capitals; but
//!   not `HTTP_PROXY` where `REQUEST_METHOD` is set, because under CGI a stranger can set it. They
//!   never concern loopback addresses and `localhost`.
//!
//! A proxy that cannot be used is an error, never a reason to go without it. Its user name and
//! password go to that proxy only, and are in no error and no debug output.

mod bypass;
mod environment;
mod route;
mod rule;
mod server;
mod socks;
mod tunnel;

#[cfg(test)]
mod tests;

pub(crate) use environment::from_environment;
pub(crate) use route::Proxies;
pub use rule::Proxy;
pub(crate) use server::Server;
