//! One long list, ten million lines by default: the memory, the start and the size of what is kept.
//!
//! `bench list [--count N]`: eight hosts with tiny bodies, of which one asks for patience for about
//! as long as the others need, so that its lines are spilled and every commit has a hole. The output
//! is on disk, is read back, must have every line once, and is deleted. It fails if a line is not there
//! exactly once, or if the host is asked within its `Retry-After`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::hosts::manner::Page;
use crate::hosts::score::{Scene, Server};
use crate::measure::pinned;
use crate::report::Report;
use crate::watch::{self, End, Look};
use crate::{Result, parts};

const HOSTS: usize = 8;
/// The first host is blocked for as long as this many lines a second would take.
const PACE: usize = 30_000;
/// What a line needs on disk: itself, its record and its share of the ledger, with some to spare.
const ROOM: u64 = 600;
/// The longest run, in milliseconds for a line and a minute beside.
const LIMIT: u64 = 2;

pub fn run([count]: [usize; 1]) -> Result<()> {
    let folder = tempfile::tempdir_in(on_disk()?)?;
    let room = room(folder.path())?;
    if room < count as u64 * ROOM {
        return Err(format!(
            "{count} lines need {} bytes of disk, {room} are free",
            count as u64 * ROOM
        )
        .into());
    }
    let seconds = (count / PACE).max(5) as u64;
    let mut server = Server::start(Scene::Blocked {
        hosts: HOSTS,
        seconds,
    })?;
    let list = folder.path().join("list");
    write_list(&list, count, server.port)?;
    let out = folder.path().join("out");
    server.begin()?;
    let started = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as u64;
    let mut seen = Seen::new(&out);
    let limit = Duration::from_millis(count as u64 * LIMIT) + Duration::from_mins(1);
    let (cost, end) = watch::run(command(&list, &out), limit, |look| {
        seen.look(look);
        Ok(())
    })?;
    if end != End::Code(0) {
        return Err(format!("brigade fetch ended with {end}").into());
    }
    let score = server.score()?;
    let mut report = Report::default();
    report.line(format!(
        "\n### {count} lines, {HOSTS} hosts, tiny bodies; one host asks for {seconds} s of patience\n"
    ));
    let start = score.first_at_micros.saturating_sub(started) as f64 / 1e6;
    let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    let bytes = sizes(&out)?;
    for (what, value) in [
        ("list", mebibytes(fs::metadata(&list)?.len())),
        ("output", mebibytes(bytes.parts)),
        ("ledger at the end", mebibytes(bytes.ledger)),
        ("ledger and its log at most", mebibytes(seen.ledger)),
        ("spill at most", mebibytes(seen.spill)),
        ("to the first request", format!("{start:.3} s")),
        ("requests", score.requests.to_string()),
        ("requests during Retry-After", score.impatient.to_string()),
        ("wall", format!("{:.1} s", cost.wall)),
        ("CPU", format!("{:.1} s", cost.cpu)),
        ("resident over time, MiB", seen.course()),
        (
            "threads, descriptors at most",
            format!("{}, {}", seen.threads, seen.descriptors),
        ),
    ] {
        report.line(format!("- {what}: {value}"));
    }
    let wrong = once(&out, count)?;
    report.line(format!("- lines that are not there exactly once: {wrong}"));
    report.goal_value(
        &format!("peak memory at {count} lines"),
        cost.rss_mib,
        " MiB",
        24.0,
    );
    report.goal_value("from the start to the first request", start, " s", 1.0);
    report.proof("lines missing, doubled or torn", wrong as f64, 0.0);
    let impatient = score.impatient as f64;
    report.proof("requests during Retry-After", impatient, 0.0);
    report.keep("list")
}

/// A place that is no memory, beside the build.
pub fn on_disk() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program
        .parent()
        .ok_or("the program lies nowhere")?
        .to_owned())
}

/// Bytes that are free there.
pub fn room(folder: &Path) -> Result<u64> {
    let mut command = Command::new("df");
    command.args(["--output=avail", "-B1"]).arg(folder);
    let output = String::from_utf8(command.output()?.stdout)?;
    let number = output.split_whitespace().next_back();
    Ok(number.ok_or("df says nothing")?.parse()?)
}

fn write_list(path: &Path, count: usize, port: u16) -> Result<()> {
    let mut list = BufWriter::new(File::create(path)?);
    for line in 0..count {
        writeln!(list, "{}", Page::of_line(line, HOSTS).url(port))?;
    }
    Ok(list.flush()?)
}

fn command(list: &Path, out: &Path) -> Command {
    let mut command = pinned(0, crate::fetch::brigade());
    command.args(crate::fetch::AT_64);
    command.arg("-i").arg(list).arg("-o").arg(out);
    command.stdout(Stdio::null());
    command
}

/// What was seen of the job while it ran.
#[derive(Debug)]
struct Seen {
    out: PathBuf,
    next: Instant,
    resident: Vec<f64>,
    ledger: u64,
    spill: u64,
    threads: u64,
    descriptors: u64,
}

impl Seen {
    fn new(out: &Path) -> Self {
        Self {
            out: out.to_owned(),
            next: Instant::now(),
            resident: Vec::new(),
            ledger: 0,
            spill: 0,
            threads: 0,
            descriptors: 0,
        }
    }

    /// Once a second.
    fn look(&mut self, look: Look) {
        if Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + Duration::from_secs(1);
        let length = |name: &str| fs::metadata(self.out.join(name)).map_or(0, |file| file.len());
        self.ledger = self
            .ledger
            .max(length("ledger.db") + length("ledger.db-wal"));
        self.spill = self.spill.max(length("window.spill"));
        self.threads = self.threads.max(look.threads);
        self.descriptors = self.descriptors.max(look.descriptors);
        self.resident.push(look.resident_mib);
    }

    /// Ten values, evenly spread.
    fn course(&self) -> String {
        let last = self.resident.len().saturating_sub(1);
        let values = (1..=10).filter_map(|tenth| self.resident.get(last * tenth / 10));
        values
            .map(|value| format!("{value:.1}"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

struct Sizes {
    parts: u64,
    ledger: u64,
}

fn sizes(out: &Path) -> Result<Sizes> {
    let length = |path: PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    let ledger = ["ledger.db", "ledger.db-wal", "ledger.db-shm"];
    Ok(Sizes {
        parts: parts::of(out)?.into_iter().map(length).sum(),
        ledger: ledger.map(|name| length(out.join(name))).iter().sum(),
    })
}

/// How many lines have no record, or several, or one that is torn or not theirs. Only the head of a
/// record is parsed: ten million would take as long to parse as to fetch.
fn once(out: &Path, count: usize) -> Result<usize> {
    let mut seen = vec![0u64; count.div_ceil(64)];
    let mut wrong = 0;
    for path in parts::of(out)? {
        let mut part = BufReader::with_capacity(1 << 18, File::open(&path)?);
        let mut line = Vec::new();
        while part.read_until(b'\n', &mut line)? > 0 {
            match index(&line, count) {
                Some(index) if seen[index / 64] & 1 << (index % 64) == 0 => {
                    seen[index / 64] |= 1 << (index % 64);
                }
                _ => wrong += 1,
            }
            line.clear();
        }
    }
    let there: usize = seen.iter().map(|word| word.count_ones() as usize).sum();
    Ok(wrong + count - there)
}

/// The index of a whole record whose body is that of its line.
fn index(record: &[u8], count: usize) -> Option<usize> {
    let text = std::str::from_utf8(record).ok()?;
    let digits = text.strip_prefix("{\"index\":")?.split(',').next()?;
    let index: usize = digits.parse().ok()?;
    let body = format!("\"body\":\"{}\"}}\n", Page::of_line(index, HOSTS).name());
    (index < count && text.ends_with(&body)).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_torn_or_not_its_own_has_no_index() {
        let name = Page::of_line(9, HOSTS).name();
        let record = format!("{{\"index\":9,\"status\":200,\"body\":\"{name}\"}}\n");
        assert_eq!(index(record.as_bytes(), 10), Some(9));
        assert_eq!(index(record.as_bytes(), 9), None);
        assert_eq!(index(&record.as_bytes()[..30], 10), None);
        assert_eq!(index(record.replace(":9,", ":8,").as_bytes(), 10), None);
    }
}
