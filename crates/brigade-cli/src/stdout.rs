//! What the command writes to stdout, which may go away at any time.
//!
//! A reader such as `head` closes the pipe when it has seen enough. That is no error: the command
//! goes on with its job in silence. It never panics on a write and never stops a job for one.

use std::io::{self, ErrorKind, Write};

use crate::message;

/// Stdout, until it is closed.
#[derive(Debug, Default)]
pub(crate) struct Stdout {
    closed: bool,
}

impl Stdout {
    /// Writes this text and flushes it; nothing once stdout has been closed. False if the text is
    /// lost to someone who wants it: the place is full, for example, and the reader has not left.
    pub(crate) fn write(&mut self, text: &str) -> bool {
        if self.closed {
            return true;
        }
        let mut stdout = io::stdout().lock();
        let Err(error) = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        else {
            return true;
        };
        self.closed = true;
        let left = error.kind() == ErrorKind::BrokenPipe;
        if !left {
            message::say(format_args!("cannot write to the standard output: {error}"));
        }
        left
    }

    /// Whether nobody will see what is written from now on.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}
