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

/// What it calls itself, up to the number of its version.
pub fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    named(&String::from_utf8_lossy(&text)).unwrap_or_else(|| program.to_owned())
}

fn named(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().take(6).collect();
    let is_number = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
    let at = words.iter().position(is_number)?;
    Some(words[..=at].join(" "))
}

fn is_here(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_with_the_version() {
        for (text, name) in [
            ("curl 7.88.1 (x86_64-pc-linux-gnu)", "curl 7.88.1"),
            ("GNU Wget2 1.99.1 - multithreaded", "GNU Wget2 1.99.1"),
            ("aria2 version 1.36.0\nCopyright", "aria2 version 1.36.0"),
        ] {
            assert_eq!(named(text).as_deref(), Some(name));
        }
        assert_eq!(named("no number"), None);
    }
}
