//! A running job, shown as it goes: on a terminal, in a log, or to a program.
//!
//! The job counts and never waits for a reader; here those counts are looked at now and then.
//! `watch` runs the job and looks, and each way of showing has a file: a bar (`bar`), lines
//! (`plain`) or JSON (`json`). All say the same in the words of `line`, laid out for a terminal by
//! `rows`, with the smoothed rates of `pace`, the remaining time of `eta` and the numbers of
//! `format`.
//!
//! Nothing here can slow the job down, and nothing that happens to the terminal can stop it.

mod bar;
mod eta;
pub(crate) mod format;
mod json;
mod line;
mod pace;
mod plain;
mod rows;
mod watch;

pub(crate) use json::summary_line;
pub(crate) use line::kinds;
pub(crate) use watch::{Mode, Watched, watch};
