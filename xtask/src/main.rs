//! The chores of this repository, each one command: `cargo xtask check | test | shuttle | laws | examples | docs |
//! bench | crash | ci`.
//!
//! CI and people run the same commands, so that what passes on a desk passes there. This program
//! never changes a file of the repository, except that `bench` adds a dated result.

mod crash;
mod crates;
mod dropping;
mod laws;
mod links;
mod run;
mod shuttle;
mod structure;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use run::{Failed, cargo};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check       format, lints, crate direction, file rules, dependency rules, laws against tests
  test        every test of the workspace, the doctests too
  shuttle     the tests of interleavings, under many schedules [--iterations N] [--seed N]
              [--replay SCHEDULE] [FILTER]
  laws        each law clause and the tests that bear its name
  examples    every numbered example, run to its end
  docs        the documentation, with broken links as errors
  bench NAME  measures against peers: fetch, http, lines or patterns [--rounds N] [--count N], and of http
              also single scenes [--scene NAME]...; providers builds each of TLS's cold; or puts jobs to
              the proof: hosts (many that misbehave, beside peers) [--hosts N] [--count URLS], list
              [--count LINES], soak [--minutes N] [--hosts N] [--every SECONDS], tree ROOT (every file
              equal)
  crash       jobs killed, stopped, without power and without a disk that works, in every form, held
              against undisturbed ones [--rounds N|small] [--seed N] [--form NAME]... [--kind NAME]...
  ci          all of the above but bench, in the order in which they fail fastest";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let root = root();
    let done = match command.as_str() {
        "check" => check(&root),
        "test" => test(&root),
        "shuttle" => shuttle::run(&root, &rest),
        "laws" => laws::print(&root),
        "examples" => examples(&root),
        "docs" => docs(&root),
        "bench" => bench(&root, &rest),
        "crash" => crash::run(&root, &rest),
        "ci" => ci(&root),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(what)) => {
            eprintln!("xtask {command}: {what}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

fn check(root: &Path) -> Result<(), Failed> {
    cargo(root, &["fmt", "--all", "--check"])?;
    structure::check(root)?;
    crates::check(root)?;
    laws::check(root)?;
    dropping::check(root)?;
    links::check(root)?;
    deny(root)?;
    cargo(
        root,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )
}

/// Licences, duplicate versions and sources, where cargo-deny is installed; advisories need the
/// network and are asked for by hand.
fn deny(root: &Path) -> Result<(), Failed> {
    if cargo(root, &["deny", "--version"]).is_err() {
        println!("cargo-deny is not installed: deny.toml is not checked");
        return Ok(());
    }
    let check = [
        "deny",
        "--log-level",
        "error",
        "check",
        "bans",
        "licenses",
        "sources",
    ];
    cargo(root, &check)
}

fn test(root: &Path) -> Result<(), Failed> {
    cargo(root, &["test", "--workspace"])
}

fn examples(root: &Path) -> Result<(), Failed> {
    cargo(
        root,
        &["build", "--package", "brigade-examples", "--examples"],
    )?;
    for name in crates::examples(root)? {
        println!("--- example {name}");
        cargo(
            root,
            &[
                "run",
                "--quiet",
                "--package",
                "brigade-examples",
                "--example",
                &name,
            ],
        )?;
    }
    Ok(())
}

fn docs(root: &Path) -> Result<(), Failed> {
    run::cargo_with(
        root,
        &[
            "doc",
            "--workspace",
            // The command's documentation is its help, and its name is that of the library.
            "--exclude",
            "brigade-cli",
            "--all-features",
            "--no-deps",
        ],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
}

fn bench(root: &Path, args: &[String]) -> Result<(), Failed> {
    let manifest = root.join("bench/Cargo.toml");
    let target = root.join("target/bench");
    let manifest = manifest.to_string_lossy();
    let target = target.to_string_lossy();
    if args.first().is_some_and(|name| {
        ["fetch", "hosts", "lines", "list", "soak", "tree"].contains(&name.as_str())
    }) {
        cargo(root, &["build", "--release", "--package", "brigade-cli"])?;
    }
    let mut call = vec![
        "run",
        "--release",
        "--manifest-path",
        &manifest,
        "--target-dir",
        &target,
        "--",
    ];
    call.extend(args.iter().map(String::as_str));
    cargo(root, &call)
}

fn ci(root: &Path) -> Result<(), Failed> {
    check(root)?;
    docs(root)?;
    test(root)?;
    shuttle::run(root, &[])?;
    crash::run(root, &["--rounds".to_owned(), "small".to_owned()])?;
    examples(root)
}
