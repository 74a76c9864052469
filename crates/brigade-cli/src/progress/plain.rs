//! Progress as lines in a log: few, whole, and the same words as on the bar.

use super::line::{self, Paces};
use super::watch::{STOPPING, Show};
use crate::message;
use brigade_jobs::Progress;
use std::time::Duration;

/// So many looks for each line. Looking more often than speaking keeps the rates smooth.
const LOOKS: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Plain {
    paces: Paces,
    looks: u32,
}

impl Show for Plain {
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn show(&mut self, progress: &Progress) {
        self.paces.look(progress);
        // The first look is at the start, where there is nothing to say yet.
        if self.looks > 0 && self.looks.is_multiple_of(LOOKS) {
            message::say(line::line(progress, &self.paces));
        }
        self.looks = self.looks.wrapping_add(1);
    }

    fn stopping(&mut self) {
        message::say(STOPPING);
    }

    fn end(&mut self) {}
}
