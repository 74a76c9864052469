//! How a request ended, as far as one watches it.
//!
//! Names only: it never holds a header, a body or the text of an error.

use std::net::SocketAddr;

use http::{Method, StatusCode, Version};

use crate::Kind;

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Answered {
        status: StatusCode,
        version: Version,
        peer: Option<SocketAddr>,
    },
    Failed(Kind),
    /// Its future was dropped.
    Cancelled,
}

impl Outcome {
    /// What kind of error it counts as, if it is one.
    pub(super) fn error_type(&self) -> Option<&str> {
        match self {
            Self::Answered { status, .. } => (status.as_u16() >= 400).then(|| status.as_str()),
            Self::Failed(kind) => Some(kind.name()),
            Self::Cancelled => Some("cancelled"),
        }
    }
}

/// The name of a version of HTTP.
pub(super) fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// The name of a method that is a common one: those of RFC 9110 and PATCH.
pub(super) fn method_name(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::CONNECT => "CONNECT",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::PATCH => "PATCH",
        _ => return None,
    })
}
