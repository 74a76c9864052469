//! Jobs against programs that are not ours: what reads their output, and a disk that is full.
//!
//! A trial whose program is missing is ignored and says what to install; with `CI=true` it fails
//! instead. No reader is told anything that a user would not know.

mod archives;
mod columns;
mod compressed;
mod disk;
mod jsonl;
mod ledger;
mod nginx;
mod programs;
mod sent;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    if let Some(directory) = std::env::var_os(compressed::CHILD) {
        return compressed::child(directory.as_ref());
    }
    let arguments = Arguments::from_args();
    let trials = ledger::trials().into_iter().chain(disk::trials());
    let trials = trials.chain(jsonl::trials()).chain(columns::trials());
    let trials = trials.chain(compressed::trials()).chain(archives::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
