//! A URL as it may be shown.
//!
//! Spans end up in places that many people read. It never shows a user, a password or the value
//! of a signature.

use std::fmt;

use url::{Position, Url};

/// Parameters whose values prove who one is.
const SIGNATURES: [&str; 7] = [
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
];

fn is_signature(name: &str) -> bool {
    SIGNATURES
        .iter()
        .any(|signature| signature.eq_ignore_ascii_case(name))
}

/// Shows a URL without user, password, fragment, and with `REDACTED` for signatures.
pub(super) struct Shown<'a>(pub(super) &'a Url);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0;
        f.write_str(&url[..Position::BeforeUsername])?;
        f.write_str(&url[Position::BeforeHost..Position::AfterPath])?;
        let Some(query) = url.query() else {
            return Ok(());
        };
        for (index, pair) in query.split('&').enumerate() {
            f.write_str(if index == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) if is_signature(name) => write!(f, "{name}=REDACTED")?,
                _ => f.write_str(pair)?,
            }
        }
        Ok(())
    }
}

/// The host as the conventions name a server: an address of IPv6 without brackets.
pub(super) fn server(url: &Url) -> &str {
    let host = url.host_str().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h7i_a_shown_url_has_no_credentials() {
        let shown = |url: &str| Shown(&Url::parse(url).expect("a URL")).to_string();
        assert_eq!(shown("http://a.example"), "http://a.example/");
        assert_eq!(
            shown(
                "https://me:secret@a.example:8443/p?q=1&sig=secret&signal=2&Signature=secret#secret"
            ),
            "https://a.example:8443/p?q=1&sig=REDACTED&signal=2&Signature=REDACTED"
        );
        assert_eq!(
            shown("http://a/?AWSAccessKeyId=secret&X-Goog-Signature=&sig"),
            "http://a/?AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED&sig"
        );
        assert_eq!(
            shown(
                "https://b/?X-Amz-Signature=secret&X-Amz-Credential=secret&X-Amz-Date=1\
                 &x-amz-security-token=secret"
            ),
            "https://b/?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Date=1\
             &x-amz-security-token=REDACTED"
        );
        assert_eq!(
            server(&Url::parse("http://[::1]:80/").expect("a URL")),
            "::1"
        );
    }
}
