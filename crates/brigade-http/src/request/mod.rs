//! A request to be.
//!
//! What it does not set itself comes from the client. A builder does nothing before
//! [`RequestBuilder::send`].
//!
//! * `request_builder`: the request and its settings.
//! * `content`: its query, its body, and who sends it.
//! * `files`: forms with files, and downloads.

mod content;
mod files;
mod request_builder;

pub(crate) use crate::into_header::header;
pub(crate) use content::encoded;
pub use request_builder::RequestBuilder;
