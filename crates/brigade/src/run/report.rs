//! What the end of a program prints on stderr.
//!
//! It writes to the file descriptor and not through `std::io::stderr`, whose lock a stuck task may
//! hold, and where the hard deadline depends on it, from a thread that nobody has to wait for.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::escalation::Because;
use crate::cancel::Failure;
use crate::group::ErrorGroup;
use crate::group::tree::BoxError;
use crate::living::{self, Kind, State, Tree};

/// Names what still lives from a thread of its own; returns when the list is made, at the latest
/// after a moment. What comes back is disconnected or ready when the list has been printed.
pub(super) fn announce(because: Because) -> Option<Receiver<()>> {
    let (listed, is_listed) = sync_channel(1);
    let (printed, is_printed) = sync_channel(1);
    let thread = std::thread::Builder::new().name("brigade-report".into());
    let spawned = thread.spawn(move || {
        let living = living::tree();
        let _ = listed.send(());
        if holds_up(&living) {
            let why = match because {
                Because::GraceOver(grace) => format!("the grace period of {grace:?} is over"),
                Because::AskedAgain => "asked to stop for the second time".into(),
            };
            print(&left_behind(&why, &living));
        }
        let _ = printed.send(());
    });
    spawned.ok()?;
    let _ = is_listed.recv_timeout(Duration::from_millis(100));
    Some(is_printed)
}

/// Whether something lives that can hold up the end of a program.
fn holds_up(living: &Tree) -> bool {
    living.iter().any(|one| match one.kind {
        // A group that is ending waits for what is named with it.
        Kind::Body => one.depth == 0 && one.state != State::Ending,
        Kind::Task | Kind::Blocking => true,
    })
}

/// The whole tree, since where a task is and what became of it tells why it has not ended.
pub(super) fn left_behind(why: &str, living: &Tree) -> String {
    format!("brigade: {why}; leaving behind what still runs:\n{living}\n")
}

/// The tree of what failed; empty if nothing did.
pub(super) fn failed(failures: Vec<Failure>) -> String {
    let Some(group) = ErrorGroup::<BoxError>::new(failures, None) else {
        return String::new();
    };
    let first = group.first();
    match group.len() {
        // The program's own error needs no name.
        1 if first.task() == super::builder::MAIN => format!("error: {:#}\n", first.cause()),
        1 => format!("error: {first:#}\n"),
        _ => format!("error: {group:#}\n"),
    }
}

/// Writes to stderr. If that fails there is nowhere left to say so.
pub(super) fn print(text: &str) {
    if let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() {
        let _ = File::from(stderr).write_all(text.as_bytes());
    }
}
