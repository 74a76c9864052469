//! One HTTP client whose connection limits, five timeouts and retry rules hold under any
//! cancellation.
//!
//! ```
//! use brigade_http::{Client, PoolLimits};
//! # use brigade_testkit::server::{Reply, Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = Server::start(|_| Reply::ok("hello")).await?;
//! # let url = server.url("/");
//! let client = Client::builder().limits(PoolLimits::default().per_host(8)).build()?;
//! let mut response = client.get(&url)?.header("accept", "text/plain").send().await?;
//! while let Some(chunk) = response.chunk().await? {
//!     println!("{} bytes", chunk.len());
//! }
//! client.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | I want to | item |
//! |---|---|
//! | say once what all requests are about | [`ClientBuilder::base_url`], `query`, `bearer_auth`, `header` |
//! | send JSON, a form, files, a stream | [`RequestBuilder::json`], `form`, [`multipart`], [`RequestBody`] |
//! | read JSON, text, lines, typed lines | [`Response::json`], `text`, `lines`, `ndjson` |
//! | write a response to a file, going on where it broke off | [`download`] |
//! | walk through the pages of an API | [`RequestBuilder::paginate`], [`paging`] |
//! | receive server-sent events | [`RequestBuilder::events`], [`events`] |
//! | talk both ways, message by message | `Client::websocket` |
//! | keep cookies | `ClientBuilder::cookies`, `CookieJar` |
//! | limit the connections | [`PoolLimits`], and see them: [`Client::stats`] |
//! | limit the requests, of all and of each host, at once and a second | [`ClientBuilder::limit`] |
//! | bound the time of each step | [`Timeouts`] |
//! | send a request again, know what went wrong | [`RetryPolicy`], [`Error::kind`] |
//! | resolve names another way | [`dns`], [`ClientBuilder::resolver`] |
//! | choose between HTTP/1.1 and HTTP/2 | [`Versions`], [`ClientBuilder::versions`] |
//! | trust another authority | [`TlsConfig`](tls::TlsConfig) |
//! | go through a proxy, or through none | [`proxy`], [`ClientBuilder::no_proxy`] |
//! | reach a server by a Unix socket, or a stream of my own | [`ClientBuilder::unix_socket`], [`transport`] |
//! | answer requests without a network, put layers of tower around it | [`service`] |
//! | keep an exchange as it went over the wire | [`RequestBuilder::recorded`], [`Recording`] |
//! | trace it, measure it | [`watch`] |
//! | end every connection | [`Client::close`] |
//!
//! It speaks HTTP/1.1 and HTTP/2: what the server chooses in the TLS handshake, or what it is told to.
//! A connection counts against the limits from the first packet of its dial until its socket is
//! closed. One of HTTP/1.1 carries one request after another, and goes to the next the moment the
//! response is complete, read or not. One of HTTP/2 carries as many at once as its server and
//! [`PoolLimits::streams`] allow; when it is full, another one is opened within the limits.
//!
//! Connections are opened by tasks of the client, because requests wait. A request takes whatever
//! comes first, and what it does not take any more serves the next.
//!
//! In reading order: `client`, `request`, `send` (redirects and retries), `exchange` (one request on
//! one connection) or `served` (a [`service`] in the network's place), `pool` (who gets which, what
//! dials and what drives it), `connect` and `dns` (how one is opened, be it past a [`proxy`] or by a
//! [`transport`]), `incoming` (the body), `response`.
//! The rules themselves are pure: [`brigade_core::pool`], [`redirect`], [`retry`], [`decode`].

mod admission;
mod answered;
mod body;
mod builder;
mod charset;
mod client;
mod connect;
#[cfg(feature = "cookies")]
pub mod cookies;
mod deadline;
pub mod decode;
mod defaults;
mod disk;
pub mod dns;
pub mod download;
mod draft;
mod error;
pub mod events;
mod exchange;
mod fake;
mod head;
mod incoming;
mod into_header;
mod into_url;
mod limits;
pub mod multipart;
pub mod paging;
mod pool;
mod protocol;
pub mod proxy;
mod recording;
pub mod redirect;
mod request;
mod response;
pub mod retry;
mod send;
mod served;
pub mod service;
mod settings;
mod stats;
mod timeouts;
pub mod tls;
pub mod transport;
pub mod watch;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use admission::HostLimit;
pub use body::RequestBody;
pub use builder::ClientBuilder;
pub use client::Client;
#[cfg(feature = "cookies")]
pub use cookies::CookieJar;
pub use error::{Error, Kind, Phase, Result};
pub use into_url::IntoUrl;
pub use limits::PoolLimits;
pub use protocol::Versions;
pub use recording::Recording;
pub use request::RequestBuilder;
pub use response::{Chunks, Ndjson, Response};
pub use retry::{RetryBudget, RetryPolicy};
pub use stats::{ConnectionState, ConnectionStats, Stats};
pub use timeouts::Timeouts;

pub use brigade_core::backoff::{Backoff, Jitter};
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
pub use url::Url;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/from-httpx-and-aiohttp.md")]
struct FromHttpxAndAiohttp;
