//! Running cargo, so that every chore says what it runs and how it failed.
//!
//! It never hides the output of what it runs.

use std::path::Path;
use std::process::Command;

/// Why a chore failed, in one line.
pub(crate) struct Failed(pub(crate) String);

/// Runs cargo in the repository's root.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Result<(), Failed> {
    cargo_with(root, args, &[])
}

/// Runs cargo with additional environment variables.
pub(crate) fn cargo_with(root: &Path, args: &[&str], vars: &[(&str, &str)]) -> Result<(), Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root)
        .args(args)
        .envs(vars.iter().copied())
        .status()
        .map_err(|error| Failed(format!("cargo does not start: {error}")))?;
    if status.success() {
        return Ok(());
    }
    Err(Failed(format!(
        "`cargo {}` failed ({status})",
        args.join(" ")
    )))
}
