//! What a request sends or writes that is not in memory.
//!
//! No file is looked at before the request is sent.

use std::path::PathBuf;

use http::header::CONTENT_TYPE;

use super::RequestBuilder;
use crate::download::Download;
use crate::multipart::Multipart;

impl RequestBuilder {
    /// Writes the response to the file at `path`, and goes on where that was broken off before.
    /// [`download`](crate::download) says how.
    pub fn download(self, path: impl Into<PathBuf>) -> Download {
        Download::new(self.client, self.draft, path.into())
    }

    /// Sends a form with files (`multipart/form-data`), and says so in Content-Type, in place of what
    /// was set before. [`multipart`](crate::multipart) has an example.
    pub fn multipart(mut self, form: Multipart) -> Self {
        match form.into_body() {
            Ok((mime, body)) => {
                self.draft.hop.headers.insert(CONTENT_TYPE, mime);
                self.body(body)
            }
            Err(error) => {
                self.draft.error.get_or_insert(error);
                self
            }
        }
    }
}
