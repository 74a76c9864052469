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
    /// Writes this text and flushes it; nothing once stdout has been closed.
    pub(crate) fn write(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut stdout = io::stdout().lock();
        let Err(error) = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
        else {
            return;
        };
        self.closed = true;
        if error.kind() != ErrorKind::BrokenPipe {
            message::say(format_args!("cannot write to the standard output: {error}"));
        }
    }
}
