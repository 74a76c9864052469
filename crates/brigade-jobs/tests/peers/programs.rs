//! The programs that read what a job writes: where they are, and what they say.
//!
//! Those in Python lie in the environment that `.ci/python` makes from a list of pinned versions;
//! one that was made from another list counts as missing, and none that lies elsewhere is taken.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

/// A program, and how to get it.
pub(crate) type Program = (&'static str, &'static str);

pub(crate) const SQLITE: Program = ("sqlite3", "install the package sqlite3");
pub(crate) const JQ: Program = ("jq", "install the package jq");
pub(crate) const GZIP: Program = ("gzip", "install the package gzip");
pub(crate) const ZSTD: Program = ("zstd", "install the package zstd");
pub(crate) const NGINX: Program = ("nginx", "install the package nginx");
pub(crate) const PYTHON: Program = ("python", "run .ci/python");

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python");
const LIST: &str = include_str!("../../../../.ci/requirements.txt");

/// A trial that is ignored where a program is missing, and fails there with `CI=true`.
pub(crate) fn trial(
    name: &str,
    programs: &[Program],
    check: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let missing = programs.iter().find(|(name, _)| find(name).is_none());
    let Some((program, remedy)) = missing else {
        return Trial::test(name, check);
    };
    let complaint = format!("{program} is missing: {remedy}");
    let required = env::var_os("CI").is_some_and(|value| value == "true");
    Trial::test(name, || Err(complaint.into()))
        .with_kind(*remedy)
        .with_ignored_flag(!required)
}

fn find(program: &str) -> Option<PathBuf> {
    if program == PYTHON.0 {
        let folder = Path::new(FOLDER);
        let made_from = fs::read_to_string(folder.join("requirements.txt")).ok()?;
        return (made_from == LIST).then(|| folder.join("bin/python"));
    }
    let path = env::var_os("PATH")?;
    let places = env::split_paths(&path).map(|place| place.join(program));
    places.into_iter().find(|file| file.is_file())
}

/// The interpreter of the environment, told to run a script that lies here.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(Path::new(FOLDER).join("bin/python"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    // An error of the interpreter's own would otherwise be told in the language of the system.
    command.env("PYTHONUTF8", "1").arg(here.join(script));
    command
}

/// A program that lies in the environment beside the interpreter.
pub(crate) fn tool(name: &str) -> Command {
    let mut command = Command::new(Path::new(FOLDER).join("bin").join(name));
    command.env("PYTHONUTF8", "1");
    command
}

/// What a program prints; an error with what it complains of, if it complains or fails.
pub(crate) fn said(command: &mut Command) -> Result<String, Failed> {
    let output = command.stdin(Stdio::null()).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && complaint.is_empty() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{command:?}: {}\n{complaint}", output.status).into())
}

/// Whether a program can be run, and is content.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
