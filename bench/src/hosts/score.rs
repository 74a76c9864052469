//! The server of hosts as seen from outside: it is started, asked for its score and ended here.
//!
//! It runs in a process of its own, so that its memory and its CPU seconds are nobody else's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::measure::pinned;

/// Which hosts there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Hosts of every manner.
    Faults { hosts: usize },
    /// The same with tiny bodies.
    Tiny { hosts: usize },
    /// Plain hosts with tiny bodies, of which the first asks for patience for so many seconds.
    Blocked { hosts: usize, seconds: u64 },
}

impl Scene {
    pub fn hosts(self) -> usize {
        match self {
            Self::Faults { hosts } | Self::Tiny { hosts } | Self::Blocked { hosts, .. } => hosts,
        }
    }

    /// The words that start a server of it.
    fn words(self) -> Vec<String> {
        match self {
            Self::Faults { hosts } => vec!["faults".to_owned(), hosts.to_string()],
            Self::Tiny { hosts } => vec!["tiny".to_owned(), hosts.to_string()],
            Self::Blocked { hosts, seconds } => {
                vec!["blocked".to_owned(), hosts.to_string(), seconds.to_string()]
            }
        }
    }

    pub fn of_words(words: &[&str]) -> Result<Self> {
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        let hosts = number(1).ok_or("a server of hosts needs their number")? as usize;
        match (words[0], number(2)) {
            ("faults", None) => Ok(Self::Faults { hosts }),
            ("tiny", None) => Ok(Self::Tiny { hosts }),
            ("blocked", Some(seconds)) => Ok(Self::Blocked { hosts, seconds }),
            _ => Err(format!("no such scene: {words:?}").into()),
        }
    }
}

/// What the server has counted in one run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Score {
    pub requests: u64,
    pub connections: u64,
    /// Requests that were answered with 429 or 503.
    pub refused: u64,
    /// Requests to a host that had asked for patience, within that time.
    pub impatient: u64,
    /// The most requests at one time to one host.
    pub most: u64,
    /// Microseconds from 1970 to the first request; 0 before it.
    pub first_at_micros: u64,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub port: u16,
}

impl Server {
    /// Starts it on the second processor.
    pub fn start(scene: Scene) -> Result<Self> {
        let mut command = pinned(1, std::env::current_exe()?);
        command.args(["peer", "hosts"]).args(scene.words());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the server has no output")?;
        let mut server = Self {
            child,
            input,
            output: BufReader::new(output),
            port: 0,
        };
        server.port = server.read()?.trim().parse()?;
        Ok(server)
    }

    /// Starts a run: all hosts are as new, and so is the score. Returns that of the run before.
    pub fn begin(&mut self) -> Result<Score> {
        Ok(serde_json::from_str(&self.say("begin")?)?)
    }

    pub fn score(&mut self) -> Result<Score> {
        Ok(serde_json::from_str(&self.say("score")?)?)
    }

    fn say(&mut self, word: &str) -> Result<String> {
        let input = self.input.as_mut().ok_or("the server has no input")?;
        writeln!(input, "{word}")?;
        self.read()
    }

    fn read(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("the server of hosts has ended; are there descriptors enough?".into());
        }
        Ok(line)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It ends when its input does.
        self.input = None;
        let _ = self.child.wait();
    }
}
