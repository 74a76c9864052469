//! Who reads the lines, as data: a peer of this program, a command of the shell, or a script.

use std::process::{Command, Stdio};

use super::place::{Place, Served};
use crate::Result;
use crate::fetch::brigade;
use crate::measure::{Cost, pinned, run_reading};
use crate::venv::scripts;

const GIB: f64 = (1 << 30) as f64;

/// What a file holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) bytes: usize,
    pub(super) lines: usize,
    pub(super) non_blank: usize,
}

#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    how: How,
    /// What it has to print in the end.
    counts: What,
    /// It reads a part, and once.
    pub(super) is_slow: bool,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// This program, called as this peer.
    Peer(&'static str),
    /// The shell, with the URL as `$1` and the command as `$2`.
    Shell(&'static str),
    /// A script in the virtual environment.
    Python(&'static str),
}

#[derive(Clone, Copy, Debug)]
enum What {
    NonBlank,
    Lines,
    Bytes,
    Nothing,
}

pub(super) const SIDES: [Kind; 18] = [
    peer("bare hyper + memchr", "memchr"),
    Kind {
        counts: What::Bytes,
        ..peer("bare hyper, nothing counted", "discard")
    },
    peer("brigade lines(), batches of text", "brigade-batches"),
    peer("brigade lines(), batches of bytes", "brigade-bytes"),
    peer("brigade lines(), next()", "brigade-next"),
    peer("reqwest bytes_stream + memchr", "reqwest-memchr"),
    peer("reqwest read_until", "reqwest-read-until"),
    peer("reqwest lines()", "reqwest-lines"),
    peer("reqwest LinesCodec", "reqwest-codec"),
    peer("brigade ndjson(), typed", "brigade-ndjson"),
    peer("reqwest read_until + serde_json, typed", "reqwest-ndjson"),
    shell(
        "curl > /dev/null",
        "curl -s \"$1\" > /dev/null",
        What::Nothing,
    ),
    shell(
        "brigade lines > /dev/null",
        "\"$2\" lines \"$1\" > /dev/null",
        What::Nothing,
    ),
    shell(
        "curl, piped to wc -l",
        "curl -s \"$1\" | wc -l",
        What::Lines,
    ),
    shell(
        "brigade lines, piped to wc -l",
        "\"$2\" lines \"$1\" | wc -l",
        What::Lines,
    ),
    shell(
        "curl, piped to LC_ALL=C grep -c .",
        "curl -s \"$1\" | LC_ALL=C grep -c .",
        What::NonBlank,
    ),
    python("httpx aiter_lines", "lines_httpx.py"),
    python("aiohttp async for line", "lines_aiohttp.py"),
];

const fn peer(name: &'static str, peer: &'static str) -> Kind {
    Kind {
        name,
        how: How::Peer(peer),
        counts: What::NonBlank,
        is_slow: false,
    }
}

const fn shell(name: &'static str, script: &'static str, counts: What) -> Kind {
    Kind {
        name,
        how: How::Shell(script),
        counts,
        is_slow: false,
    }
}

const fn python(name: &'static str, script: &'static str) -> Kind {
    Kind {
        name,
        how: How::Python(script),
        counts: What::NonBlank,
        is_slow: true,
    }
}

impl Kind {
    /// Why it cannot be measured here.
    pub(super) fn missing(&self, place: &Place) -> Option<String> {
        match (self.how, &place.venv) {
            (How::Python(_), Err(why)) => Some(why.clone()),
            _ => None,
        }
    }

    /// Runs it once, checks what it counted, and scales what it cost to a GiB.
    pub(super) fn measure(&self, place: &Place) -> Result<Cost> {
        let served = if self.is_slow {
            &place.part
        } else {
            &place.whole
        };
        let mut command = self.command(served, place)?;
        command.stdout(Stdio::piped());
        let (cost, printed) = run_reading(command)?;
        let counts = &served.counts;
        let expected = match self.counts {
            What::NonBlank => counts.non_blank.to_string(),
            What::Lines => counts.lines.to_string(),
            What::Bytes => counts.bytes.to_string(),
            What::Nothing => String::new(),
        };
        if printed.trim() != expected {
            return Err(format!("it counted {printed:?} instead of {expected}").into());
        }
        let scale = GIB / counts.bytes as f64;
        Ok(Cost {
            cpu: cost.cpu * scale,
            wall: cost.wall * scale,
            ..cost
        })
    }

    fn command(&self, served: &Served, place: &Place) -> Result<Command> {
        Ok(match self.how {
            How::Peer(peer) => {
                let mut command = pinned(0, std::env::current_exe()?);
                command.args(["peer", "lines", peer, &served.url]);
                command
            }
            How::Shell(script) => {
                let mut command = pinned(0, "sh");
                command
                    .args(["-c", script, "sh", &served.url])
                    .arg(brigade());
                command
            }
            How::Python(script) => {
                let venv = place.venv.as_ref().map_err(String::as_str)?;
                let mut command = pinned(0, &venv.python);
                command.arg(scripts().join(script)).arg(&served.url);
                command
            }
        })
    }
}
