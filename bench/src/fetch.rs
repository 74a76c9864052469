//! A whole fetch job next to what people use for it: 64 in flight, 4 to 16 KiB bodies from nginx.
//!
//! Every run's output is counted; a side that loses one URL fails the benchmark. Memory is measured
//! on small bodies at three list sizes, so that what grows with the list shows. What is here for
//! scale alone runs once, and is a row that says so if it cannot be had.

use std::fs;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::corpus::{self, Bodies};
use crate::measure::{Cost, pinned, run as measure};
use crate::nginx::Nginx;
use crate::report::{Report, Side};
use crate::venv::{Venv, scripts};
use crate::{Options, Result, parts, tools};

const FILES: usize = 20_000;
const CURL: &str = "curl -Z";
const BRIGADE: &str = "brigade fetch";
const VALUES: &str = "brigade fetch --json";
const LEDGER: &str = "job as a library, ledger on";
const NO_LEDGER: &str = "job as a library, ledger off";
const SIDES: [&str; 6] = [
    CURL,
    BRIGADE,
    LEDGER,
    NO_LEDGER,
    "reqwest loop",
    "bare hyper, SIMD escaper",
];
/// Here for scale, each with the share of the list that it is given.
const OTHERS: [(&str, usize); 5] = [
    (CURL, 1),
    ("wget2", 1),
    ("aria2", 1),
    ("aiohttp", 10),
    ("httpx", 10),
];

pub fn run(options: Options) -> Result<()> {
    let mut report = Report::default();
    let words = sides(&mut report, Bodies::Words, options)?;
    let words_of = |name: &str| side(&words, name);
    report.goal(
        "fetch to JSONL of words, CPU per URL, brigade / curl -Z,",
        words_of(BRIGADE)?,
        words_of(CURL)?,
        0.45,
    );
    let json = sides(&mut report, Bodies::Json, options)?;
    let json_of = |name: &str| side(&json, name);
    for (name, how, goal) in [(BRIGADE, "strings", 0.80), (VALUES, "JSON values", 0.45)] {
        report.goal(
            &format!(
                "fetch to JSONL of quote-dense JSON as {how}, CPU per URL, brigade / curl -Z,"
            ),
            json_of(name)?,
            json_of(CURL)?,
            goal,
        );
    }
    for (sides, bodies) in [(&words, "words"), (&json, "quote-dense JSON")] {
        let what = format!("ledger on / off ({bodies})");
        report.goal(&what, side(sides, LEDGER)?, side(sides, NO_LEDGER)?, 1.10);
    }
    let peaks = words_of(BRIGADE)?.runs.iter().map(|run| run.rss_mib);
    let peak = peaks.fold(0.0, f64::max);
    let what = format!("peak memory at {} URLs, bodies of words", options.count);
    report.goal_value(&what, peak, " MiB", 16.0);
    others(&mut report, options.count)?;
    memory(&mut report, options.count)?;
    report.keep("fetch")
}

/// All sides in turn, round by round.
fn sides(report: &mut Report, bodies: Bodies, options: Options) -> Result<Vec<Side>> {
    let place = Place::new(bodies, FILES, options.count)?;
    let mut sides: Vec<Side> = SIDES.iter().map(|name| Side::new(name)).collect();
    if bodies == Bodies::Json {
        sides.insert(2, Side::new(VALUES));
    }
    for _ in 0..options.rounds {
        for side in &mut sides {
            side.runs.push(measure(place.command(&side.name)?)?);
            place.count(&side.name, options.count)?;
        }
    }
    let of = match bodies {
        Bodies::Json => "quote-dense JSON",
        _ => "words",
    };
    report.table(&format!("{} URLs, bodies of {of}", options.count), &sides);
    Ok(sides)
}

fn side<'a>(sides: &'a [Side], name: &str) -> Result<&'a Side> {
    let found = sides.iter().find(|side| side.name == name);
    found.ok_or_else(|| format!("{name} did not run").into())
}

/// One run each of what else is used, on bodies of words.
fn others(report: &mut Report, count: usize) -> Result<()> {
    report.line(
        "\n### For scale: what else is used for such a list, one run each, bodies of words\n",
    );
    report.line("| side | URLs | CPU ms for 1,000 | x first | wall ms for 1,000 | peak MiB |");
    report.line("|---|---|---|---|---|---|");
    let mut first = f64::NAN;
    for (name, share) in OTHERS {
        let urls = (count / share).max(1);
        match other(name, urls) {
            Ok(cost) => {
                let for_thousand = |seconds: f64| seconds / urls as f64 * 1e6;
                let cpu = for_thousand(cost.cpu);
                first = if first.is_nan() { cpu } else { first };
                report.line(format!(
                    "| {name} | {urls} | {cpu:.1} | {:.2} | {:.1} | {:.1} |",
                    cpu / first,
                    for_thousand(cost.wall),
                    cost.rss_mib
                ));
            }
            Err(error) => report.line(format!("| {name} | {urls} | {error} |")),
        }
    }
    Ok(())
}

fn other(name: &str, urls: usize) -> Result<Cost> {
    match name {
        "wget2" => tools::ensure("wget2", "wget2")?,
        "aria2" => tools::ensure("aria2c", "aria2")?,
        _ => (),
    }
    let place = Place::new(Bodies::Words, FILES, urls)?;
    let cost = measure(place.command(name)?)?;
    place.count(name, urls)?;
    Ok(cost)
}

/// Peak memory of brigade at a tenth of the count and at ten times the count, on small bodies.
fn memory(report: &mut Report, count: usize) -> Result<()> {
    let mut sides = Vec::new();
    for urls in [count / 10, count, count * 10] {
        let place = Place::new(Bodies::Small, 1000, urls)?;
        let mut side = Side::new(&format!("brigade fetch, {urls} URLs"));
        side.runs.push(measure(place.command(BRIGADE)?)?);
        place.count(BRIGADE, urls)?;
        sides.push(side);
    }
    report.table("Peak memory, bodies of 100 bytes", &sides);
    let peaks: Vec<f64> = sides.iter().map(|side| side.runs[0].rss_mib).collect();
    report.goal_value(
        &format!("peak memory at {count} URLs"),
        peaks[1],
        " MiB",
        16.0,
    );
    report.goal_value(
        &format!("peak memory at {} URLs", count * 10),
        peaks[2],
        " MiB",
        24.0,
    );
    Ok(())
}

/// Where a benchmark runs: the server, the list and the output, in memory if the machine has such a place.
struct Place {
    folder: tempfile::TempDir,
    _nginx: Nginx,
}

impl Place {
    fn new(bodies: Bodies, files: usize, urls: usize) -> Result<Self> {
        let parent = if Path::new("/dev/shm").is_dir() {
            PathBuf::from("/dev/shm")
        } else {
            std::env::temp_dir()
        };
        let folder = tempfile::tempdir_in(parent)?;
        corpus::write(&folder.path().join("root"), bodies, files)?;
        // nginx drops its privileges, so the way to the files must be open to everybody.
        fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        let nginx = Nginx::start(folder.path(), &folder.path().join("root"))?;
        let place = Self {
            folder,
            _nginx: nginx,
        };
        let mut list = BufWriter::new(fs::File::create(place.path("list"))?);
        let mut config = BufWriter::new(fs::File::create(place.path("curl.cfg"))?);
        let mut aria2 = BufWriter::new(fs::File::create(place.path("aria2.list"))?);
        for (index, url) in corpus::urls(&place._nginx.base(), files, urls).enumerate() {
            writeln!(list, "{url}")?;
            writeln!(
                config,
                "url = \"{url}\"\noutput = \"{}/{index}\"",
                place.path("out").display()
            )?;
            writeln!(aria2, "{url}\n out={index}")?;
        }
        list.flush()?;
        aria2.flush()?;
        config.flush()?;
        Ok(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command of a side, with an empty place for its output.
    fn command(&self, side: &str) -> Result<Command> {
        let out = self.path("out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir(&out)?;
        let list = self.path("list");
        Ok(match side {
            CURL => {
                let mut command = pinned(0, "curl");
                command
                    .args(["-Z", "--parallel-max", "64", "--silent", "--fail", "-K"])
                    .arg(self.path("curl.cfg"));
                // curl 7 shows its progress meter with -Z even when it is told to be silent.
                command.stderr(Stdio::null());
                command
            }
            "reqwest loop" => {
                let mut command = pinned(0, std::env::current_exe()?);
                command.args(["peer", "reqwest-files"]).arg(list).arg(out);
                command
            }
            "bare hyper, SIMD escaper" => {
                let mut command = pinned(0, std::env::current_exe()?);
                command
                    .args(["peer", "bare-hyper-jsonl"])
                    .arg(list)
                    .arg(out.join("part-00000.jsonl"));
                command
            }
            "wget2" => {
                let mut command = pinned(0, "wget2");
                command.args(["--quiet", "--max-threads=64", "--robots=off"]);
                command.args(["--no-directories", "--directory-prefix"]);
                command.arg(out).arg("--input-file").arg(list);
                command
            }
            "aria2" => {
                let mut command = pinned(0, "aria2c");
                command.args(["--quiet", "--max-concurrent-downloads=64", "--split=1"]);
                command.args(["--file-allocation=none", "--deferred-input=true", "--dir"]);
                command.arg(out).arg("--input-file");
                command.arg(self.path("aria2.list"));
                command
            }
            "aiohttp" | "httpx" => {
                let mut command = pinned(0, Venv::make()?.python);
                command.arg(scripts().join("fetch_list.py")).arg(side);
                command.arg(list).arg(out.join("part-00000.jsonl"));
                command
            }
            job if job.starts_with("job") => {
                let mut command = pinned(0, std::env::current_exe()?);
                let ledger = if job.ends_with("on") { "on" } else { "off" };
                command.args(["peer", "job"]).arg(list).arg(out).arg(ledger);
                command
            }
            _ => {
                let mut command = pinned(0, brigade());
                command.args(AT_64);
                command.args((side == VALUES).then_some("--json"));
                command.arg("-i").arg(list).arg("-o").arg(out);
                command
            }
        })
    }

    /// Fails unless the output holds exactly one result for each URL.
    fn count(&self, side: &str, expected: usize) -> Result<()> {
        let out = self.path("out");
        let parts = parts::of(&out)?;
        let found = match parts.is_empty() {
            true => fs::read_dir(out)?.count(),
            false => parts.iter().map(|part| lines_of(part)).sum::<Result<_>>()?,
        };
        if found == expected {
            Ok(())
        } else {
            Err(format!("{side}: {found} results for {expected} URLs").into())
        }
    }
}

/// Counts in small pieces: what this process holds when it starts the next side is counted as that
/// side's peak memory, because a process keeps the peak that it had before its program was loaded.
fn lines_of(path: &Path) -> Result<usize> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
    }
}

/// The job that all of its comparisons are about.
pub const AT_64: [&str; 7] = [
    "fetch",
    "-c",
    "64",
    "--per-host",
    "64",
    "--progress",
    "none",
];

/// The release build beside the benchmark's own target directory.
pub fn brigade() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/brigade")
}
