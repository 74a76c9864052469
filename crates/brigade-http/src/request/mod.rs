//! A request to be.
//!
//! What it does not set itself comes from the client. A builder does nothing before
//! [`RequestBuilder::send`].
//!
//! * `request_builder`: the request and its settings.
//! * `content`: its query, its body, and who sends it.

mod content;
mod request_builder;

pub(crate) use content::encoded;
pub use request_builder::RequestBuilder;
pub(crate) use request_builder::header;
