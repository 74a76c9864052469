//! The `brigade` command: arguments as typed, a plan as meant, a run, a report, an exit code.
//!
//! | file | what it holds |
//! |---|---|
//! | `flags` | every flag and its help, as typed |
//! | `value` | what flags take: rates, sizes, durations |
//! | `exit` | the exit codes |
//! | `message`, `stdout` | what is said on stderr, and written to stdout |
//! | `plan` | what the flags mean together |
//! | `descriptors` | how many files may be open |
//! | `screen`, `shell` | text that fits one, and words that a shell reads back |
//! | `fetch`, `report` | a job from its opening to what is said at its end |
//! | `status`, `failures` | what the ledger of a job says |
//! | `manual` | pages for `man` |
//! | `lines` | a stream on stdout, one a line |
//! | `progress` | a running job on a terminal, in a log, or as JSON |
//! | `demo` | a site to try it on |
//!
//! There are no algorithms here: a decision that needs a test of its own belongs to a crate below.

mod demo;
mod descriptors;
mod exit;
mod failures;
mod fetch;
mod flags;
mod lines;
mod manual;
mod message;
mod plan;
mod progress;
mod report;
mod screen;
mod shell;
mod status;
mod stdout;
mod value;

use brigade::cancel;
use clap::{CommandFactory, Parser};
use exit::End;
use flags::{Action, CommandLine};
use lines::LinesPlan;
use plan::FetchPlan;
use std::convert::Infallible;
use std::future::Future;
use std::io::ErrorKind;
use std::process::{ExitCode, Termination};
use std::time::Duration;
use stdout::Stdout;

/// How long a job may take to commit after a signal.
const JOB_GRACE: Duration = Duration::from_secs(10);
/// How long the reader of a stream may take for what has come when a signal ends it.
const LINES_GRACE: Duration = Duration::from_secs(2);

/// The signal of a write beyond the limit on the size of files, on Linux and the BSDs.
const SIGXFSZ: i32 = 25;

fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) if error.use_stderr() => {
            let command = std::env::args_os()
                .nth(1)
                .and_then(|word| word.into_string().ok());
            let command = command.filter(|word| is_command(word));
            message::say(message::of_usage(&error, command.as_deref()));
            return End::Unusable.report();
        }
        Err(help) => {
            // Asked for, and with nowhere to go: only a reader who left does not miss it.
            return match help.print() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    said(anyhow::Error::from(error).context("cannot write to the standard output"))
                        .report()
                }
                _ => End::Done.report(),
            };
        }
    };
    match line.action {
        Action::Fetch(flags) => match FetchPlan::new(*flags, screen::is_there()) {
            Ok(mut plan) => {
                let limit = descriptors::raise();
                in_runtime(async move {
                    plan.config.concurrency = descriptors::fit(plan.config.concurrency, limit);
                    fetch::run(plan).await
                })
            }
            Err(error) => said(error).report(),
        },
        Action::Lines(flags) => match LinesPlan::new(*flags) {
            Ok(plan) => in_runtime_for(LINES_GRACE, lines::run(plan)),
            Err(error) => said(error).report(),
        },
        Action::Demo(flags) => in_runtime(demo::run(flags)),
        Action::Status(flags) => status::run(&flags).unwrap_or_else(said).report(),
        Action::Failures(flags) => failures::run(flags).unwrap_or_else(said).report(),
        Action::Man { command } => manual::run(command.as_deref()).report(),
        Action::Completions { shell } => completions(shell).report(),
    }
}

fn in_runtime(command: impl Future<Output = anyhow::Result<End>>) -> ExitCode {
    in_runtime_for(JOB_GRACE, command)
}

/// Runs a command to its end, with signals. One thread does it all: what takes time is elsewhere.
fn in_runtime_for(grace: Duration, command: impl Future<Output = anyhow::Result<End>>) -> ExitCode {
    let runtime = brigade::run::Builder::new().current_thread().grace(grace);
    let runtime = runtime.start_error(|error| {
        let error = anyhow::Error::from(error);
        said(error.context("cannot start the runtime (see ulimit -a)")).report()
    });
    let command = Box::pin(command);
    runtime.run(async {
        // A write beyond `ulimit -f` then fails like one to a full disk, and kills nobody.
        let _beyond = brigade::run::subscribe(SIGXFSZ);
        // A command hears of a signal and ends by itself, so it is never dropped half-way.
        let end = cancel::shield(command).await.unwrap_or_else(said);
        Ok::<_, Infallible>(end)
    })
}

fn said(error: anyhow::Error) -> End {
    message::say(format_args!("{error:#}"));
    End::Unusable
}

fn is_command(word: &str) -> bool {
    CommandLine::command().find_subcommand(word).is_some()
}

fn completions(shell: clap_complete::Shell) -> End {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "brigade", &mut script);
    match Stdout::default().write(&String::from_utf8_lossy(&script)) {
        true => End::Done,
        false => End::Unusable,
    }
}
