//! What takes the place of the metrics without the feature `metrics`: nothing.
//!
//! The same names as in `meter`, so that nobody else has to know. They never do anything.

use http::Method;
use url::Url;

use super::outcome::Outcome;
use crate::Error;

pub(crate) const fn describe() {}

#[derive(Debug)]
pub(super) struct RequestMeter;

impl RequestMeter {
    pub(super) const fn begin(_: &Method, _: &Url) -> Self {
        Self
    }

    pub(super) const fn end(&mut self, _: &Outcome) {}
}

#[derive(Debug)]
pub(crate) struct WaitMeter;

impl WaitMeter {
    pub(crate) const fn begin(_: &Url) -> Self {
        Self
    }

    pub(crate) const fn end<T>(self, _: &Result<T, Error>) {}
}

#[derive(Debug)]
pub(crate) struct ConnectionMeter;

impl ConnectionMeter {
    pub(crate) const fn new(_: &Url, _: bool) -> Self {
        Self
    }

    pub(crate) const fn open(&self) {}

    pub(crate) const fn take(&self) {}

    pub(crate) const fn free(&self) {}

    pub(crate) const fn close(&self) {}
}
