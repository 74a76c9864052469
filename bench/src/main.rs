//! Benchmarks of brigade against its peers: both sides in one run, in turn, medians of CPU seconds.
//!
//! `cargo xtask bench fetch | http | lines | patterns [--rounds N] [--count N]`; of `http` also single
//! scenes, by `--scene NAME`, as often as one likes. `hosts`, `list` and `soak` put whole jobs to the
//! proof: among hosts that misbehave, with ten million lines, for half an hour. A benchmark prints a
//! table, and for each goal of the project a line `goal: WHAT RATIOx (<= GOALx) ok|short`; it never
//! fails because a cost is short of its goal, only because a side did not do its work. A proof has
//! lines like that as well, and fails if one is short: if a line is lost or doubled, a host asked
//! within its `Retry-After`, or, in the soak, if something grows.

mod callgrind;
mod certificate;
mod corpus;
mod fetch;
mod hosts;
mod http;
mod lines;
mod list;
mod loopback;
mod measure;
mod nginx;
mod parts;
mod patterns;
mod peers;
mod plan;
mod providers;
mod python;
mod rates;
mod report;
mod soak;
mod tools;
mod tree;
mod venv;
mod verify;
mod watch;

use std::path::Path;
use std::process::ExitCode;

/// What one of the benchmarks is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often each side runs; the median counts.
    pub rounds: usize,
    /// URLs, requests, operations or MiB a run.
    pub count: usize,
}

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["peer", name, rest @ ..] => peers::run(name, rest),
        ["fetch", rest @ ..] => options(rest, 3, 100_000).and_then(fetch::run),
        ["hosts", rest @ ..] => {
            numbers(rest, ["--hosts", "--count"], [1000, 10_000]).and_then(hosts::run)
        }
        ["http", rest @ ..] => http(rest),
        ["list", rest @ ..] => numbers(rest, ["--count"], [10_000_000]).and_then(list::run),
        ["soak", rest @ ..] => {
            let names = ["--minutes", "--hosts", "--every"];
            numbers(rest, names, [30, 200, 10]).and_then(soak::run)
        }
        ["lines", rest @ ..] => options(rest, 5, 1024).and_then(lines::run),
        ["providers"] => providers::measure(),
        ["tree", root] => tree::fetch(Path::new(root), 30_000),
        ["patterns", rest @ ..] => options(rest, 5, 1_000_000).and_then(patterns::run),
        _ => {
            eprintln!(
                "usage: bench fetch|http|lines|patterns [--rounds N] [--count N], bench http [--scene NAME], or \
                 bench hosts [--hosts N] [--count N], bench list [--count N], bench soak [--minutes N] [--hosts N] \
                 [--every SECONDS], or bench providers, or bench tree ROOT"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Of this benchmark single scenes can be run.
fn http(words: &[&str]) -> Result<()> {
    let (scenes, rest): (Vec<_>, Vec<_>) = words.chunks(2).partition(|pair| pair[0] == "--scene");
    let names: Option<Vec<&str>> = scenes.iter().map(|pair| pair.get(1).copied()).collect();
    let names = names.ok_or("--scene needs a name")?;
    http::run(options(&rest.concat(), 5, 100_000)?, &names)
}

/// The values of options that are whole numbers, each with its default.
fn numbers<const N: usize>(
    words: &[&str],
    names: [&str; N],
    mut values: [usize; N],
) -> Result<[usize; N]> {
    for pair in words.chunks(2) {
        let at = names.iter().position(|name| *name == pair[0]);
        let at = at.ok_or_else(|| format!("unknown option {}", pair[0]))?;
        let value = pair.get(1).and_then(|word| word.parse().ok());
        let value = value.filter(|value| *value > 0);
        values[at] = value.ok_or_else(|| format!("{} needs a number", pair[0]))?;
    }
    Ok(values)
}

fn options(words: &[&str], rounds: usize, count: usize) -> Result<Options> {
    let mut options = Options { rounds, count };
    for pair in words.chunks(2) {
        match pair {
            ["--rounds", number] => options.rounds = number.parse()?,
            ["--count", number] => options.count = number.parse()?,
            _ => return Err(format!("unknown option {}", pair[0]).into()),
        }
    }
    Ok(options)
}
