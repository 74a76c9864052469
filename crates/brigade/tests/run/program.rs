//! A victim as a child process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// No wait in these tests is longer than this.
const BOUND: Duration = Duration::from_secs(20);

pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when stderr is at its end.
    errors_end: Receiver<()>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) output: Vec<String>,
    pub(crate) errors: String,
    /// Since the wait for the end began.
    pub(crate) took: Duration,
}

#[expect(
    clippy::disallowed_methods,
    reason = "real processes live in real time"
)]
fn now() -> Instant {
    Instant::now()
}

fn command(victim: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["victim", victim]);
    command
}

impl Program {
    pub(crate) fn start(victim: &str) -> Self {
        Self::of(&mut command(victim), true)
    }

    /// Starts a program that may have so many files open.
    pub(crate) fn start_with_files(victim: &str, most: u32) -> Self {
        // What a make or a shell around the tests may have handed on would count.
        let ours = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-";
        let limited = format!("{ours}; ulimit -n {most}; exec \"$0\" \"$@\"");
        let command = command(victim);
        let mut shell = Command::new("sh");
        shell.args(["-c", &limited]).arg(command.get_program());
        Self::of(shell.args(command.get_args()), true)
    }

    /// Starts a program whose stderr is read only once it has ended.
    pub(crate) fn start_with_blocked_stderr(victim: &str) -> Self {
        Self::of(&mut command(victim), false)
    }

    fn of(command: &mut Command, read_errors: bool) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (line, lines) = sync_channel(1000);
        in_thread(move || {
            for text in stdout.lines().map_while(Result::ok) {
                let _ = line.send(text);
            }
        });
        let (end, errors_end) = sync_channel(1);
        let errors = Arc::new(Mutex::new(Vec::new()));
        let written = errors.clone();
        in_thread(move || {
            if !read_errors {
                // Long enough for every deadline of these tests to pass.
                std::thread::sleep(Duration::from_secs(5));
            }
            let mut some = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut some) {
                let mut all = written.lock().unwrap();
                all.extend_from_slice(&some[..count]);
            }
            drop(end);
        });
        Self {
            child,
            lines,
            errors,
            errors_end,
        }
    }

    fn errors(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }

    /// Waits until this stands on stderr.
    pub(crate) fn expect_error(&self, text: &str) -> &Self {
        let start = now();
        while !self.errors().contains(text) {
            assert!(
                start.elapsed() < BOUND,
                "{text} is not in {}",
                self.errors()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        self
    }

    /// Waits for a line of output.
    pub(crate) fn expect(&self, expected: &str) -> &Self {
        let line = self.lines.recv_timeout(BOUND);
        assert_eq!(line.as_deref(), Ok(expected));
        self
    }

    pub(crate) fn signal(&self, name: &str) -> &Self {
        let kill = format!("kill -s {name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success());
        self
    }

    pub(crate) fn end(mut self) -> End {
        let start = now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < BOUND, "the program does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        End {
            status,
            took: start.elapsed(),
            errors: {
                let ended = self.errors_end.recv_timeout(BOUND);
                assert_eq!(ended, Err(RecvTimeoutError::Disconnected));
                self.errors()
            },
            output: self.lines.iter().collect(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_thread(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().spawn(work).unwrap();
}
