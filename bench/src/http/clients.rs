//! The clients, as data: which scenes each plays, how it is started, and how it says what it did.
//!
//! Clients in Rust are this program again; the others are the programs that people use. A client
//! that loses a request fails the benchmark.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use super::place::Place;
use super::scenes::{STREAMS, Scene};
use crate::Result;
use crate::measure::pinned;
use crate::plan::{Done, Plan};
use crate::venv;

/// One side of the comparison.
#[derive(Debug)]
pub struct Client {
    pub name: &'static str,
    program: Program,
    pub plays: fn(&Scene) -> bool,
    /// How many times fewer requests a run has than one of bare hyper.
    pub slower: usize,
    /// Whether one round is enough, because it is here for scale.
    pub is_slow: bool,
}

#[derive(Clone, Copy, Debug)]
enum Program {
    /// This program again.
    Peer,
    Wrk,
    H2load,
    Curl,
    /// A script beside this crate.
    Python(&'static str),
}

const PEER: Client = Client {
    name: "bare-hyper",
    program: Program::Peer,
    plays: |_| true,
    slower: 1,
    is_slow: false,
};

pub static CLIENTS: [Client; 9] = [
    PEER,
    Client {
        name: "brigade",
        ..PEER
    },
    Client {
        name: "hyper-util",
        plays: |scene| !scene.evicts(),
        ..PEER
    },
    Client {
        name: "reqwest",
        plays: |scene| !scene.evicts(),
        ..PEER
    },
    Client {
        name: "wrk",
        program: Program::Wrk,
        plays: |scene| !scene.protocol.is_h2() && scene.hosts == 1,
        ..PEER
    },
    Client {
        name: "h2load",
        program: Program::H2load,
        plays: |scene| scene.protocol.is_h2(),
        ..PEER
    },
    Client {
        name: "curl -Z",
        program: Program::Curl,
        // A line of configuration for each request is a price of its own, small next to a MiB. Of a
        // connection by prior knowledge curl 7.88 can use but the first stream.
        plays: |scene| scene.body >= 1 << 20 && !scene.protocol.is_h2(),
        ..PEER
    },
    Client {
        name: "aiohttp",
        program: Program::Python("http_aiohttp"),
        plays: |scene| !scene.protocol.is_h2() && !scene.evicts(),
        slower: 10,
        is_slow: true,
    },
    Client {
        name: "httpx",
        program: Program::Python("http_httpx"),
        plays: |scene| scene.hosts == 1 && scene.in_flight <= 64,
        slower: 200,
        is_slow: true,
    },
];

impl Client {
    /// Why it cannot run here, if it cannot.
    pub fn missing(&self, place: &Place) -> Option<String> {
        match self.program {
            Program::Peer => None,
            Program::Wrk => not_installed("wrk"),
            Program::H2load => not_installed("h2load"),
            Program::Curl => not_installed("curl"),
            Program::Python(_) => place.venv.as_ref().err().cloned(),
        }
    }

    /// The command of one run, whose output tells what it did.
    pub fn command(&self, plan: &Plan, place: &Place) -> Result<Command> {
        let mut command = match self.program {
            Program::Peer => {
                let mut command = pinned(0, std::env::current_exe()?);
                command.args(["peer", "requests"]).arg(json(plan)?);
                command
            }
            Program::Wrk => wrk(plan),
            Program::H2load => h2load(plan),
            Program::Curl => curl(plan, place)?,
            Program::Python(script) => {
                let venv = place.venv.as_ref().map_err(String::as_str)?;
                let mut command = pinned(0, &venv.python);
                let script = venv::scripts().join(format!("{script}.py"));
                command.arg(script).arg(json(plan)?);
                command
            }
        };
        command.stdout(Stdio::piped());
        Ok(command)
    }

    /// What it did, from what it printed.
    pub fn done(&self, plan: &Plan, text: &str) -> Result<Done> {
        let lost = || format!("requests were lost: {text}");
        let requests = match self.program {
            Program::Peer | Program::Python(_) => {
                let line = text.lines().last().ok_or("it printed nothing")?;
                let done: Done = serde_json::from_str(line)?;
                if done.requests != plan.requests {
                    return Err(lost().into());
                }
                return Ok(done);
            }
            Program::Wrk if text.contains("Socket errors") || text.contains("Non-2xx") => {
                return Err(lost().into());
            }
            Program::Wrk => number_before(text, "requests in").ok_or_else(lost)?,
            Program::H2load => number_before(text, "succeeded,")
                .filter(|succeeded| *succeeded == plan.requests)
                .ok_or_else(lost)?,
            // With --fail its exit code says so.
            Program::Curl => plan.requests,
        };
        Ok(Done {
            requests,
            ..Done::default()
        })
    }
}

fn json(plan: &Plan) -> Result<String> {
    Ok(serde_json::to_string(plan)?)
}

/// wrk knows only durations: as many seconds as bare hyper needs about.
fn wrk(plan: &Plan) -> Command {
    let mut command = pinned(0, "wrk");
    let seconds = (plan.requests / 100_000).clamp(1, 60);
    command.args(["-t1", &format!("-c{}", plan.in_flight)]);
    command.args([&format!("-d{seconds}s"), "--timeout", "10s"]);
    command.args(&plan.urls);
    command
}

fn h2load(plan: &Plan) -> Command {
    let mut command = pinned(0, "h2load");
    let streams = (plan.in_flight / plan.connections).min(STREAMS);
    let options = [
        ("-n", plan.requests),
        ("-c", plan.connections),
        ("-m", streams),
        // Windows of 2 MiB for a stream and 8 MiB for a connection, as powers of two.
        ("-w", 21),
        ("-W", 23),
    ];
    for (name, value) in options {
        command.args([name, &value.to_string()]);
    }
    command.args(&plan.urls);
    command
}

fn curl(plan: &Plan, place: &Place) -> Result<Command> {
    let path = place.path("curl.cfg");
    let mut config = String::new();
    for url in plan.urls.iter().cycle().take(plan.requests) {
        writeln!(config, "url = \"{url}\"\noutput = \"/dev/null\"")?;
    }
    fs::write(&path, config)?;
    let mut command = pinned(0, "curl");
    command.args(["-q", "--no-progress-meter", "--fail", "--noproxy", "*"]);
    command.args(["-Z", "--parallel-max", &plan.in_flight.to_string()]);
    command.arg("--cacert").arg(&plan.certificate);
    command.arg("-K").arg(path);
    Ok(command)
}

fn not_installed(program: &str) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    // wrk answers a question for its version with an error.
    status.is_err().then(|| "it is not installed".to_owned())
}

/// The number in front of a word: `12 requests in 1.00s`.
fn number_before(text: &str, word: &str) -> Option<usize> {
    let (before, _) = text.split_once(word)?;
    before.split_whitespace().next_back()?.parse().ok()
}
