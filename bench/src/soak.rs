//! One job at full speed among hosts that misbehave, for half an hour: nothing of it may grow.
//!
//! `bench soak [--minutes N] [--hosts N] [--every SECONDS]`: the list is endless and comes through a
//! pipe; the hosts fall ill anew every minute. Memory, descriptors and threads are looked at each
//! second and printed now and then, and a robust slope after the warm-up decides. At the end the job
//! is asked to stop, and every record is held against its line. All runs on a loopback of its own
//! where that may be had, because it goes through the ports of one.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hosts::brigade;
use crate::hosts::manner::{Manner, Page};
use crate::hosts::score::{Scene, Score, Server};
use crate::list::{on_disk, room};
use crate::measure::median;
use crate::report::Report;
use crate::watch::{self, End, Look};
use crate::{Result, loopback, parts};

/// The hosts are as new again after this time.
const ILL_EVERY: Duration = Duration::from_mins(1);
/// How long the job may take to stop.
const STOP: Duration = Duration::from_secs(30);
/// What is not looked at: caches fill, pools grow to their size.
const WARM_UP: f64 = 0.2;
/// Bytes of disk for a minute, at the most lines that two processors have been seen to do.
const ROOM: u64 = 60 * 20_000 * 500;
/// What may be more at the end of the time than at its beginning, by the slope: MiB, descriptors,
/// threads. The set of finished lines may take a bit for each line behind the slowest, and a pool may
/// have one thread more: a single step has a slope of 1.07 at most.
const GROWTH: [(&str, f64); 3] = [
    ("resident MiB", 2.0),
    ("descriptors", 8.0),
    ("threads", 1.1),
];

pub fn run([minutes, hosts, every]: [usize; 3]) -> Result<()> {
    let place = loopback::own()?;
    let folder = tempfile::tempdir_in(on_disk()?)?;
    let needed = minutes as u64 * ROOM;
    if room(folder.path())? < needed {
        return Err(format!("{minutes} minutes may need {needed} bytes of disk").into());
    }
    let time = Duration::from_secs(60 * minutes as u64);
    let out = folder.path().join("out");
    let mut server = Server::start(Scene::Tiny { hosts })?;
    let mut command = brigade(Path::new("-"), &out);
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let input = child.stdin.take().ok_or("the job has no input")?;
    let lines = Lines::new(hosts, server.port);
    let feeder = std::thread::spawn(move || feed(lines, input));
    let mut watched = Watched::new(child.id(), time, Duration::from_secs(every as u64));
    let limit = time + STOP;
    let (cost, end) = watch::until_end(child, limit, |look| watched.look(look, &mut server))?;
    watched.add(server.score()?);
    let fed = feeder
        .join()
        .map_err(|_| "the feeder of the list panicked")?;
    let lines = Lines::new(hosts, server.port);
    let checked = check(&out, &lines)?;

    let mut report = Report::default();
    report.line(format!(
        "\n### {minutes} minutes, an endless list of {hosts} hosts that fall ill anew every minute, {place}\n"
    ));
    let score = watched.score;
    report.line(format!(
        "- {} results of {fed} lines fed, each its line's and none twice; {}\n- {} requests, {} of them refused, {} during \
         Retry-After; {} connections\n- {:.1} CPU s, {:.0} s, exit {end}",
        checked.records, checked.failures, score.requests, score.refused, score.impatient, score.connections,
        cost.cpu, cost.wall
    ));
    watched.table(&mut report);
    report.line(format!("\npeak memory {:.1} MiB", cost.rss_mib));
    let kept = report.keep("soak");
    match end {
        End::Code(143) => kept,
        end => Err(format!("the job ended with {end}, not with 143").into()),
    }
}

/// The endless list. Hosts that cost a client much time have a line now and then only, so that the
/// job is at full speed and no line is open for long.
#[derive(Clone, Debug)]
struct Lines {
    port: u16,
    quick: Vec<usize>,
    slow: Vec<usize>,
    silent: Vec<usize>,
}

impl Lines {
    fn new(hosts: usize, port: u16) -> Self {
        let of = |wanted: fn(Manner) -> bool| {
            (0..hosts)
                .filter(|host| wanted(Manner::of(*host)))
                .collect()
        };
        let is_slow = |manner| matches!(manner, Manner::Slow | Manner::Trickle | Manner::Endless);
        Self {
            port,
            quick: of(|manner| {
                use Manner::{Endless, Hang, Slow, Trickle};
                !matches!(manner, Slow | Trickle | Endless | Hang)
            }),
            slow: of(is_slow),
            silent: of(|manner| manner == Manner::Hang),
        }
    }

    fn page(&self, line: usize) -> Page {
        let (hosts, turn) = match line % 5000 {
            0 if !self.silent.is_empty() => (&self.silent, line / 5000),
            at if at % 500 == 1 && !self.slow.is_empty() => (&self.slow, line / 500),
            _ => (&self.quick, line),
        };
        Page {
            host: hosts[turn % hosts.len()],
            page: line,
        }
    }
}

/// Writes lines until nobody reads them; returns how many.
fn feed(lines: Lines, input: ChildStdin) -> usize {
    let mut input = BufWriter::new(input);
    let mut line = 0;
    while writeln!(input, "{}", lines.page(line).url(lines.port)).is_ok() {
        line += 1;
    }
    line
}

/// What is seen of the job, once a second.
#[derive(Debug)]
struct Watched {
    process: u32,
    start: Instant,
    time: Duration,
    /// Between two lines that say what was seen.
    every: Duration,
    said: Instant,
    next: Instant,
    ill_at: Instant,
    stopped: bool,
    looks: Vec<[f64; 4]>,
    score: Score,
}

impl Watched {
    fn new(process: u32, time: Duration, every: Duration) -> Self {
        let start = Instant::now();
        Self {
            process,
            start,
            time,
            every,
            said: start,
            next: start,
            ill_at: start + ILL_EVERY,
            stopped: false,
            looks: Vec::new(),
            score: Score::default(),
        }
    }

    fn look(&mut self, look: Look, server: &mut Server) -> Result<()> {
        let now = Instant::now();
        if now < self.next || self.stopped {
            return Ok(());
        }
        self.next = now + Duration::from_secs(1);
        let seconds = (now - self.start).as_secs_f64();
        let values = [
            look.resident_mib,
            look.descriptors as f64,
            look.threads as f64,
        ];
        self.looks.push([seconds, values[0], values[1], values[2]]);
        if now >= self.said + self.every {
            self.said = now;
            let [resident, descriptors, threads] = values;
            println!(
                "{seconds:.0} s: {resident:.1} MiB resident, {descriptors} descriptors, {threads} threads"
            );
        }
        if now >= self.ill_at {
            self.ill_at = now + ILL_EVERY;
            self.add(server.begin()?);
        }
        if now >= self.start + self.time {
            self.stopped = true;
            Command::new("kill")
                .arg(self.process.to_string())
                .status()?;
        }
        Ok(())
    }

    fn add(&mut self, score: Score) {
        self.score.requests += score.requests;
        self.score.connections += score.connections;
        self.score.refused += score.refused;
        self.score.impatient += score.impatient;
        self.score.most = self.score.most.max(score.most);
    }

    /// Prints a row a value, what each grew by, and whether that is flat.
    fn table(&self, report: &mut Report) {
        report.line(
            "\n| value | first | after the warm-up | in the middle | at the end | most | slope for an hour | grows in this \
             time by | allowed |",
        );
        report.line("|---|---|---|---|---|---|---|---|---|");
        let looks = &self.looks[(self.looks.len() as f64 * WARM_UP) as usize..];
        let mut growths = Vec::new();
        for (column, (name, allowed)) in GROWTH.iter().enumerate() {
            let points: Vec<(f64, f64)> = looks
                .iter()
                .map(|look| (look[0], look[column + 1]))
                .collect();
            let span = points.last().map_or(0.0, |last| last.0 - points[0].0);
            let slope = slope(&points);
            let growth = slope * span;
            let tenth = points.len().div_ceil(10);
            let part = |from: usize| {
                let part = points.iter().skip(from).take(tenth);
                median(part.map(|point| point.1))
            };
            let first = self.looks.first().map_or(f64::NAN, |look| look[column + 1]);
            let most = self
                .looks
                .iter()
                .map(|look| look[column + 1])
                .fold(0.0, f64::max);
            report.line(format!(
                "| {name} | {first:.1} | {:.1} | {:.1} | {:.1} | {most:.1} | {:+.2} | {growth:+.2} | {allowed:+.1} |",
                part(0),
                part(points.len() / 2),
                part(points.len() - tenth),
                slope * 3600.0,
            ));
            growths.push((name, growth, *allowed));
        }
        report.line("");
        for (name, growth, allowed) in growths {
            report.proof(&format!("growth of {name}"), growth, allowed);
        }
        let impatient = self.score.impatient as f64;
        report.proof("requests during Retry-After", impatient, 0.0);
    }
}

/// The median of the slopes between all pairs of points (Theil 1950, Sen 1968): neither a spike nor
/// a single step moves it much, and whatever goes on growing does.
fn slope(points: &[(f64, f64)]) -> f64 {
    let pairs = points.iter().enumerate();
    let pairs =
        pairs.flat_map(|(at, first)| points[at + 1..].iter().map(move |next| (first, next)));
    let slopes = pairs.filter(|(first, next)| next.0 > first.0);
    let median = median(slopes.map(|(first, next)| (next.1 - first.1) / (next.0 - first.0)));
    if median.is_nan() { 0.0 } else { median }
}

struct Checked {
    records: u64,
    failures: String,
}

/// Fails unless every record is whole and its line's, none is there twice, and the job counts as many.
fn check(out: &Path, lines: &Lines) -> Result<Checked> {
    let mut seen: Vec<u64> = Vec::new();
    let mut records = 0;
    for path in parts::of(out)? {
        for record in BufReader::new(File::open(&path)?).split(b'\n') {
            let record: Value = serde_json::from_slice(&record?)?;
            let index = record["index"]
                .as_u64()
                .ok_or("a record without an index")? as usize;
            let page = lines.page(index);
            let (word, bit) = (index / 64, 1 << (index % 64));
            seen.resize(seen.len().max(word + 1), 0);
            let is_good = record["url"] == page.url(lines.port).as_str()
                && record["body"] == page.name().as_str()
                && Manner::of(page.host).is_good();
            if !is_good || seen[word] & bit != 0 {
                return Err(format!("line {index} has a record that is wrong: {record}").into());
            }
            seen[word] |= bit;
            records += 1;
        }
    }
    let summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json"))?)?;
    if summary["ok"].as_u64() != Some(records) {
        return Err(format!("{records} records, but the job says {summary}").into());
    }
    Ok(Checked {
        records,
        failures: format!("failures by kind: {}", summary["by_kind"]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..100).map(f64::from).map(|at| (at, value(at))).collect()
    }

    #[test]
    fn a_leak_has_a_slope_and_a_spike_has_none() {
        assert!((slope(&points(|at| 10.0 + 0.5 * at)) - 0.5).abs() < 1e-9);
        let spikes = |at: f64| if at % 7.0 == 0.0 { 90.0 } else { 10.0 };
        assert!(slope(&points(spikes)).abs() < 1e-9);
        assert!(slope(&points(|_| 10.0)).abs() < 1e-9);
        assert_eq!(slope(&[]), 0.0);
    }

    #[test]
    fn a_single_step_is_no_slope_and_many_are_one() {
        let step = |at: f64| if at < 50.0 { 4.0 } else { 5.0 };
        let growth = 99.0 * slope(&points(step));
        assert!((0.0..=1.1).contains(&growth), "{growth}");
        let growth = 99.0 * slope(&points(|at| 4.0 + (at / 10.0).floor()));
        assert!((8.0..=12.0).contains(&growth), "{growth}");
    }

    #[test]
    fn silent_and_slow_hosts_have_few_lines() {
        let lines = Lines::new(200, 80);
        let is = |line: usize, manner| Manner::of(lines.page(line).host) == manner;
        let silent = (0..50_000).filter(|line| is(*line, Manner::Hang)).count();
        assert_eq!(silent, 10);
        assert!((0..50_000).any(|line| is(line, Manner::Trickle)));
    }
}
