//! The settings that a client gives to its requests and that a request can change.
//!
//! A plain value that is copied into each request. It never holds anything of a connection.

use std::sync::Arc;

use crate::Timeouts;
use crate::retry::RetryPolicy;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) timeouts: Timeouts,
    /// The most bytes of a decoded body.
    pub(crate) body_max: Option<u64>,
    pub(crate) redirects: u32,
    /// Whether compressed bodies are asked for and unpacked.
    pub(crate) compression: bool,
    /// Shared, because it is copied for every request.
    pub(crate) retry: Option<Arc<RetryPolicy>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            body_max: Some(1 << 30),
            redirects: 10,
            compression: true,
            retry: None,
        }
    }
}
