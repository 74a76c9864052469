//! The words with which a request becomes a WebSocket (RFC 6455, section 4).
//!
//! Every promise that the response must make is checked, because what follows it is not HTTP any
//! more. An error says what is missing, never what the server sent in its place.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, StatusCode};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{Error, Kind, RequestBuilder, Response, Result};

/// What a server proves with that it knows WebSockets.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The headers that are the handshake's business.
pub(super) const OWN: [HeaderName; 7] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
];

/// What the server shall answer to.
#[derive(Debug)]
pub(super) struct Offer {
    key: String,
    protocols: Vec<String>,
}

impl Offer {
    pub(super) fn new(protocols: Vec<String>) -> Result<Self> {
        for (place, protocol) in protocols.iter().enumerate() {
            if !is_token(protocol) || protocols[..place].contains(protocol) {
                let detail = format!("{protocol:?} cannot be offered, or is offered twice");
                return Err(Error::new(Kind::BadRequest).because(detail));
            }
        }
        let mut key = [0; 16];
        let drawn = SystemRandom::new().fill(&mut key);
        let no_random = |_| Error::new(Kind::Config).because("the system has no random numbers");
        drawn.map_err(no_random)?;
        Ok(Self {
            key: STANDARD.encode(key),
            protocols,
        })
    }

    /// The request that makes it.
    pub(super) fn make(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, self.key.as_str());
        match self.protocols.is_empty() {
            true => request,
            false => request.header(SEC_WEBSOCKET_PROTOCOL, self.protocols.join(", ")),
        }
    }

    /// Whether the server has agreed, and on which of the protocols.
    pub(super) fn check(&self, response: &Response) -> Result<Option<String>> {
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let detail = "it did not open a WebSocket";
            return Err(Error::new(Kind::Status(status)).because(detail));
        }
        self.check_headers(response.headers())
            .map_err(|detail| Error::new(Kind::Protocol).because(detail))
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<Option<String>, &'static str> {
        let upgrade = single(headers, &UPGRADE);
        if !upgrade.is_some_and(|name| name.eq_ignore_ascii_case("websocket")) {
            return Err("the server switched to something else than WebSocket");
        }
        let mut connection = headers.get_all(CONNECTION).iter();
        let is_upgrade = |part: &str| part.trim().eq_ignore_ascii_case("upgrade");
        if !connection.any(|value| value.to_str().is_ok_and(|it| it.split(',').any(is_upgrade))) {
            return Err("the server's Connection header does not say that it switched");
        }
        if single(headers, &SEC_WEBSOCKET_ACCEPT) != Some(&*accept(&self.key)) {
            return Err("the server's Sec-WebSocket-Accept does not fit: it knows no WebSockets");
        }
        if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err("the server chose an extension, and none was offered");
        }
        if !headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return Ok(None);
        }
        match single(headers, &SEC_WEBSOCKET_PROTOCOL) {
            Some(protocol) if self.protocols.iter().any(|offered| offered == protocol) => {
                Ok(Some(protocol.to_owned()))
            }
            _ => Err("the server chose a protocol that was not offered"),
        }
    }
}

/// The value of a header that must stand there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().map(str::trim),
        _ => None,
    }
}

/// What a server makes of a key.
fn accept(key: &str) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key.as_bytes());
    context.update(GUID);
    STANDARD.encode(context.finish())
}

/// Whether a text is a token as HTTP has them (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_a_key_is_that_of_the_standard() {
        // RFC 6455, section 1.3.
        let answer = accept("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_protocol_is_a_token_and_offered_once() {
        for protocols in [
            vec![""],
            vec!["a b"],
            vec!["a,b"],
            vec!["ü"],
            vec!["a", "a"],
        ] {
            let offer = Offer::new(protocols.iter().map(|it| (*it).to_owned()).collect());
            assert_eq!(offer.unwrap_err().kind(), Kind::BadRequest, "{protocols:?}");
        }
    }
}
