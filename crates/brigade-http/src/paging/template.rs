//! The request that all pages have in common, and what one walk knows of the servers on its way.
//!
//! It never sends anything, and never lets go of what is wrong with the request.

use url::Url;

use crate::redirect::is_same_origin;
use crate::{Client, Error, Kind, RequestBuilder, Response, Result};

/// A request to be sent once for each page.
#[derive(Debug)]
pub struct Template {
    request: RequestBuilder,
    /// Whether a page of this walk came from another origin than the request's.
    pub(super) has_strayed: bool,
}

impl Template {
    pub(super) fn new(request: RequestBuilder) -> Self {
        Self {
            request,
            has_strayed: false,
        }
    }

    pub(super) fn client(&self) -> &Client {
        self.request.client()
    }

    pub(super) fn url(&self) -> &Url {
        &self.request.draft().hop.url
    }

    /// Fails if the request cannot be sent for each page.
    pub(super) fn check(&mut self) -> Result<()> {
        let draft = self.request.draft_mut();
        if let Some(error) = draft.error.take() {
            return Err(error.about(&draft.hop.url));
        }
        if draft.later.is_some() {
            let detail = "each page sends it, and a file or a multipart form is for one request \
                          (RequestBody::repeatable makes a stream anew)";
            let error = Error::new(Kind::RequestBody).about(&draft.hop.url);
            return Err(error.because(detail));
        }
        match draft.hop.body.is_repeatable() {
            true => Ok(()),
            false => Err(self.once()),
        }
    }

    /// The request once more.
    pub(super) fn again(&self) -> Result<RequestBuilder> {
        self.request.again().ok_or_else(|| self.once())
    }

    fn once(&self) -> Error {
        let detail = "each page sends it, and it is a stream that can be read only once \
                      (RequestBody::repeatable makes it anew)";
        let error = Error::new(Kind::RequestBody).about(self.url());
        error.because(detail)
    }

    /// Takes notice of who answered.
    pub(super) fn heard(&mut self, response: &Response) {
        self.has_strayed |= !is_same_origin(self.url(), response.url());
    }
}
