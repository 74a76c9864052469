//! Progress as a bar at the bottom of a terminal.
//!
//! The bar is drawn on stderr and cleared at the end, so that what stays on the screen is the
//! report. It draws only when it is told to; no thread ticks behind it.

use super::line::{self, Paces, Total};
use super::watch::{STOPPING, Show};
use crate::message;
use brigade_jobs::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    paces: Paces,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        // A template that does not parse would be a mistake of ours; the plain style still works.
        if let Ok(style) = ProgressStyle::with_template("[{bar:20}] {wide_msg}\n{prefix}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self {
            bar,
            paces: Paces::default(),
        }
    }
}

impl Show for Bar {
    fn every(&self) -> Duration {
        Duration::from_millis(125)
    }

    fn show(&mut self, progress: &Progress) {
        self.paces.look(progress);
        let settled = line::settled(progress);
        let total = Total::of(progress).number().unwrap_or(0).max(settled);
        self.bar.update(|state| {
            state.set_len(total);
            state.set_pos(settled);
        });
        self.bar.set_prefix(line::state(progress));
        self.bar.set_message(line::advance(progress, &self.paces));
    }

    fn stopping(&mut self) {
        self.bar.suspend(|| message::say(STOPPING));
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}
