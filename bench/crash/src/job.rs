//! One run of the command, undisturbed or with one thing that goes wrong in it.
//!
//! It starts the program as it is built and ends only that. What the program said and how it ended
//! is handed on, never judged.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::column::{Column, List};
use crate::record::Record;

/// The longest that a run may take before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Trouble {
    Nothing,
    /// This signal after this time.
    Signal(i32, Duration),
    /// What the library of faults is told.
    Fault(String),
}

/// The programs and the directories.
#[derive(Clone, Debug)]
pub struct Place {
    pub brigade: PathBuf,
    pub faults: PathBuf,
    /// All below it is the disk; beside it lie the list and the journal.
    pub root: PathBuf,
    pub list: PathBuf,
    pub journal: PathBuf,
}

impl Place {
    /// Two levels deep, so that the making of directories can be disturbed as well.
    pub fn output(&self) -> PathBuf {
        self.root.join("made").join("out")
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub status: Option<ExitStatus>,
    pub stderr: String,
    /// What the journal says, if there was one.
    pub records: Vec<Record>,
    pub took: Duration,
    /// From the signal to the end.
    pub after_signal: Option<Duration>,
}

impl Run {
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    pub fn signal(&self) -> Option<i32> {
        self.status.and_then(|status| status.signal())
    }

    /// The calls that were made to fail: the path and the kind of call.
    pub fn faults(&self) -> impl Iterator<Item = (&str, &str)> {
        self.records.iter().filter_map(|record| match record {
            Record::Fault { path, call } => Some((path.as_str(), call.as_str())),
            _ => None,
        })
    }
}

/// Runs the command once.
pub fn run(place: &Place, column: &Column, extra: &[&str], trouble: &Trouble) -> Result<Run> {
    let start = Instant::now();
    let mut child = command(place, column, extra, trouble)?.spawn()?;
    let mut signalled = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if let Trouble::Signal(number, after) = trouble
            && signalled.is_none()
            && start.elapsed() >= *after
        {
            send(&child, *number);
            signalled = Some(Instant::now());
        }
        if start.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_micros(300));
    };
    let mut stderr = String::new();
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr)?;
    }
    Ok(Run {
        status,
        stderr,
        records: records(&place.journal)?,
        took: start.elapsed(),
        after_signal: signalled.map(|at| at.elapsed()),
    })
}

fn command(place: &Place, column: &Column, extra: &[&str], trouble: &Trouble) -> Result<Command> {
    let mut command = Command::new(&place.brigade);
    command.args(["fetch", "--progress", "none", "-c", "16", "--per-host", "4", "--retries", "2"]);
    command.args(["--commit-every", "12", "--commit-interval", "20ms", "--backoff", "4ms"]);
    command.args(["--part-max", "60KiB"]).args(column.args).args(extra);
    command.arg("-o").arg(place.output());
    match column.list {
        List::File | List::Csv => command.arg("-i").arg(&place.list).stdin(Stdio::null()),
        List::Stdin => command.args(["-i", "-"]).stdin(File::open(&place.list)?),
    };
    if let Trouble::Fault(plan) = trouble {
        command
            .env("LD_PRELOAD", &place.faults)
            .env("BRIGADE_FAULTS_BELOW", &place.root)
            .env("BRIGADE_FAULTS_JOURNAL", &place.journal)
            .env("BRIGADE_FAULTS_PLAN", plan);
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    Ok(command)
}

fn send(child: &Child, signal: i32) {
    let Ok(id) = libc::pid_t::try_from(child.id()) else {
        return;
    };
    // SAFETY: the child was not waited for yet, so the number is still its own.
    unsafe { libc::kill(id, signal) };
}

/// Reads the journal and takes it away.
fn records(journal: &Path) -> Result<Vec<Record>> {
    let Ok(bytes) = fs::read(journal) else {
        return Ok(Vec::new());
    };
    fs::remove_file(journal)?;
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while let Some(record) = Record::decode(&mut rest) {
        records.push(record);
    }
    if rest.is_empty() { Ok(records) } else { Err("the journal is torn".into()) }
}
