//! Stdout as a place that takes bytes no faster than its reader does.
//!
//! A full pipe blocks whoever writes, and the runtime has one thread, which has to hear signals; so
//! a thread of its own writes. Meanwhile the next page fills. It never holds more than the page that
//! is being written, and it never writes a part of a line and then another one's.

use brigade::thread::{Call, Pool};
use std::fs::File;
use std::future::pending;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Writes pages to stdout, one at a time.
#[derive(Debug)]
pub(super) struct Outlet {
    thread: Pool,
    writing: Option<Call<'static, (Vec<u8>, io::Result<()>)>>,
    /// The memory of a page that was written.
    spare: Vec<u8>,
}

impl Outlet {
    pub(super) fn new() -> Self {
        Self {
            thread: Pool::new("stdout", 1),
            writing: None,
            spare: Vec::new(),
        }
    }

    /// Whether a page is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Takes the text to write, and leaves an empty one. Only while nothing is being written.
    pub(super) fn take(&mut self, text: &mut Vec<u8>) {
        let page = std::mem::replace(text, std::mem::take(&mut self.spare));
        let write = move || {
            let written = write(&page);
            (page, written)
        };
        self.writing = Some(self.thread.call(write).name("write to the standard output"));
    }

    /// Waits until the page that is being written is; for ever if there is none.
    ///
    /// Nothing is lost when the future is dropped.
    pub(super) async fn written(&mut self) -> io::Result<()> {
        let Some(writing) = &mut self.writing else {
            return pending().await;
        };
        let (mut page, written) = writing.await;
        self.writing = None;
        page.clear();
        self.spare = page;
        written
    }
}

/// Past the buffer of the standard library, which would look for the last line of each page.
fn write(page: &[u8]) -> io::Result<()> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    File::from(stdout).write_all(page)
}
