//! Instructions of one operation, counted by valgrind.
//!
//! A count does not drift with the machine's other work, so it is what a small change is judged
//! by; it knows nothing of caches and of what an atomic costs. Two runs of different length are
//! subtracted, so that the start of the process drops out.

use std::process::{Command, Stdio};

use crate::Result;

/// Whether valgrind is here.
pub fn is_installed() -> bool {
    let mut command = Command::new("valgrind");
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Instructions per operation of a peer that takes the number of operations as its last argument.
pub fn per_operation(args: &[&str], few: usize) -> Result<f64> {
    let many = 3 * few;
    let more = count(args, many)?.saturating_sub(count(args, few)?);
    Ok(more as f64 / (many - few) as f64)
}

fn count(args: &[&str], operations: usize) -> Result<u64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe()?).args(args);
    let output = command.arg(operations.to_string()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind: {}: {text}", output.status).into());
    }
    let line = text.lines().find(|line| line.contains("Collected"));
    let number = line.and_then(|line| line.split_whitespace().next_back());
    let number = number.ok_or_else(|| format!("valgrind counted nothing: {text}"))?;
    Ok(number.parse()?)
}
