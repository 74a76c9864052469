//! Whether somebody still reads stdout.
//!
//! A reader such as `head` leaves when it has seen enough. A write would show that, but a stream that
//! is quiet has nothing to write for hours. So the pipe itself is watched; what cannot be watched, a
//! file for example, has no reader that could leave.

use std::future::pending;
use tokio::io::Interest;
use tokio::net::unix::pipe::{OpenOptions, Sender};

/// Opened anew, a pipe is watched without a change to what others share of it.
const STDOUT: &str = "/proc/self/fd/1";

/// A watch on the other end of stdout.
#[derive(Debug)]
pub(super) struct Reader(Option<Sender>);

impl Reader {
    pub(super) fn watch() -> Self {
        Self(OpenOptions::new().open_sender(STDOUT).ok())
    }

    /// Waits until nobody reads any more.
    pub(super) async fn left(&self) {
        if let Some(pipe) = &self.0
            && pipe.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
        pending().await
    }
}
