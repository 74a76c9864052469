//! A whole fetch job next to what people use for it: 64 in flight, 4 to 16 KiB bodies from nginx.
//!
//! Every run's output is counted; a side that loses one URL fails the benchmark. Memory is measured
//! on small bodies at two list sizes, so that what grows with the list shows.

use std::fs;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::corpus::{self, Bodies};
use crate::measure::{pinned, run as measure};
use crate::nginx::Nginx;
use crate::report::{Report, Side};
use crate::{Options, Result};

const FILES: usize = 20_000;
const SIDES: [&str; 6] = [
    "curl -Z",
    "brigade fetch",
    "job as a library, ledger on",
    "job as a library, ledger off",
    "reqwest loop",
    "bare hyper, SIMD escaper",
];

pub fn run(options: Options) -> Result<()> {
    let mut report = Report::default();
    for (bodies, name, goal) in [
        (Bodies::Words, "words", 0.45),
        (Bodies::Json, "quote-dense JSON", 0.80),
    ] {
        let place = Place::new(bodies, FILES, options.count)?;
        let mut sides: Vec<Side> = SIDES.iter().map(|name| Side::new(name)).collect();
        for _ in 0..options.rounds {
            for side in &mut sides {
                side.runs.push(measure(place.command(&side.name)?)?);
                place.count(&side.name, options.count)?;
            }
        }
        report.table(&format!("{} URLs, bodies of {name}", options.count), &sides);
        report.goal(
            &format!("fetch to JSONL of {name}, CPU per URL, brigade / curl -Z,"),
            &sides[1],
            &sides[0],
            goal,
        );
        report.goal(
            &format!("ledger on / off ({name})"),
            &sides[2],
            &sides[3],
            1.10,
        );
    }
    memory(&mut report, options.count)?;
    report.keep("fetch")
}

/// Peak memory of brigade at a tenth of the count and at ten times the count, on small bodies.
fn memory(report: &mut Report, count: usize) -> Result<()> {
    let mut sides = Vec::new();
    for urls in [count / 10, count, count * 10] {
        let place = Place::new(Bodies::Small, 1000, urls)?;
        let mut side = Side::new(&format!("brigade fetch, {urls} URLs"));
        side.runs.push(measure(place.command("brigade fetch")?)?);
        place.count("brigade fetch", urls)?;
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
        for (index, url) in corpus::urls(&place._nginx.base(), files, urls).enumerate() {
            writeln!(list, "{url}")?;
            writeln!(
                config,
                "url = \"{url}\"\noutput = \"{}/{index}\"",
                place.path("out").display()
            )?;
        }
        list.flush()?;
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
            "curl -Z" => {
                let mut command = pinned(0, "curl");
                command
                    .args(["-Z", "--parallel-max", "64", "--silent", "--fail", "-K"])
                    .arg(self.path("curl.cfg"));
                // curl 7 shows its progress meter with -Z even when it is told to be silent.
                command.stderr(std::process::Stdio::null());
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
            job if job.starts_with("job") => {
                let mut command = pinned(0, std::env::current_exe()?);
                let ledger = if job.ends_with("on") { "on" } else { "off" };
                command.args(["peer", "job"]).arg(list).arg(out).arg(ledger);
                command
            }
            _ => {
                let mut command = pinned(0, brigade());
                command.args([
                    "fetch",
                    "-c",
                    "64",
                    "--per-host",
                    "64",
                    "--progress",
                    "none",
                    "-i",
                ]);
                command.arg(list).arg("-o").arg(out);
                command
            }
        })
    }

    /// Fails unless the output holds exactly one result for each URL.
    fn count(&self, side: &str, expected: usize) -> Result<()> {
        let entries = fs::read_dir(self.path("out"))?.collect::<std::io::Result<Vec<_>>>()?;
        let parts = entries
            .iter()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("part-"));
        let mut lines = 0;
        let mut any = false;
        for part in parts {
            any = true;
            lines += lines_of(&part.path())?;
        }
        let found = if any { lines } else { entries.len() };
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

/// The release build beside the benchmark's own target directory.
pub fn brigade() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/brigade")
}
