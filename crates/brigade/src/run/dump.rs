//! What a running program prints of itself when it gets a signal.
//!
//! A program that does not go on cannot be asked by its own means. So the thread that watches the
//! signals has the tree of the living written by a further thread: writing may block, and the
//! watching must not. It takes no lock that a task could hold for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::low_level::signal_name;

use super::report;
use crate::living;

#[derive(Debug)]
pub(super) struct Dumper {
    signals: Vec<i32>,
    /// A tree is being written: one thread at a time is enough, also if nobody reads stderr.
    busy: Arc<AtomicBool>,
}

impl Dumper {
    pub(super) fn new(signals: Vec<i32>) -> Self {
        Self {
            signals,
            busy: Arc::default(),
        }
    }

    /// Starts to write the tree, if this is a signal to do so.
    pub(super) fn signal(&self, signal: i32) {
        if !self.signals.contains(&signal) || self.busy.swap(true, Ordering::Acquire) {
            return;
        }
        let busy = Busy(self.busy.clone());
        let thread = std::thread::Builder::new().name("brigade-dump".into());
        // Without a thread there is no picture, and the next signal tries again.
        let _ = thread.spawn(move || {
            let _busy = busy;
            report::print(&text(signal));
        });
    }
}

struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn text(signal: i32) -> String {
    let tree = living::tree();
    let name = signal_name(signal).unwrap_or("a signal");
    format!("brigade: {name} received, and this is running:\n{tree}\n")
}
