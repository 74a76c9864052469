//! One HTTP client whose connection limits, five timeouts and retry rules hold under any
//! cancellation.

mod body;
mod builder;
mod client;
mod connect;
mod deadline;
pub mod decode;
mod error;
mod exchange;
mod incoming;
mod into_url;
mod limits;
mod pool;
pub mod redirect;
mod request;
mod resolve;
mod response;
pub mod retry;
mod send;
mod settings;
mod stats;
mod timeouts;
pub mod tls;

pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{Error, Kind, Phase, Result};
pub use into_url::IntoUrl;
pub use limits::PoolLimits;
pub use request::RequestBuilder;
pub use response::Response;
pub use retry::RetryPolicy;
pub use stats::{ConnectionState, ConnectionStats, Stats};
pub use timeouts::Timeouts;

pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
pub use url::Url;
