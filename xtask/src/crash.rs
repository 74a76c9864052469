//! The proof that a job survives anything: builds the command and what disturbs it, and runs the trials.
//!
//! They are a workspace of their own (`bench/`), because the library that makes a disk fail must not
//! be compiled into anything. This file knows nothing of how the proof goes.

use std::path::Path;
use std::process::Command;

use crate::run::{Failed, cargo, cargo_with};

/// Runs the proof with these options; `--rounds small` is the part of it that CI runs as tests.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<(), Failed> {
    let (manifest, target) = (root.join("bench/Cargo.toml"), root.join("target/crash"));
    let (manifest, directory) = (manifest.to_string_lossy(), target.to_string_lossy());
    let place = ["--manifest-path", &manifest, "--target-dir", &directory];
    cargo(root, &["build", "--package", "brigade-cli"])?;
    let library = ["build", "--package", "brigade-faults"];
    cargo(root, &[&library[..], &place].concat())?;
    let brigade = root.join("target/debug/brigade");
    let faults = target.join("debug/libbrigade_faults.so");
    if args == ["--rounds", "small"] {
        let test = ["test", "--package", "brigade-crash"];
        let (brigade, faults) = (brigade.to_string_lossy(), faults.to_string_lossy());
        let programs = [("CRASH_BRIGADE", &*brigade), ("CRASH_FAULTS", &faults)];
        return cargo_with(root, &[&test[..], &place].concat(), &programs);
    }
    let proof = ["build", "--package", "brigade-crash"];
    cargo(root, &[&proof[..], &place].concat())?;
    let mut command = Command::new(target.join("debug/brigade-crash"));
    command
        .arg("--brigade")
        .arg(brigade)
        .arg("--faults")
        .arg(faults)
        .args(args);
    let ended = command
        .status()
        .map_err(|error| Failed(format!("it does not start: {error}")))?;
    match ended.success() {
        true => Ok(()),
        false => Err(Failed(
            "a job did not survive, or the proof could not be made".to_owned(),
        )),
    }
}
