//! What the end of a program prints on stderr.
//!
//! It writes to the file descriptor and not through `std::io::stderr`, whose lock a stuck task may
//! hold, and where the hard deadline depends on it, from a thread that nobody has to wait for.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use super::escalation::Because;
use crate::cancel::{Failure, FailureCause};
use crate::living::{self, Kind, Living, State};

/// The error that a program's main future ends with.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Names what still lives from a thread of its own; returns when the list is made, at the latest
/// after a moment. What comes back is disconnected or ready when the list has been printed.
pub(super) fn announce(because: Because) -> Option<Receiver<()>> {
    let (listed, is_listed) = sync_channel(1);
    let (printed, is_printed) = sync_channel(1);
    let thread = std::thread::Builder::new().name("brigade-report".into());
    let spawned = thread.spawn(move || {
        let living = named();
        let _ = listed.send(());
        if !living.is_empty() {
            let why = match because {
                Because::GraceOver(grace) => format!("the grace period of {grace:?} is over"),
                Because::AskedAgain => "asked again to stop".into(),
            };
            print(&still_running(&why, &living));
        }
        let _ = printed.send(());
    });
    spawned.ok()?;
    let _ = is_listed.recv_timeout(Duration::from_millis(100));
    Some(is_printed)
}

/// Everything that can hold up the end of a program.
pub(super) fn named() -> Vec<Living> {
    let mut living = living::list();
    // A body that runs inside a task is named by the task.
    living.retain(|one| match one.kind {
        Kind::Body => one.depth == 0 && one.state != State::Ending,
        Kind::Task | Kind::Blocking => true,
    });
    living
}

pub(super) fn still_running(why: &str, living: &[Living]) -> String {
    let mut text = format!("brigade: {why}, and this still runs:\n");
    for one in living {
        let _ = writeln!(text, "  {one}");
    }
    text
}

/// The tree of what failed.
pub(super) fn failed(failures: &[Failure]) -> String {
    let mut text = String::new();
    match failures {
        [only] if only.task == super::builder::MAIN => {
            let _ = writeln!(text, "error: {}", cause(only));
        }
        [only] => {
            let _ = writeln!(text, "error: {}: {}", name(only), cause(only));
        }
        many => {
            let _ = writeln!(text, "error: {} failures", many.len());
            for one in many {
                let lines = cause(one).replace('\n', "\n  ");
                let _ = writeln!(text, "- {}: {lines}", name(one));
            }
        }
    }
    text
}

fn name(failure: &Failure) -> std::borrow::Cow<'static, str> {
    living::readable(failure.task.clone())
}

fn cause(failure: &Failure) -> String {
    let error = match &failure.cause {
        FailureCause::Deadline(after) => return format!("not finished after {after:?}"),
        FailureCause::Panic(panic) => return panic.to_string(),
        FailureCause::Error(error) => error,
    };
    let Some(error) = (**error).as_any().downcast_ref::<BoxError>() else {
        return format!("{error:#}");
    };
    let mut next: Option<&dyn Error> = Some(&**error);
    let mut text = String::new();
    while let Some(error) = next {
        next = error.source();
        if !text.is_empty() {
            text.push_str("\n  caused by: ");
        }
        // The long form of an error that names its sources itself would repeat them.
        let _ = match next {
            Some(_) => write!(text, "{error}"),
            None => write!(text, "{error:#}"),
        };
    }
    text
}

/// Writes to stderr. If that fails there is nowhere left to say so.
pub(super) fn print(text: &str) {
    if let Ok(stderr) = std::io::stderr().as_fd().try_clone_to_owned() {
        let _ = File::from(stderr).write_all(text.as_bytes());
    }
}
