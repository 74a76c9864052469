//! Ledgers that say what no job can have said: one line, no panic, and no file outside.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use brigade::cancel::Token;
use brigade_jobs::{Config, Error, FailureFilter, Input, Job, LedgerView};
use brigade_testkit::server::{Reply, Server};
use rusqlite::Connection;

use crate::support::{block_on, config, run};

const NUMBERS: [i64; 5] = [i64::MIN, -1, 70_000, 1 << 61, i64::MAX];

/// Columns of numbers, and those of texts that are no names.
const COLUMNS: [(&str, &[&str]); 7] = [
    (
        "job",
        &[
            "created_at",
            "updated_at",
            "watermark",
            "checkpoint_line",
            "checkpoint_offset",
            "list_bytes",
            "list_modified",
            "list_inode",
            "read_lines",
            "read_bytes",
            "read_complete",
            "read_terminated",
            "ok",
            "skipped",
            "duplicates",
            "requests",
            "retries",
            "body_bytes",
            "runs",
            "wall_ms",
            "cpu_ms",
            "sent_at",
        ],
    ),
    ("done", &["first", "last"]),
    ("part", &["number", "bytes", "records", "index_bytes"]),
    (
        "failure",
        &[
            "line",
            "status",
            "attempts",
            "failed_at",
            "list_offset",
            "list_length",
        ],
    ),
    ("host", &["paused_until", "strikes"]),
    ("status", &["code", "results"]),
    ("list_hash", &["segment", "bytes", "hash"]),
];

const NAMES: [&str; 9] = [
    "../victim",
    "../../victim",
    "/tmp/victim",
    "",
    ".",
    "ledger.db",
    "part-00001.jsonl",
    "part-00000.jsonl/../../victim",
    "part-00000.jsonl\n",
];

/// A job with results, failures, a line that is open amid finished ones, and a host that is left
/// alone.
fn job(place: &Path, server: &Server) -> Config {
    let mut urls: Vec<_> = (0..9).map(|n| server.url(&format!("/{n}"))).collect();
    urls[3] = server.url("/missing");
    fs::write(place.join("urls.txt"), urls.join("\n") + "\n").unwrap();
    config(Input::File(place.join("urls.txt")), &place.join("out"))
}

/// The outcome of continuing the job, to its end unless it would wait for a host.
fn go_on(mut config: Config, waits: bool) -> Result<(), Error> {
    config.retry_failed = true;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            let stop = Token::new();
            if waits {
                stop.cancel();
            }
            Job::open(config)?.run(stop).await.map(drop)
        })
    }));
    ended.unwrap_or_else(|_| panic!("it panics"))
}

fn look(out: &Path) -> Result<(), Error> {
    let view = LedgerView::open(out)?;
    view.status()?;
    view.failure_groups(&FailureFilter::default(), 10)?;
    let every = FailureFilter::default();
    view.failures(&every)
        .try_for_each(|failure| failure.map(drop))
}

struct Forgery {
    place: tempfile::TempDir,
    config: Config,
}

impl Forgery {
    /// A stopped job whose ledger is changed by `sql`.
    fn new(server: &Server, sql: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let config = job(place.path(), server);
        run(config.clone()).unwrap();
        fs::write(place.path().join("victim"), "precious").unwrap();
        let ledger = Connection::open(place.path().join("out/ledger.db")).unwrap();
        // Line 5 is to be done once more.
        let open = "PRAGMA ignore_check_constraints = 1;
            UPDATE job SET watermark = 5, ok = ok - 1, checkpoint_line = 0, checkpoint_offset = 0,
                state = 'interrupted';
            INSERT INTO done VALUES (6, 8);
            INSERT INTO host VALUES ('a.test', 1, 1);";
        ledger.execute_batch(open).unwrap();
        ledger.execute_batch(sql).unwrap();
        Self { place, config }
    }

    /// Whatever is made of it, nothing outside is touched and nothing panics. Returns what is said.
    fn check(self, waits: bool) -> Option<String> {
        let place = self.place.path();
        let looked = look(&place.join("out"));
        let mut said = None;
        for _ in 0..2 {
            let ended = go_on(self.config.clone(), waits);
            said = said.or(ended.err().map(|error| error.to_string()));
        }
        let seen = looked.err().map(|error| error.to_string());
        for said in [&said, &seen].into_iter().flatten() {
            assert!(!said.contains('\n') && said.len() < 400, "{said}");
            assert!(!said.contains("defect"), "{said}");
        }
        assert_eq!(
            fs::read_to_string(place.join("victim")).unwrap(),
            "precious"
        );
        let mut names: Vec<_> = fs::read_dir(place)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["out", "urls.txt", "victim"]);
        said
    }
}

fn site() -> Server {
    let answer = |request: &brigade_testkit::server::Request| match request.path() {
        "/missing" => Reply::status(404),
        path => Reply::ok(path.to_owned()),
    };
    Server::start_thread(answer).unwrap()
}

#[test]
fn f7j_numbers_that_no_job_has_written_end_in_one_line_or_do_no_harm() {
    let server = site();
    let columns: Vec<_> = COLUMNS
        .iter()
        .flat_map(|(table, columns)| columns.iter().map(move |column| (*table, *column)))
        .collect();
    let forge = |(table, column): (&str, &str)| {
        let waits = matches!(
            column,
            "paused_until" | "strikes" | "sent_at" | "updated_at"
        );
        for number in NUMBERS {
            let sql = format!("UPDATE {table} SET {column} = {number}");
            println!("{sql}");
            Forgery::new(&server, &sql).check(waits);
        }
    };
    // Each of them mostly waits for the disk.
    for some in columns.chunks(8) {
        std::thread::scope(|scope| {
            for each in some {
                scope.spawn(|| forge(*each));
            }
        });
    }
}

#[test]
fn f7j_no_file_is_touched_that_a_ledger_names_and_no_job_made() {
    let server = site();
    assert_eq!(Forgery::new(&server, "").check(false), None);
    for name in NAMES {
        let mut forged = Forgery::new(&server, "");
        let path = forged.place.path().join("out/ledger.db");
        let ledger = Connection::open(path).unwrap();
        ledger
            .execute("UPDATE part SET name = ?1, bytes = 1", [name])
            .unwrap();
        drop(ledger);
        forged.config.fresh = false;
        let said = forged
            .check(false)
            .unwrap_or_else(|| panic!("{name:?} is taken"));
        assert!(
            said.contains("is damaged or not a ledger (part 0 is called"),
            "{said}"
        );
    }
}

#[test]
fn f7j_what_a_ledger_says_beyond_the_list_is_refused_with_a_reason() {
    let server = site();
    for (sql, reason) in [
        (
            "UPDATE job SET watermark = 10",
            "the watermark is beyond what was read",
        ),
        (
            "UPDATE job SET checkpoint_line = 6",
            "the checkpoint is beyond the watermark",
        ),
        (
            "UPDATE job SET checkpoint_offset = 1 << 20",
            "the checkpoint is beyond what was read",
        ),
        (
            "UPDATE job SET read_lines = 1 << 40",
            "more lines than bytes were read",
        ),
        ("UPDATE job SET read_bytes = 1 << 40", "it is shorter"),
        ("UPDATE job SET ok = 10", "more lines ended than were read"),
        ("UPDATE job SET cpu_ms = 1 << 61", "a total is too large"),
        (
            "UPDATE done SET last = 1 << 50",
            "lines 6 to 1125899906842624 are done of 9",
        ),
        ("UPDATE done SET last = 5", "lines 6 to 5 are done of 9"),
        // Before it is known to be too much, a range of this length would take all memory.
        (
            "UPDATE job SET read_lines = 1 << 40, read_bytes = 1 << 40;
             UPDATE done SET last = 1 << 41",
            "it is shorter",
        ),
        (
            "UPDATE job SET read_lines = 1 << 40; UPDATE done SET last = 1 << 32",
            "lines 6 to 4294967296 are done of",
        ),
        (
            "UPDATE list_hash SET bytes = 1 << 30",
            "a hash covers too much",
        ),
        (
            "UPDATE failure SET list_length = 1 << 31",
            "line 3 failed, and was not read",
        ),
        (
            "UPDATE failure SET line = 9",
            "line 9 failed, and was not read",
        ),
        ("UPDATE failure SET list_offset = -1", "out of range"),
        ("UPDATE part SET bytes = 1 << 50", "its length is"),
        ("ALTER TABLE job DROP COLUMN watermark", "watermark"),
    ] {
        let said = Forgery::new(&server, sql).check(false);
        let said = said.unwrap_or_else(|| panic!("{sql} is taken"));
        assert!(said.contains(reason), "{sql}: {said}");
        assert!(said.contains("--fresh to start again"), "{sql}: {said}");
    }
}
