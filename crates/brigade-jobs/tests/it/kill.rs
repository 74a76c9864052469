//! The law of the house, with `kill -9`: nothing missing, nothing doubled, nothing torn.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use brigade_jobs::{Compression, Config, Format, Input, ListForm};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, gzip, run};

const CHILD: &str = "BRIGADE_JOBS_KILLED_CHILD";

/// How a job differs from others, how its list is written, and which lines are skipped or duplicates.
struct Case {
    name: &'static str,
    lines: u64,
    kills: usize,
    settings: fn(&mut Config),
    write: fn(&[String]) -> Vec<u8>,
    /// The lines that end as results or failures.
    settled: fn(u64) -> bool,
}

/// A plain list; line 20 is blank.
const PLAIN: Case = Case {
    name: "kill::f1b_killed_at_random_moments_nothing_is_missing_doubled_or_torn",
    lines: 3000,
    kills: 10,
    settings: |_| {},
    write: |urls| urls.join("\n").into_bytes(),
    settled: |line| line != 20,
};

const GZIP: Case = Case {
    name: "kill::f7b_killed_with_gzip_nothing_is_missing_doubled_or_torn",
    lines: 1500,
    kills: 6,
    settings: |config| config.compression = Compression::Gzip,
    ..PLAIN
};

const ZSTD: Case = Case {
    name: "kill::f7b_killed_with_zstd_nothing_is_missing_doubled_or_torn",
    settings: |config| config.compression = Compression::Zstd,
    ..GZIP
};

const ORDERED: Case = Case {
    name: "kill::f7h_killed_in_order_nothing_is_missing_doubled_or_torn",
    settings: |config| config.ordered = true,
    ..GZIP
};

const FILES: Case = Case {
    name: "kill::f7f_killed_with_files_nothing_is_missing_doubled_torn_or_left_over",
    settings: |config| config.format = Format::Files,
    ..GZIP
};

const WARC: Case = Case {
    name: "kill::f8f_killed_with_archives_nothing_is_missing_doubled_or_torn",
    settings: |config| {
        config.format = Format::Warc;
        config.compression = Compression::Gzip;
    },
    ..GZIP
};

/// A compressed table with a line break in each row; every third row, except for the one after the
/// row that has no URL, has the URL of the one before.
const TABLE: Case = Case {
    name: "kill::f9g_killed_with_a_compressed_table_and_duplicates_nothing_is_missing_or_doubled",
    lines: 3000,
    kills: 10,
    settings: |config| {
        config.dedupe = true;
        config.form = ListForm::Csv {
            column: "url".into(),
        };
    },
    write: |urls| {
        let mut text = b"text,url\n".to_vec();
        for (row, url) in urls.iter().enumerate().skip(1) {
            let double = row % 3 == 2 && row != 11;
            let url = if double { &urls[row - 1] } else { url };
            write!(text, "\"row\n{row}\",{url}\r\n").unwrap();
        }
        gzip(&text)
    },
    settled: |line| line > 0 && (line % 3 != 2 || line == 11),
};

/// The job that is killed: a test below, which finds in its environment that it is the child.
fn child(case: &Case, directory: &Path) {
    let input = Input::File(directory.join("list"));
    let mut config = config(input, &directory.join("out"));
    (case.settings)(&mut config);
    config.commit_every = 40;
    config.commit_interval = Duration::from_millis(30);
    config.part_max = 50_000;
    run(config).unwrap();
}

fn start(case: &Case, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", case.name, "--nocapture"])
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
fn f1b_killed_at_random_moments_nothing_is_missing_doubled_or_torn() {
    storm(&PLAIN);
}

#[test]
fn f7b_killed_with_gzip_nothing_is_missing_doubled_or_torn() {
    storm(&GZIP);
}

#[test]
fn f7b_killed_with_zstd_nothing_is_missing_doubled_or_torn() {
    storm(&ZSTD);
}

#[test]
fn f7h_killed_in_order_nothing_is_missing_doubled_or_torn() {
    storm(&ORDERED);
}

#[test]
fn f7f_killed_with_files_nothing_is_missing_doubled_torn_or_left_over() {
    storm(&FILES);
}

#[test]
fn f8f_killed_with_archives_nothing_is_missing_doubled_or_torn() {
    storm(&WARC);
}

#[test]
fn f9g_killed_with_a_compressed_table_and_duplicates_nothing_is_missing_or_doubled() {
    storm(&TABLE);
}

fn storm(case: &Case) {
    if let Some(directory) = std::env::var_os(CHILD) {
        return child(case, Path::new(&directory));
    }
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
    let mut lines: Vec<_> = (0..case.lines)
        .map(|n| server.url(&format!("/{n}")))
        .collect();
    lines[10] = "no url".into();
    lines[20] = String::new();
    std::fs::write(directory.path().join("list"), (case.write)(&lines)).unwrap();

    let mut kills = 0;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 60, "it does not get on");
        let limit = if kills < case.kills {
            Duration::from_millis(random.u64(30..300))
        } else {
            Duration::from_secs(60)
        };
        match wait(start(case, directory.path()), limit) {
            Some(status) => {
                assert!(status.success(), "seed {seed}: {status}");
                break;
            }
            None => kills += 1,
        }
    }
    let out = directory.path().join("out");
    let output = Output::read(&out);
    let settled: Vec<_> = (0..case.lines)
        .filter(|line| (case.settled)(*line))
        .collect();
    output.assert_complete(settled.iter().copied());
    for (index, line) in &output.results {
        let expected = match index % 100 {
            8 => "x".repeat(40_000),
            _ => format!("body {index} ").repeat(20),
        };
        let file = line["file"].as_str().map(|file| out.join(file));
        let body = file.map(|file| std::fs::read_to_string(file).unwrap());
        let body = body.as_deref().or(line["body"].as_str());
        assert_eq!(body, Some(&*expected), "seed {seed}: line {index}");
        if case.name == TABLE.name {
            assert_eq!(line["columns"]["text"], format!("row\n{index}"));
        }
    }
    if case.name == ORDERED.name {
        assert!(output.order.is_sorted(), "seed {seed}: in order");
    }
    if case.name == FILES.name {
        let there = files(&out.join("files"));
        assert_eq!(
            there,
            output.results.len(),
            "seed {seed}: none is left over"
        );
    }
    let failed = settled
        .iter()
        .filter(|line| *line % 100 == 7 || **line == 10);
    assert_eq!(output.failures.len(), failed.count());
    // Line 10 is no URL.
    let asked = settled.len() - usize::from(settled.contains(&10));
    let extra = server.exchanges().total - asked;
    println!("seed {seed}: {kills} kills cost {extra} extra requests");
    assert!(kills >= case.kills / 2, "seed {seed}: only {kills} kills");
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
