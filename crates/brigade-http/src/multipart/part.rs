//! One field of a form.
//!
//! It keeps the first thing that is wrong with it, which the request reports when it is sent.

use std::fmt;
use std::path::PathBuf;

use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::body::RequestBody;
use crate::draft::Names;
use crate::into_header::header;
use crate::{Error, Kind, Result};

/// A field of a [`Multipart`](super::Multipart) that is more than a name and a text.
pub struct Part {
    pub(super) body: RequestBody,
    pub(super) file_name: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) error: Option<Error>,
}

impl Part {
    /// A part with this content: bytes, or a stream of them.
    pub fn new(body: impl Into<RequestBody>) -> Self {
        Self {
            body: body.into(),
            file_name: None,
            headers: HeaderMap::new(),
            error: None,
        }
    }

    /// The file at `path`, of which [`RequestBody::file`] says what becomes. It bears the last
    /// component of the path as its file name, and the type `application/octet-stream`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().map(|name| name.to_string_lossy().into());
        let mut part = Self::new(RequestBody::file(path));
        part.file_name = name;
        part.mime("application/octet-stream")
    }

    /// The name that the sender's file has, which makes the part a file to most servers.
    pub fn file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// What the content is, such as `text/csv; charset=utf-8`. Without, a part says nothing about it,
    /// which means plain text.
    pub fn mime(self, mime: &str) -> Self {
        self.header(CONTENT_TYPE, mime)
    }

    /// Sets a header of the part. Content-Disposition follows from the names, and cannot be set.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match header(name, value).and_then(allowed) {
            Ok((name, value)) => _ = self.headers.insert(name, value),
            Err(error) => self.error = Some(self.error.unwrap_or(error)),
        }
        self
    }
}

fn allowed((name, value): (HeaderName, HeaderValue)) -> Result<(HeaderName, HeaderValue)> {
    if name == CONTENT_DISPOSITION {
        let detail = "the header content-disposition follows from the names of a part";
        return Err(Error::new(Kind::BadRequest).because(detail));
    }
    Ok((name, value))
}

/// Without the content and the values of headers, which may be secrets.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("body", &self.body)
            .field("file_name", &self.file_name)
            .field("headers", &Names(&self.headers))
            .finish_non_exhaustive()
    }
}
