//! What goes over a WebSocket: messages, and the reason with which it is closed.
//!
//! Plain values. Ping and pong are the client's business and never messages.

use bytes::Bytes;

use crate::{Error, Kind, Result};

/// The longest text of a reason, in bytes: what a control frame has room for.
const TEXT_MAX: usize = 123;

/// A message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text, which is UTF-8 on the wire too.
    Text(String),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes, those of a text too.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// Why a WebSocket was closed, as the server said it or confirmed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReason {
    /// A number that RFC 6455, section 7.4 gives a meaning, such as 1000 for a normal end; `None` if
    /// nothing was said.
    pub code: Option<u16>,
    /// A text for people, mostly empty.
    pub text: String,
}

impl CloseReason {
    /// What can be said to a server.
    pub(super) fn to_say(code: u16, text: &str) -> Result<Self> {
        if !is_sayable(code) {
            let detail = format!(
                "a WebSocket cannot be closed with the code {code}: use 1000 to 1003, 1007 to \
                 1014, or 3000 to 4999"
            );
            return Err(Error::new(Kind::BadRequest).because(detail));
        }
        if text.len() > TEXT_MAX {
            let detail = format!(
                "a reason of {} bytes for closing a WebSocket is longer than {TEXT_MAX}",
                text.len()
            );
            return Err(Error::new(Kind::BadRequest).because(detail));
        }
        Ok(Self {
            code: Some(code),
            text: text.to_owned(),
        })
    }

    /// As it stands in a close frame.
    pub(super) fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        if let Some(code) = self.code {
            payload.extend(code.to_be_bytes());
            payload.extend(self.text.as_bytes());
        }
        payload
    }
}

/// Whether a code may stand in a close frame (RFC 6455, section 7.4, and what was registered since).
pub(super) const fn is_sayable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
