//! The law of the house, with `kill -9`: nothing missing, nothing doubled, nothing torn.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use brigade_jobs::{Compression, Format, Input};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, run};

/// The name of the test, the format, the compression, the number of lines and of kills.
type Case = (&'static str, Format, Compression, u64, usize);

const PLAIN: Case = (
    "f1b_killed_at_random_moments",
    Format::Jsonl,
    Compression::None,
    3000,
    10,
);
const GZIP: Case = (
    "f1b_killed_with_gzip",
    Format::Jsonl,
    Compression::Gzip,
    1500,
    6,
);
const ZSTD: Case = (
    "f1b_killed_with_zstd",
    Format::Jsonl,
    Compression::Zstd,
    1500,
    6,
);
const FILES: Case = (
    "f7f_killed_with_files",
    Format::Files,
    Compression::None,
    1500,
    6,
);

const WARC: Case = (
    "f8f_killed_with_archives",
    Format::Warc,
    Compression::Gzip,
    1500,
    6,
);

const CHILD: &str = "BRIGADE_JOBS_KILLED_CHILD";

/// The job that is killed: the test below, which finds in its environment that it is the child.
fn child(directory: &Path, (_, format, compression, ..): Case) {
    let input = Input::File(directory.join("list"));
    let mut config = config(input, &directory.join("out"));
    config.commit_every = 40;
    config.commit_interval = Duration::from_millis(30);
    config.part_max = 50_000;
    config.format = format;
    config.compression = compression;
    run(config).unwrap();
}

fn start(directory: &Path, (name, ..): Case) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("kill::{name}"), "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the child, killing it after `limit`.
fn wait(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let end = brigade::clock::now() + limit;
    while brigade::clock::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn f1b_killed_at_random_moments() {
    nothing_is_missing_doubled_or_torn(PLAIN);
}

#[test]
fn f1b_killed_with_gzip() {
    nothing_is_missing_doubled_or_torn(GZIP);
}

#[test]
fn f1b_killed_with_zstd() {
    nothing_is_missing_doubled_or_torn(ZSTD);
}

#[test]
fn f7f_killed_with_files() {
    nothing_is_missing_doubled_or_torn(FILES);
}

#[test]
fn f8f_killed_with_archives() {
    nothing_is_missing_doubled_or_torn(WARC);
}

fn nothing_is_missing_doubled_or_torn(case: Case) {
    if let Some(directory) = std::env::var_os(CHILD) {
        return child(Path::new(&directory), case);
    }
    let (_, format, _, all, wanted) = case;
    let server = Server::start_thread(|request| {
        let number: u64 = request.path()[1..].parse().unwrap_or(0);
        let reply = match number % 100 {
            7 => Reply::status(404),
            8 => Reply::ok("x".repeat(40_000)),
            _ => Reply::ok(format!("body {number} ").repeat(20)),
        };
        reply.delay(Duration::from_millis(number % 5))
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut lines: Vec<_> = (0..all).map(|n| server.url(&format!("/{n}"))).collect();
    lines[10] = "no url".into();
    lines[20] = String::new();
    std::fs::write(directory.path().join("list"), lines.join("\n")).unwrap();

    let mut kills = 0;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 60, "it does not get on");
        let limit = if kills < wanted {
            Duration::from_millis(random.u64(30..300))
        } else {
            Duration::from_secs(60)
        };
        match wait(start(directory.path(), case), limit) {
            Some(status) => {
                assert!(status.success(), "seed {seed}: {status}");
                break;
            }
            None => kills += 1,
        }
    }
    let out = directory.path().join("out");
    let output = Output::read(&out);
    output.assert_complete((0..all).filter(|n| *n != 20));
    for (index, line) in &output.results {
        let expected = match index % 100 {
            8 => "x".repeat(40_000),
            _ => format!("body {index} ").repeat(20),
        };
        match format {
            Format::Files => {
                let file = out.join(line["file"].as_str().unwrap());
                assert_eq!(
                    std::fs::read_to_string(file).unwrap(),
                    expected,
                    "seed {seed}: {index}"
                );
            }
            _ => assert_eq!(line["body"], expected, "seed {seed}: line {index}"),
        }
    }
    if format == Format::Files {
        assert_eq!(
            files(&out.join("files")),
            output.results.len(),
            "seed {seed}: none is left over"
        );
    }
    assert_eq!(output.failures.len() as u64, all / 100 + 1);
    let extra = server.exchanges().total as u64 - (all - 2);
    println!("seed {seed}: {kills} kills cost {extra} extra requests");
    assert!(kills >= wanted / 2, "seed {seed}: only {kills} kills");
}

fn files(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path()),
            false => 1,
        })
        .sum()
}
