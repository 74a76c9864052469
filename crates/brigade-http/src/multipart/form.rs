//! A form with files, part by part.
//!
//! It does nothing before its request is sent: no file is looked at, and what is wrong with a part
//! is an error of the request.

use std::fmt;
use std::path::PathBuf;

use http::HeaderValue;

use super::encode::{self, Boundary};
use super::part::Part;
use crate::body::RequestBody;
use crate::{Error, Result};

/// A form of `multipart/form-data`, for [`RequestBuilder::multipart`](crate::RequestBuilder::multipart).
///
/// Parts are sent in the order in which they were added; several may have the same name.
#[must_use = "a form is sent with a request"]
pub struct Multipart {
    boundary: Boundary,
    parts: Vec<(String, Part)>,
    error: Option<Error>,
}

impl Default for Multipart {
    fn default() -> Self {
        Self::new()
    }
}

impl Multipart {
    /// A form without parts.
    pub fn new() -> Self {
        Self {
            boundary: Boundary::new(),
            parts: Vec::new(),
            error: None,
        }
    }

    /// Adds a field with a text.
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(name, Part::new(value.into()))
    }

    /// Adds the file at `path`; see [`Part::file`].
    pub fn file(self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.part(name, Part::file(path))
    }

    /// Adds a part.
    ///
    /// Names go out in UTF-8, with quotation marks, line ends and other controls as percent-encoded
    /// bytes (`%22`, `%0D%0A`), as browsers do with the first two.
    pub fn part(mut self, name: impl Into<String>, mut part: Part) -> Self {
        if let Some(error) = part.error.take() {
            self.error.get_or_insert(error);
        }
        self.parts.push((name.into(), part));
        self
    }

    /// The value of Content-Type, and the body.
    pub(crate) fn into_body(self) -> Result<(HeaderValue, RequestBody)> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mime = self.boundary.mime();
        let boundary = self.boundary;
        let mut parts = Vec::with_capacity(self.parts.len());
        for (name, part) in self.parts {
            parts.push((boundary.head(&name, &part), part.body));
        }
        Ok((mime, encode::body(boundary, parts)))
    }
}

/// Without the contents, which may be secrets.
impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}
