//! The `brigade` command: arguments as typed, a plan as meant, a run, a report, an exit code.
//!
//! | file | what it holds |
//! |---|---|
//! | `flags` | every flag and its help, as typed |
//! | `value` | what flags take: rates, sizes, durations |
//! | `exit` | the exit codes |
//! | `message`, `stdout` | what is said on stderr, and written to stdout |
//! | `plan` | what the flags mean together |
//! | `fetch`, `report` | a job from its opening to what is said at its end |
//! | `progress` | a running job on a terminal, in a log, or as JSON |
//! | `demo` | a site to try it on |
//!
//! There are no algorithms here: a decision that needs a test of its own belongs to a crate below.

mod demo;
mod exit;
mod fetch;
mod flags;
mod message;
mod plan;
mod progress;
mod report;
mod stdout;
mod value;

use brigade::cancel;
use clap::{CommandFactory, Parser};
use exit::End;
use flags::{Action, CommandLine};
use plan::FetchPlan;
use std::convert::Infallible;
use std::future::Future;
use std::io::{ErrorKind, IsTerminal};
use std::process::{ExitCode, Termination};
use stdout::Stdout;

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
                Err(error) if error.kind() != ErrorKind::BrokenPipe => said(error.into()).report(),
                _ => End::Done.report(),
            };
        }
    };
    match line.action {
        Action::Fetch(flags) => {
            let terminal = std::io::stderr().is_terminal();
            match FetchPlan::new(*flags, terminal) {
                Ok(plan) => in_runtime(fetch::run(plan)),
                Err(error) => said(error).report(),
            }
        }
        Action::Demo(flags) => in_runtime(demo::run(flags)),
        Action::Completions { shell } => completions(shell).report(),
    }
}

/// Runs a command to its end, with signals. One thread does it all: what takes time is elsewhere.
fn in_runtime(command: impl Future<Output = anyhow::Result<End>>) -> ExitCode {
    brigade::run::Builder::new().current_thread().run(async {
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
