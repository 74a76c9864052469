//! One event, as its receiver gets it.
//!
//! It owns its text, so it keeps nothing of the connection and may be kept for as long as one likes.

use std::sync::Arc;

use serde::Deserialize;

use crate::{Error, Kind, Result};

/// An event that a server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Empty for the default.
    pub(super) kind: String,
    pub(super) data: String,
    pub(super) id: Arc<str>,
}

impl Event {
    /// What kind of event it is, the field `event`; `message` if the server did not say.
    pub fn kind(&self) -> &str {
        match self.kind.as_str() {
            "" => "message",
            kind => kind,
        }
    }

    /// The text of the event, its lines joined by LF.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Takes the text out without a copy.
    pub fn into_data(self) -> String {
        self.data
    }

    /// The id to go on after this event: its own, or the last one before it, as the standard has
    /// it; empty if there was none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text read as JSON.
    ///
    /// # Errors
    ///
    /// [`Kind::Decode`] if it is not JSON, or not that of a `T`.
    pub fn json<'de, T: Deserialize<'de>>(&'de self) -> Result<T> {
        serde_json::from_str(&self.data).map_err(|error| {
            let detail = "the data of an event is not the JSON that was asked for";
            Error::new(Kind::Decode).because(detail).from(error)
        })
    }
}
