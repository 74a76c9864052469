//! A running job, shown as it goes: on a terminal, in a log, or to a program.
//!
//! The job counts and never waits for a reader; here those counts are looked at now and then.
//! `watch` runs the job and looks, and each way of showing has a file: a bar (`bar`), lines
//! (`plain`) or JSON (`json`). All say the same in the words of `line`, with the smoothed rates of
//! `pace` and the numbers of `format`.
//!
//! Nothing here can slow the job down, and nothing that happens to the terminal can stop it.

mod bar;
pub(crate) mod format;
mod json;
mod line;
mod pace;
mod plain;
mod watch;

pub(crate) use json::summary_line;
pub(crate) use line::kinds;
pub(crate) use watch::{Mode, watch};
