//! The peers that are programs of the system: installed if they are missing and if that may be.
//!
//! What cannot be installed is a row that says why, never the end of a benchmark.

use std::process::{Command, Stdio};

/// The longest that an installation may take, in seconds.
const LIMIT: &str = "300";

/// Makes sure that `program` is here; otherwise why it is not.
pub fn ensure(program: &str, package: &str) -> Result<(), String> {
    if is_here(program) {
        return Ok(());
    }
    println!("installing {package}");
    let mut command = Command::new("timeout");
    command.args([LIMIT, "apt-get", "install", "--yes", "--quiet"]);
    command.args(["--no-install-recommends", package]);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let done = command.status();
    if is_here(program) {
        return Ok(());
    }
    let why = done.map_or_else(|error| error.to_string(), |status| status.to_string());
    Err(format!("not here; apt-get install {package}: {why}"))
}

/// The first line of what it says of itself.
pub fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let words = text.split_whitespace();
    let version = words.take_while(|word| *word != "multithreaded" && !word.starts_with('('));
    version.take(4).collect::<Vec<_>>().join(" ")
}

fn is_here(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
