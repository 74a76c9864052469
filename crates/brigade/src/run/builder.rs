//! The options of the entry point, and the order in which a program ends.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{ExitCode, Termination};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use tokio::runtime::Runtime;

use super::control::Control;
use super::report;
use super::subscribe;
use super::watch::Watch;
use crate::cancel::FailureCause;
use crate::cancel::scope::GRACE;
use crate::group::drive::{Driven, drive};
use crate::group::tree::BoxError;
use crate::{group, living};

/// The name of the program's main future.
pub(super) const MAIN: &str = "main";

const NESTED: &str = "brigade::run was called inside a tokio runtime, and makes its own: \
                      let `main` be a plain function, without #[tokio::main]";

/// How long the runtime may take to stop its own threads.
const SHUTDOWN: Duration = Duration::from_millis(250);

/// Runs a program's main future, with signals, on a new multi-threaded runtime.
///
/// SIGINT or SIGTERM cancels everything inside; cleanup registered with
/// [`defer`](crate::cancel::defer) runs to its end within 10 s. See [`Builder`] for other choices
/// and the [module](mod@crate::run) for what happens in which order.
///
/// The exit code is that of `main`'s value; 1 if it failed, with the errors on stderr; 130 after
/// SIGINT and 143 after SIGTERM. Return it from the program's `main`: a code that is dropped is a
/// failure that ends as 0.
///
/// # Panics
///
/// Continues a panic that nobody caught, once everything has stopped. Also if it is called inside
/// a runtime: it makes its own, so `main` is a plain function, without `#[tokio::main]`.
///
/// # Examples
///
/// ```
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     brigade::run(async {
///         println!("hello");
///         Ok::<_, std::io::Error>(())
///     })
/// }
/// ```
#[must_use = "return the exit code from `main`, or a program that failed ends with 0"]
pub fn run<F, T, E>(main: F) -> ExitCode
where
    F: Future<Output = Result<T, E>>,
    T: Termination,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    Builder::new().run(main)
}

/// Options of the entry point.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let code = brigade::run::Builder::new()
///     .current_thread()
///     .grace(Duration::from_secs(3))
///     .run(async { Ok::<_, std::io::Error>(()) });
/// assert_eq!(code, std::process::ExitCode::SUCCESS);
/// ```
#[derive(Clone, Debug)]
#[must_use = "options do nothing until `run` is called"]
pub struct Builder {
    grace: Duration,
    signals: Vec<i32>,
    dumps: Vec<i32>,
    threads: Threads,
    thread_name: String,
    exit_code: fn(i32) -> u8,
    start_error: fn(io::Error) -> ExitCode,
}

#[derive(Clone, Copy, Debug)]
enum Threads {
    Current,
    Cores,
    Exactly(usize),
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A worker thread for each core, SIGINT and SIGTERM, and a grace period of 10 s.
    pub fn new() -> Self {
        Self {
            grace: GRACE,
            signals: vec![SIGINT, SIGTERM],
            dumps: Vec::new(),
            threads: Threads::Cores,
            thread_name: "brigade-worker".into(),
            exit_code: |signal| 128_u8.wrapping_add(signal as u8),
            start_error: |error| {
                report::print(&format!("error: cannot start the runtime: {error}\n"));
                ExitCode::FAILURE
            },
        }
    }

    /// How long everything may take to end after a signal, and blocking calls after the end of
    /// the program. The process ends at most 1 s later.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The signals that stop the program, instead of SIGINT and SIGTERM.
    pub fn signals(mut self, signals: impl IntoIterator<Item = i32>) -> Self {
        self.signals = signals.into_iter().collect();
        self
    }

    /// A signal at which the program prints the [tree](crate::living::tree) of what it is running
    /// on stderr, and goes on.
    ///
    /// A thread outside the runtime does it, past the lock of stderr, so it works while every
    /// worker is stuck. While one tree is being written, further requests are dropped.
    ///
    /// There is none unless one is asked for, because the signal's default action no longer
    /// happens then: SIGUSR1 (10 on Linux, 30 on macOS) would end the program, and is the
    /// customary choice; SIGQUIT (3, Ctrl-\\ in a terminal) would leave a core dump, which somebody
    /// may count on. A signal that also stops the program does both.
    pub fn dump_on(mut self, signal: i32) -> Self {
        self.dumps.push(signal);
        self
    }

    /// Runs everything on the calling thread.
    pub fn current_thread(mut self) -> Self {
        self.threads = Threads::Current;
        self
    }

    /// The number of worker threads, at least 1.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.threads = Threads::Exactly(count);
        self
    }

    /// The name of the worker threads.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// The exit code after a stop signal, instead of 128 and its number.
    pub fn exit_code(mut self, code: fn(i32) -> u8) -> Self {
        self.exit_code = code;
        self
    }

    /// What happens if the system refuses the threads or descriptors that a program begins with, or
    /// knows no such signal, instead of a line on stderr and exit code 1. Nothing of `main` has run then, and signals
    /// have their default action.
    pub fn start_error(mut self, report: fn(io::Error) -> ExitCode) -> Self {
        self.start_error = report;
        self
    }

    /// Runs `main` to its end; see [`run`].
    ///
    /// # Panics
    ///
    /// As [`run`], and if the number of worker threads is 0, or a signal may not be caught at all:
    /// SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV.
    #[must_use = "return the exit code from `main`, or a program that failed ends with 0"]
    pub fn run<F, T, E>(self, main: F) -> ExitCode
    where
        F: Future<Output = Result<T, E>>,
        T: Termination,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        match self.start() {
            Ok((watch, runtime)) => self.run_on(watch, runtime, main),
            Err(error) => (self.start_error)(error),
        }
    }

    fn start(&self) -> io::Result<(Watch, Runtime)> {
        let watch = Watch::start(self.grace, &self.signals, &self.dumps, self.exit_code)?;
        let mut builder = match self.threads {
            Threads::Current => tokio::runtime::Builder::new_current_thread(),
            Threads::Cores | Threads::Exactly(_) => tokio::runtime::Builder::new_multi_thread(),
        };
        if let Threads::Exactly(count) = self.threads {
            builder.worker_threads(count);
        }
        let runtime = builder
            .enable_all()
            .thread_name(&self.thread_name)
            .build()?;
        Ok((watch, runtime))
    }

    fn run_on<F, T, E>(&self, watch: Watch, runtime: Runtime, main: F) -> ExitCode
    where
        F: Future<Output = Result<T, E>>,
        T: Termination,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let control = &watch.control;
        subscribe::activate(control);
        // Each layer around a future keeps it twice, and all of them lie on the stack of `main`.
        let main = Box::pin(main);
        let begun = Cell::new(false);
        let program = async {
            begun.set(true);
            let options = group::Builder::new().name(MAIN).grace(self.grace);
            let root = options.open(usize::MAX, false);
            control.begin(root.clone());
            let main = async { main.await.map_err(|error| -> BoxError { error.into() }) };
            drive(root, main, None).await
        };
        let driven = match catch_unwind(AssertUnwindSafe(|| runtime.block_on(program))) {
            Ok(driven) => driven,
            Err(payload) if begun.get() => resume_unwind(payload),
            // All that can go wrong before is that this thread already drives a runtime, in which
            // another one may not be waited for either.
            Err(_) => {
                runtime.shutdown_background();
                drop(watch);
                panic!("{NESTED}");
            }
        };
        self.wait_for_blocking_calls(control);
        runtime.shutdown_timeout(SHUTDOWN);
        control.wait_for_announcement();
        conclude(driven, watch)
    }

    /// Blocking calls cannot be stopped; the program ends without those that take too long.
    fn wait_for_blocking_calls(&self, control: &Control) {
        let idle = living::wait_until_idle(self.grace, || control.is_aborted());
        if !idle && !control.is_aborted() {
            let why = format!("the program ended {:?} ago", self.grace);
            report::print(&report::left_behind(&why, &living::tree()));
        }
    }
}

fn conclude<T: Termination>(mut driven: Driven<T>, watch: Watch) -> ExitCode {
    let is_panic = |cause: &FailureCause| matches!(cause, FailureCause::Panic(_));
    let panicked = driven.failures.iter().position(|f| is_panic(&f.cause));
    let panicked = panicked.map(|first| driven.failures.remove(first));
    let failed = !driven.failures.is_empty();
    if failed {
        report::print(&report::failed(driven.failures));
    }
    let signal_code = watch.control.signal_code();
    drop(watch);
    if let Some(FailureCause::Panic(panic)) = panicked.map(|failure| failure.cause) {
        panic.resume();
    }
    match (signal_code, driven.value) {
        (Some(code), _) => ExitCode::from(code),
        (None, Some(value)) if !failed => value.report(),
        _ => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[should_panic(expected = "without #[tokio::main]")]
    async fn inside_a_runtime_it_says_what_to_leave_out() {
        let _ = run(async { Ok::<_, io::Error>(()) });
    }

    #[test]
    #[should_panic(expected = "forbidden signal")]
    fn r1c_a_signal_that_may_not_be_caught_is_refused_loudly() {
        let _ = Builder::new()
            .dump_on(9)
            .run(async { Ok::<_, io::Error>(()) });
    }
}
