//! Benchmarks of brigade against its peers: both sides in one run, in turn, medians of CPU seconds.
//!
//! `cargo xtask bench fetch | http | patterns [--rounds N] [--count N]`. A benchmark prints a table, and for
//! each goal of the project a line `goal: WHAT RATIOx (<= GOALx) ok|short`; it never fails because a
//! number is short, only because a side did not do its work.

mod callgrind;
mod corpus;
mod crash;
mod fetch;
mod http;
mod measure;
mod nginx;
mod patterns;
mod peers;
mod python;
mod rates;
mod report;
mod verify;

use std::path::Path;
use std::process::ExitCode;

/// What one of the benchmarks is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How often each side runs; the median counts.
    pub rounds: usize,
    /// URLs, requests or operations a run.
    pub count: usize,
}

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["peer", name, rest @ ..] => peers::run(name, rest),
        ["fetch", rest @ ..] => options(rest, 3, 100_000).and_then(fetch::run),
        ["http", rest @ ..] => options(rest, 5, 200_000).and_then(http::run),
        ["crash", rest @ ..] => options(rest, 20, 100_000).and_then(crash::crash),
        ["tree", root] => crash::tree(Path::new(root), 30_000),
        ["patterns", rest @ ..] => options(rest, 5, 1_000_000).and_then(patterns::run),
        _ => {
            eprintln!(
                "usage: bench fetch|http|patterns|crash [--rounds N] [--count N], or bench tree ROOT"
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
