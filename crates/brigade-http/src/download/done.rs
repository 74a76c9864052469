//! What a download comes to, and how far it is on its way there.
//!
//! Plain values.

use http::HeaderMap;
use url::Url;

use crate::draft::Names;

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How many bytes are in the file. It becomes less when the download has to start over.
    pub written: u64,
    /// How many it will have, if the server has said so.
    pub total: Option<u64>,
}

/// A download that is complete.
pub struct Downloaded {
    pub(super) length: u64,
    pub(super) kept: u64,
    pub(super) resumes: u32,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

impl Downloaded {
    /// How many bytes the file has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// How many of them were left by an earlier download.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// How often it went on after a failure.
    pub fn resumes(&self) -> u32 {
        self.resumes
    }

    /// The URL that answered last.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The headers of the last response.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

/// Without the values of headers, which may be secrets.
impl std::fmt::Debug for Downloaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Downloaded")
            .field("length", &self.length)
            .field("kept", &self.kept)
            .field("resumes", &self.resumes)
            .field("url", &self.url.as_str())
            .field("headers", &Names(&self.headers))
            .finish()
    }
}
