//! The whole proof: all forms times all kinds, on twice as many threads as there are processors.
//!
//! Each form has a site and a directory of its own, so they do not disturb each other.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use fastrand::Rng;

use crate::Result;
use crate::column::{COLUMNS, Column};
use crate::kind::Kind;
use crate::output::has_shell;
use crate::trial::{Programs, Stand, Tally};

/// Said where what is left cannot be looked at in whole.
const UNCHECKED: &str = "sqlite3 is missing, so no ledger is checked: install the package sqlite3";
/// Disturbances of each form by each kind.
const ROUNDS: u64 = 200;
const USAGE: &str = "usage: crash --brigade FILE --faults FILE [--rounds N] [--seed N] [--form NAME]... \
     [--kind NAME]...";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Options {
    programs: Programs,
    rounds: u64,
    seed: u64,
    columns: Vec<Column>,
    kinds: Vec<Kind>,
}

/// A row of the table.
struct Row {
    column: Column,
    kind: Kind,
    tally: Tally,
}

impl Options {
    pub fn parse(words: &[String]) -> Result<Self> {
        let programs = Programs {
            brigade: PathBuf::new(),
            faults: PathBuf::new(),
        };
        let mut options = Self {
            programs,
            rounds: ROUNDS,
            seed: 1,
            columns: Vec::new(),
            kinds: Vec::new(),
        };
        for pair in words.chunks(2) {
            let [name, value] = pair else {
                return Err(USAGE.into());
            };
            match name.as_str() {
                "--brigade" => options.programs.brigade = PathBuf::from(value).canonicalize()?,
                "--faults" => options.programs.faults = PathBuf::from(value).canonicalize()?,
                "--rounds" => options.rounds = value.parse()?,
                "--seed" => options.seed = value.parse()?,
                "--form" => {
                    let found = COLUMNS.iter().find(|column| column.name == value);
                    options
                        .columns
                        .push(*found.ok_or_else(|| format!("no form {value}"))?);
                }
                "--kind" => {
                    let found = Kind::ALL.into_iter().find(|kind| kind.name() == value);
                    options
                        .kinds
                        .push(found.ok_or_else(|| format!("no kind {value}"))?);
                }
                _ => return Err(USAGE.into()),
            }
        }
        if options.columns.is_empty() {
            options.columns = COLUMNS.to_vec();
        }
        if options.kinds.is_empty() {
            options.kinds = Kind::ALL.to_vec();
        }
        Ok(options)
    }
}

/// Whether nothing was wrong.
pub fn run(options: &Options) -> Result<bool> {
    let start = Instant::now();
    let is_checked = has_shell();
    if !is_checked && std::env::var_os("CI").is_some_and(|value| value == "true") {
        return Err(UNCHECKED.into());
    }
    let folder = tempfile::Builder::new()
        .prefix("brigade-crash-")
        .tempdir_in(place())?;
    let path = folder.path().canonicalize()?;
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> Result<()> {
        while let Some(column) = options.columns.get(next.fetch_add(1, Ordering::Relaxed)) {
            let stand = Stand::new(*column, &options.programs, &path)?;
            println!("{}", stand.account());
            for kind in &options.kinds {
                let tally = trials(&stand, *kind, options)?;
                let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
                rows.push(Row {
                    column: *column,
                    kind: *kind,
                    tally,
                });
            }
        }
        Ok(())
    };
    // Runs wait a good deal of their time.
    let threads = 2 * std::thread::available_parallelism()?.get();
    let threads = threads.min(options.columns.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| match worker.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|row| {
        let place = COLUMNS
            .iter()
            .position(|column| column.name == row.column.name);
        (place, row.kind as u8)
    });
    print(&rows, options, start);
    if !is_checked {
        println!("{UNCHECKED}");
    }
    let clean = rows.iter().all(|row| row.tally.is_clean());
    if !clean {
        println!("what is wrong is left in {}", folder.keep().display());
    }
    Ok(clean)
}

/// In memory where there is such a place: a power cut is played, so no disk has to be waited for.
fn place() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    }
}

fn trials(stand: &Stand, kind: Kind, options: &Options) -> Result<Tally> {
    let mut sum = Tally::default();
    // A trial in which nothing comes about is rare; that all are like that would be a defect.
    while sum.disturbances < options.rounds && sum.trials < 20 + 2 * options.rounds {
        let number = sum.trials;
        let seed = options.seed ^ (kind as u64) << 56 ^ number << 24;
        let tally = stand.trial(kind, number, Rng::with_seed(seed).u64(..))?;
        sum.trials += tally.trials;
        sum.disturbances += tally.disturbances;
        sum.difference.add(tally.difference);
        sum.exits += tally.exits;
        sum.absorbed += tally.absorbed;
        sum.extra += tally.extra;
    }
    if sum.disturbances < options.rounds {
        sum.exits += 1;
        println!("{}: not disturbed often enough", kind.name());
    }
    Ok(sum)
}

fn print(rows: &[Row], options: &Options, start: Instant) {
    println!(
        "\n{:<14}{:<8}{:>7}{:>8}{:>9}{:>9}{:>6}{:>11}{:>11}{:>10}{:>11}",
        "form",
        "kind",
        "jobs",
        "hits",
        "missing",
        "doubled",
        "torn",
        "different",
        "wrong exit",
        "absorbed",
        "extra/job"
    );
    let mut hits = 0;
    for Row {
        column,
        kind,
        tally,
    } in rows
    {
        let difference = tally.difference;
        hits += tally.disturbances;
        println!(
            "{:<14}{:<8}{:>7}{:>8}{:>9}{:>9}{:>6}{:>11}{:>11}{:>10}{:>11.1}",
            column.name,
            kind.name(),
            tally.trials,
            tally.disturbances,
            difference.missing,
            difference.doubled,
            difference.torn,
            difference.different,
            tally.exits,
            tally.absorbed,
            tally.extra as f64 / tally.trials.max(1) as f64
        );
    }
    let took = start.elapsed().as_secs();
    println!("{hits} disturbances with seed {} in {took} s", options.seed);
}
