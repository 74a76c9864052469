//! The crash proof: jobs that are killed, stopped, cut off from power and from their disk, over and over,
//! in every form; after the last continuation the output equals that of an undisturbed run.
//!
//! `cargo xtask crash [--rounds N] [--seed N] [--form NAME]... [--kind NAME]...`. For each form and
//! kind of disturbance it prints what is missing, doubled, torn, different or ended wrongly, and how
//! many requests were sent again. It fails if anything is wrong, prints the runs that led to it, and
//! keeps the directory. `absorbed` are faults that a job came to its end in spite of; it is held
//! against the undisturbed one after a power cut then. Without the `sqlite3` command it says that it
//! checks no ledger, and fails with `CI=true`. `cargo xtask crash --rounds small` is what CI
//! runs: `tests/small.rs`.
//!
//! It never touches a process that it did not start, nor a file outside of its own directory.

#[cfg(target_os = "linux")]
mod archive;
#[cfg(target_os = "linux")]
mod column;
#[cfg(target_os = "linux")]
mod content;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod job;
#[cfg(target_os = "linux")]
mod kind;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod proof;
// One file for the two programs that must agree on the journal.
#[cfg(target_os = "linux")]
#[path = "../../faults/src/record.rs"]
#[allow(
    dead_code,
    reason = "it reads records and leaves writing them to the library of faults"
)]
mod record;
#[cfg(target_os = "linux")]
mod site;
#[cfg(target_os = "linux")]
mod trial;

use std::process::ExitCode;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match proof::Options::parse(&args).and_then(|options| proof::run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("crash: {error}");
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("crash: a disk is made to fail through LD_PRELOAD, which is there on Linux alone");
    ExitCode::from(2)
}
