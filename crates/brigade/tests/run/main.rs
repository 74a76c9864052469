//! The laws of `run`, shown by real processes that get real signals.
//!
//! This binary is both sides: called as `victim NAME` it runs that program under `brigade::run`,
//! else it runs the tests, each of which starts such a program and looks at how it ends. Every
//! wait is bounded, and a program that is left over is killed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod laws;
mod program;
mod victims;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("victim") {
        let name = arguments.next().unwrap_or_default();
        return victims::start(&name);
    }
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(&arguments, laws::trials()).exit_code()
}
