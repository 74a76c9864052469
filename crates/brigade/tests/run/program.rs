//! A victim as a child process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// No wait in these tests is longer than this.
const BOUND: Duration = Duration::from_secs(20);

pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
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

impl Program {
    pub(crate) fn start(victim: &str) -> Self {
        Self::start_with(victim, true)
    }

    /// Starts a program whose stderr is read only once it has ended.
    pub(crate) fn start_with_blocked_stderr(victim: &str) -> Self {
        Self::start_with(victim, false)
    }

    fn start_with(victim: &str, read_errors: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["victim", victim])
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
        let (text, errors) = sync_channel(1);
        in_thread(move || {
            if !read_errors {
                // Long enough for every deadline of these tests to pass.
                std::thread::sleep(Duration::from_secs(5));
            }
            let mut all = Vec::new();
            let _ = stderr.read_to_end(&mut all);
            let _ = text.send(String::from_utf8_lossy(&all).into_owned());
        });
        Self {
            child,
            lines,
            errors,
        }
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
            errors: self.errors.recv_timeout(BOUND).unwrap(),
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
