//! Composition with tower: a client is a [`Service`](tower_service::Service), and a service can
//! stand in place of the network.
//!
//! * **Around the client**: [`Client`](crate::Client), and a reference to one, takes
//!   [`http::Request`]s and answers with [`http::Response`]s, so every layer of tower fits around
//!   it. It is always ready, because a request waits for its connection within its own future,
//!   where the pool's limits and timeouts are; a layer that sheds load by `poll_ready` sees none.
//!   It takes any body, so what does not see the request, such as `ready` of tower's `ServiceExt`,
//!   has to be told its type: `ServiceExt::<Request<Full<Bytes>>>::ready(&mut service)`.
//! * **Beneath the client**: with [`ClientBuilder::service`](crate::ClientBuilder::service), any
//!   service answers the requests, with no socket and in paused time too: a closure
//!   (`tower::service_fn`), an axum `Router`, a stack of layers around another client.
//!
//! # Examples
//!
//! What a program asks for can be answered without a network:
//!
//! ```
//! use brigade_http::service::RequestBody;
//! use brigade_http::{Client, Kind};
//! use http::{Request, Response};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let fake = tower::service_fn(async |request: Request<RequestBody>| match request.uri().path() {
//!     "/bucket" => Ok(Response::new("full".to_owned())),
//!     "/broken" => Err(brigade_http::Error::from(Kind::Protocol)),
//!     _ => Ok(Response::builder().status(404).body(String::new()).expect("a status")),
//! });
//! let client = Client::builder().service(fake).build()?;
//! assert_eq!(client.get("https://api.example/bucket")?.send().await?.text().await?, "full");
//! assert_eq!(client.get("https://api.example/well")?.send().await?.status(), 404);
//! let error = client.get("https://api.example/broken")?.send().await.expect_err("it is broken");
//! assert_eq!(error.kind(), Kind::Protocol);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! And layers of tower lie around a client:
//!
//! ```
//! use brigade_http::Client;
//! # use brigade_testkit::server::{Reply, Server};
//! use http_body_util::{BodyExt, Empty};
//! use std::time::Duration;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let server = Server::start(|_| Reply::ok("hello")).await?;
//! # let url = server.url("/");
//! let client = Client::new()?;
//! let service = ServiceBuilder::new()
//!     .concurrency_limit(8)
//!     .timeout(Duration::from_secs(60))
//!     .service(client.clone());
//! let request = http::Request::get(&url).body(Empty::<bytes::Bytes>::new())?;
//! let response = service.oneshot(request).await.map_err(|error| error.to_string())?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "hello");
//! client.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod given;
mod response_body;

pub use crate::body::RequestBody;
pub use client::ResponseFuture;
pub use response_body::ResponseBody;
