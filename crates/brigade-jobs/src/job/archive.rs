//! What a job keeps of an exchange for its archive.

use std::time::SystemTime;

use brigade_http::{Response, Version};
use url::Url;

use crate::config::Config;
use crate::format::Format;
use crate::record::Capture;
use crate::warc::Redaction;

/// Most bytes that are kept of the body of a redirect, which is hardly ever longer.
pub(super) const HOP_BODY_MAX: usize = 16 << 10;

/// What is said once for all exchanges.
#[derive(Debug)]
pub(super) struct Archive {
    redaction: Redaction,
}

impl Archive {
    /// None if the job keeps no archive.
    pub(super) fn new(config: &Config) -> Option<Self> {
        let names = config.headers.iter().map(|(name, _)| name.as_str());
        (config.format == Format::Warc).then(|| Self {
            redaction: Redaction::new(names),
        })
    }

    /// The exchange with `target` whose response is `response`; none if it was not recorded.
    pub(super) fn capture(
        &self,
        target: &Url,
        response: &Response,
        at: SystemTime,
    ) -> Option<Capture> {
        let recording = response.recording()?;
        let mut url = target.clone();
        // A URL that is asked for over HTTP can lose them.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        Some(Capture {
            url: url.into(),
            at,
            peer: recording.peer.map(|peer| peer.ip()),
            is_http2: response.version() == Version::HTTP_2,
            request: self.redaction.apply(&recording.request),
            head: recording.head,
            body: Vec::new(),
            cut: None,
        })
    }
}
