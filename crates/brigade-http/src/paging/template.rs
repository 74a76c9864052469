//! The request that all pages have in common, and what one walk knows of the servers on its way.
//!
//! It never sends anything, and never lets go of what is wrong with the request.

use url::Url;

use crate::draft::Draft;
use crate::redirect::is_same_origin;
use crate::{Client, Error, Kind, RequestBuilder, Response, Result};

/// A request to be sent once for each page.
#[derive(Debug)]
pub struct Template {
    pub(super) client: Client,
    draft: Box<Draft>,
    /// Whether a page of this walk came from another origin than the request's.
    pub(super) has_strayed: bool,
}

impl Template {
    pub(super) fn new(request: RequestBuilder) -> Self {
        Self {
            client: request.client,
            draft: request.draft,
            has_strayed: false,
        }
    }

    pub(super) fn url(&self) -> &Url {
        &self.draft.hop.url
    }

    /// Fails if the request cannot be sent at all.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.draft.error.take() {
            Some(error) => Err(error.about(self.url())),
            None => Ok(()),
        }
    }

    /// The request once more.
    pub(super) fn again(&self) -> Result<RequestBuilder> {
        let Some(draft) = self.draft.again() else {
            let detail = "each page sends it, and it is a stream that can be read only once \
                          (RequestBody::repeatable makes it anew)";
            let error = Error::new(Kind::RequestBody).about(self.url());
            return Err(error.because(detail));
        };
        Ok(RequestBuilder {
            client: self.client.clone(),
            draft: Box::new(draft),
        })
    }

    /// Takes notice of who answered.
    pub(super) fn heard(&mut self, response: &Response) {
        self.has_strayed |= !is_same_origin(self.url(), response.url());
    }
}
