//! Runs a command to its end or to a limit, with an eye on what the system says of it meanwhile.
//!
//! A peer may hang for ever or fail; both are results here and not errors. It ends only what it
//! started.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::Result;
use crate::measure::Cost;

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(20);

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
    /// It was ended at the limit.
    Limit,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Limit => f.write_str("ended at the limit"),
        }
    }
}

/// What the system says of a process at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    pub resident_mib: f64,
    pub peak_mib: f64,
    pub threads: u64,
    pub descriptors: u64,
}

impl Look {
    /// None once the process is gone or has ended.
    pub fn at(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        Some(Self {
            resident_mib: value("VmRSS:")? / 1024.0,
            peak_mib: value("VmHWM:")? / 1024.0,
            threads: value("Threads:")? as u64,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count() as u64,
        })
    }
}

/// Runs the command; `each` is told what is seen of it, about fifty times a second. The peak of its
/// memory is by these looks: what `wait4` tells begins at the size of the parent.
pub fn run(
    mut command: Command,
    limit: Duration,
    each: impl FnMut(Look) -> Result<()>,
) -> Result<(Cost, End)> {
    command.stdin(Stdio::null());
    let child = command.spawn();
    let child = child.map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    until_end(child, limit, each)
}

/// The same with a child that has just been started.
pub fn until_end(
    mut child: Child,
    limit: Duration,
    mut each: impl FnMut(Look) -> Result<()>,
) -> Result<(Cost, End)> {
    let start = Instant::now();
    let mut peak = 0.0_f64;
    let mut ended = false;
    while !has_ended(&child) {
        if start.elapsed() > limit {
            child.kill()?;
            ended = true;
            break;
        }
        if let Some(look) = Look::at(child.id()) {
            peak = peak.max(look.peak_mib);
            each(look)?;
        }
        std::thread::sleep(EVERY);
    }
    let wall = start.elapsed().as_secs_f64();
    let used = child.wait4()?;
    let cost = Cost {
        cpu: used.rusage.utime.as_secs_f64() + used.rusage.stime.as_secs_f64(),
        wall,
        rss_mib: peak,
    };
    Ok((cost, end(used.status, ended)))
}

fn end(status: ExitStatus, ended: bool) -> End {
    match status.code() {
        _ if ended => End::Limit,
        Some(code) => End::Code(code),
        None => End::Signal(status.signal().unwrap_or_default()),
    }
}

/// Whether it waits for its parent to read how it ended.
fn has_ended(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next());
    state.is_none_or(|state| state == 'Z')
}
