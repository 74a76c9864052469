//! What has come and is not written yet, in its final form: whole lines, each with its LF.
//!
//! Every check of a line is here, so that no source forgets one. What is bad is named on stderr
//! with its number and never printed.

use crate::message;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brigade::stream::TryYielder;
use brigade_http::events::Event;
use brigade_http::websocket::Message;
use futures_util::{FutureExt, Stream, StreamExt};
use serde::de::IgnoredAny;
use std::cell::RefCell;
use std::fmt::Display;

/// With so many bytes nothing more is read until some are written.
const FULL: usize = 256 * 1024;

/// What is let through, and in which form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Nothing but JSON.
    pub(super) json: bool,
    /// No blank lines.
    pub(super) skip_blank: bool,
    /// Events as objects.
    pub(super) envelope: bool,
    /// The most bytes of a line.
    pub(super) max_line: usize,
}

/// Lines on their way to stdout.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) text: Vec<u8>,
    form: Form,
    /// How many have come, good or bad.
    came: u64,
    bad: u64,
}

impl Page {
    pub(super) fn new(form: Form) -> Self {
        Self {
            text: Vec::with_capacity(2 * FULL),
            form,
            came: 0,
            bad: 0,
        }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Whether nothing more is to be put on it now.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= FULL
    }

    /// How many lines have come so far, good or bad.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// How many of them were bad.
    pub(super) fn bad(&self) -> u64 {
        self.bad
    }

    /// Takes a line of the server's, which has this number.
    #[inline]
    pub(super) fn line(&mut self, number: u64, line: &[u8]) {
        self.came += 1;
        if self.form.json
            && let Err(what) = check_json(line)
        {
            return self.refuse(format_args!("line {number} is not JSON: {what}"));
        }
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
    }

    /// Takes an event.
    pub(super) fn event(&mut self, event: &Event) {
        self.text_of("event", event.data(), Some((event.kind(), event.id())));
    }

    /// Takes a message of a WebSocket.
    pub(super) fn message(&mut self, message: &Message) {
        match message {
            Message::Text(text) => self.text_of("message", text, None),
            Message::Binary(bytes) if self.form.envelope => {
                self.came += 1;
                self.text.extend_from_slice(b"{\"binary\":");
                self.string(&STANDARD.encode(bytes));
                self.text.extend_from_slice(b"}\n");
            }
            Message::Binary(_) => {
                let number = self.came + 1;
                self.bad_line(format_args!(
                    "message {number} is binary, which --envelope prints as base64"
                ));
            }
        }
    }

    /// Takes the text of one thing that came as a whole. It is one line if it is JSON or in an
    /// envelope, and otherwise as many as are in it.
    fn text_of(&mut self, what: &str, text: &str, event: Option<(&str, &str)>) {
        self.came += 1;
        let (number, Form { json, envelope, .. }) = (self.came, self.form);
        if self.form.skip_blank && text.trim_ascii().is_empty() {
            return;
        }
        if json && let Err(error) = check_json(text.as_bytes()) {
            return self.refuse(format_args!("{what} {number} is not JSON: {error}"));
        }
        if envelope {
            self.text.push(b'{');
            if let Some((kind, _)) = event {
                self.text.extend_from_slice(b"\"event\":");
                self.string(kind);
                self.text.push(b',');
            }
            self.text.extend_from_slice(b"\"data\":");
        }
        match (json, envelope) {
            (true, _) => self.json(text),
            (false, true) => self.string(text),
            (false, false) => self.text.extend_from_slice(text.as_bytes()),
        }
        if envelope {
            if let Some((_, id)) = event {
                self.text.extend_from_slice(b",\"id\":");
                self.string(id);
            }
            self.text.push(b'}');
        }
        self.text.push(b'\n');
    }

    /// A string of JSON.
    fn string(&mut self, text: &str) {
        let written = serde_json::to_writer(&mut self.text, text);
        debug_assert!(written.is_ok(), "a string is JSON, and memory takes it");
    }

    /// JSON on one line: its line breaks can only be between its tokens, where a space is the same.
    fn json(&mut self, text: &str) {
        let bytes = text.bytes();
        let on_a_line = bytes.map(|byte| {
            if byte == b'\n' || byte == b'\r' {
                b' '
            } else {
                byte
            }
        });
        self.text.extend(on_a_line);
    }

    /// Takes note of a line that is of no use.
    pub(super) fn bad_line(&mut self, what: impl Display) {
        self.came += 1;
        self.refuse(what);
    }

    fn refuse(&mut self, what: impl Display) {
        self.bad += 1;
        message::say(format_args!("{what}; it is left out"));
    }
}

/// Whether this is one value of JSON.
fn check_json(line: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => {
            // The place is one within this line, so it needs no line of its own.
            Err(error
                .to_string()
                .replace(" at line 1 column ", " at column "))
        }
    }
}

/// The next of `items`. One that is there can join those on the page; before another one is waited
/// for, or once the page is full, the page is handed out.
pub(super) async fn next<S: Stream + Unpin>(
    items: &mut S,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
) -> Option<S::Item> {
    let is_full = page.borrow().is_full();
    if !is_full && let Some(next) = items.next().now_or_never() {
        return next;
    }
    yielder.yield_item(()).await;
    items.next().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Form = Form {
        json: false,
        skip_blank: false,
        envelope: false,
        max_line: 100,
    };

    #[test]
    fn lines_are_passed_on_as_they_are() {
        let mut page = Page::new(PLAIN);
        for line in [&b"one"[..], b"", b"\xff\r", b"{"] {
            page.line(1, line);
        }
        assert_eq!(page.text, b"one\n\n\xff\r\n{\n");
        assert_eq!((page.came(), page.bad()), (4, 0));
    }

    #[test]
    fn what_is_not_json_is_left_out_and_counted() {
        let mut page = Page::new(Form {
            json: true,
            ..PLAIN
        });
        for line in [&b"[1]"[..], b"{", b"1 2", b"\"\xff\"", b" {\"a\":null} "] {
            page.line(1, line);
        }
        assert_eq!(page.text, b"[1]\n {\"a\":null} \n");
        assert_eq!((page.came(), page.bad()), (5, 3));
    }

    #[test]
    fn an_error_of_json_names_its_column() {
        let cases: [(&[u8], &str); 3] = [
            (b"{\"a\":}", "expected value at column 6"),
            (b"[1", "EOF while parsing a list at column 2"),
            (b"1 2", "trailing characters at column 3"),
        ];
        for (line, expected) in cases {
            assert_eq!(check_json(line), Err(expected.to_owned()));
        }
    }
}
