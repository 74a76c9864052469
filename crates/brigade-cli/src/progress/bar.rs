//! Progress as a bar at the bottom of a terminal, with a few rows under it.
//!
//! They are drawn on stderr and cleared at the end, so that what stays on the screen is the report.
//! It draws only when it is told to, for the size that the terminal has then; no thread ticks
//! behind it.

use super::line::{self, Paces, Total};
use super::rows::Rows;
use super::watch::{STOPPING, Show};
use crate::message;
use brigade_jobs::Progress;
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Rows and columns of a terminal that does not say what it has.
const SIZE: (usize, usize) = (24, 80);

#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    terminal: Term,
    paces: Paces,
    /// Whether what is drawn has a bar.
    has_bar: Option<bool>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            bar: ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()),
            terminal: Term::stderr(),
            paces: Paces::default(),
            has_bar: None,
        }
    }

    fn style(&mut self, has_bar: bool) {
        if self.has_bar.replace(has_bar) == Some(has_bar) {
            return;
        }
        let template = match has_bar {
            true => "[{bar:20}] {msg}\n{prefix}",
            false => "{msg}\n{prefix}",
        };
        // A template that does not parse would be a mistake of ours; the plain style still works.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
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
        let size = self.terminal.size_checked();
        let size = size.map_or(SIZE, |(rows, columns)| (rows.into(), columns.into()));
        let rows = Rows::of(progress, &self.paces, size);
        self.style(rows.bar);
        self.bar.update(|state| {
            state.set_len(total);
            state.set_pos(settled);
        });
        self.bar.set_prefix(rows.under.join("\n"));
        self.bar.set_message(rows.beside);
    }

    fn stopping(&mut self) {
        self.bar.suspend(|| message::say(STOPPING));
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}
