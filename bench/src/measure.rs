//! Runs a command to its end and reads what the kernel says it used.
//!
//! CPU seconds of the whole process are what the tables compare: they are sound on a noisy machine,
//! where wall time is not.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4;

use crate::Result;

/// What one run of one side cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub cpu: f64,
    pub wall: f64,
    pub rss_mib: f64,
}

/// Runs the command on the given processor, fails unless it exits with 0.
pub fn run(mut command: Command) -> Result<Cost> {
    command.stdout(Stdio::null());
    Ok(run_reading(command)?.0)
}

/// The same, with what the command printed if its output is a pipe.
pub fn run_reading(mut command: Command) -> Result<(Cost, String)> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::null());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    let mut text = String::new();
    if let Some(output) = &mut child.stdout {
        output.read_to_string(&mut text)?;
    }
    let used = child.wait4()?;
    let wall = start.elapsed().as_secs_f64();
    if !used.status.success() {
        let short: String = shown.chars().take(200).collect();
        return Err(format!("{short}: {}", used.status).into());
    }
    let cpu = used.rusage.utime.as_secs_f64() + used.rusage.stime.as_secs_f64();
    let cost = Cost {
        cpu,
        wall,
        rss_mib: used.rusage.maxrss as f64 / (1024.0 * 1024.0),
    };
    Ok((cost, text))
}

/// A command pinned to one processor, so that client and server do not share one.
pub fn pinned(processor: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program);
    command
}

/// The middle value; of an even number of values the lower middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}
