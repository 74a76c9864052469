//! A job that is refused leaves everything as it was, whatever it is refused for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use brigade_jobs::{Compression, Config, Format, Input, Job, ListForm};
use brigade_testkit::server::{Reply, Server};
use rusqlite::Connection;

use crate::support::{config, gzip, run, run_until};

/// Everything below a directory, but for the file by which readers of a ledger know of each other.
fn all(directory: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all(&path));
            found.insert(path, None);
        } else if !path.ends_with("ledger.db-shm") {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, Some(bytes));
        }
    }
    found
}

fn list(place: &Path) -> PathBuf {
    place.join("urls.txt")
}

/// The job that all of these begin with.
fn job(place: &Path) -> Config {
    config(Input::File(list(place)), &place.join("out"))
}

/// What is found in the directory before the job that is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// By a job that was stopped.
    Stopped,
    /// By a job that was killed: its log has not been rolled into the ledger.
    Killed,
    /// By a job of the version before.
    Older,
}

fn leave(left: Left, place: &Path, server: &Server) {
    let mut urls: Vec<_> = (0..40).map(|n| server.url(&format!("/{n}"))).collect();
    urls.push("no url".to_owned());
    fs::write(list(place), urls.join("\n")).unwrap();
    let mut config = job(place);
    config.concurrency = 1;
    config.commit_every = 5;
    run_until(config.clone(), |progress| progress.committed >= 10).unwrap();
    // What a kill left beyond the last commit, which another run would cut off or delete.
    let out = place.join("out");
    let mut part = fs::read(out.join("part-00000.jsonl")).unwrap();
    part.extend_from_slice(b"{\"index\":7");
    fs::write(out.join("part-00000.jsonl"), part).unwrap();
    fs::write(out.join("part-00001.jsonl"), "{").unwrap();
    fs::write(out.join("order-0.spill"), "waits").unwrap();
    match left {
        Left::Stopped => {}
        Left::Killed => {
            let files: Vec<_> = all(&out).into_keys().collect();
            let before: Vec<_> = files.iter().map(|path| fs::read(path).unwrap()).collect();
            let opened = Job::open(config).unwrap();
            let log = fs::read(out.join("ledger.db-wal")).unwrap();
            drop(opened);
            for (path, bytes) in files.iter().zip(before) {
                fs::write(path, bytes).unwrap();
            }
            assert!(!log.is_empty());
            fs::write(out.join("ledger.db-wal"), log).unwrap();
        }
        Left::Older => {
            let ledger = Connection::open(out.join("ledger.db")).unwrap();
            let older = "ALTER TABLE job DROP COLUMN list_form;
                ALTER TABLE job DROP COLUMN duplicates; ALTER TABLE job DROP COLUMN sent_at;
                ALTER TABLE part DROP COLUMN index_bytes; ALTER TABLE failure DROP COLUMN columns;
                PRAGMA user_version = 1;";
            ledger.execute_batch(older).unwrap();
        }
    }
}

fn sql(place: &Path, sql: &str) {
    let ledger = Connection::open(place.join("out/ledger.db")).unwrap();
    ledger.execute_batch(sql).unwrap();
}

/// What is done to the directory or the job, and a piece of what is said then.
type Refusal = (&'static str, fn(&Path, &mut Config), &'static str);

const REFUSALS: [Refusal; 22] = [
    (
        "settings",
        |_, job| job.per_host = 0,
        "per_host must be at least 1",
    ),
    (
        "header",
        |_, job| job.headers.push(("a b".into(), "c".into())),
        "HTTP client",
    ),
    (
        "no list",
        |place, _| fs::remove_file(list(place)).unwrap(),
        "cannot read the list",
    ),
    (
        "no file",
        |place, job| job.input = Input::File(place.into()),
        "directory",
    ),
    (
        "no column",
        |_, job| {
            job.form = ListForm::Csv {
                column: "link".into(),
            }
        },
        "link",
    ),
    (
        "format",
        |_, job| job.format = Format::Warc,
        "writes jsonl, not warc",
    ),
    (
        "compression",
        |_, job| job.compression = Compression::Zstd,
        "writes jsonl, not jsonl.zst",
    ),
    (
        "order",
        |_, job| job.ordered = true,
        "writes jsonl, not jsonl in order",
    ),
    (
        "dedupe",
        |_, job| job.dedupe = true,
        "was started with --input-format lines",
    ),
    (
        "another list",
        |place, _| fs::write(list(place), "http://a.test/\n".repeat(200)).unwrap(),
        "it differs within line",
    ),
    (
        "shorter list",
        |place, _| fs::write(list(place), "").unwrap(),
        "it is shorter",
    ),
    (
        "a pipe",
        |_, job| job.input = Input::File("/dev/null".into()),
        "it is a stream now and was a file before",
    ),
    (
        "a packed list",
        |place, _| fs::write(list(place), gzip(&fs::read(list(place)).unwrap())).unwrap(),
        "it is a compressed file now and was a file before",
    ),
    (
        "part cut",
        |place, _| fs::write(place.join("out/part-00000.jsonl"), "").unwrap(),
        "its length is 0",
    ),
    (
        "part gone",
        |place, _| fs::remove_file(place.join("out/part-00000.jsonl")).unwrap(),
        "its length is 0",
    ),
    (
        "newer",
        |place, _| sql(place, "PRAGMA user_version = 99"),
        "use the newer brigade",
    ),
    (
        "not ours",
        |place, _| sql(place, "PRAGMA application_id = 1; PRAGMA user_version = 0"),
        "another program's database",
    ),
    (
        "fresh with an empty table",
        |_, job| {
            job.input = Input::File("/dev/null".into());
            job.form = ListForm::Csv {
                column: "url".into(),
            };
            job.fresh = true;
        },
        "empty",
    ),
    (
        "fresh over what is not ours",
        |place, job| {
            sql(place, "PRAGMA application_id = 1; PRAGMA user_version = 0");
            job.fresh = true;
        },
        "another program's database",
    ),
    (
        "damaged",
        |place, _| fs::write(place.join("out/ledger.db"), "no database".repeat(100)).unwrap(),
        "damaged or not a ledger",
    ),
    (
        "no ledger",
        |place, _| {
            fs::remove_file(place.join("out/ledger.db")).unwrap();
            let _ = fs::remove_file(place.join("out/ledger.db-wal"));
            fs::remove_file(place.join("out/lock")).unwrap();
        },
        "no ledger.db that knows of it",
    ),
    (
        "fresh over bodies of nobody",
        |place, job| {
            fs::create_dir(place.join("out/files")).unwrap();
            job.fresh = true;
        },
        "holds 'files'",
    ),
];

#[test]
fn f1o_a_job_that_is_refused_leaves_everything_as_it_was() {
    let server = Server::start_thread(|request| Reply::ok(request.path().to_owned())).unwrap();
    for left in [Left::Stopped, Left::Killed, Left::Older] {
        for (name, disturb, said) in REFUSALS {
            let place = tempfile::tempdir().unwrap();
            let place = place.path();
            leave(left, place, &server);
            let mut config = job(place);
            disturb(place, &mut config);
            let before = all(place);
            let error = match Job::open(config) {
                Ok(_) => panic!("{name} is not refused, {left:?}"),
                Err(error) => error.to_string(),
            };
            assert!(error.contains(said), "{name}, {left:?}: {error}");
            assert!(!error.contains('\n'), "{error}");
            let after = all(place);
            assert_eq!(
                before.keys().collect::<Vec<_>>(),
                after.keys().collect::<Vec<_>>(),
                "{name}, {left:?}"
            );
            let changed: Vec<_> = before
                .keys()
                .filter(|key| before[*key] != after[*key])
                .collect();
            assert_eq!(changed, Vec::<&PathBuf>::new(), "{name}, {left:?}");
        }
        // It is the same job still: every line once.
        let place = tempfile::tempdir().unwrap();
        leave(left, place.path(), &server);
        let summary = run(job(place.path())).unwrap();
        assert_eq!((summary.ok, summary.failed, summary.pending), (40, 1, 0));
    }
}

#[test]
fn f1o_directories_that_were_made_for_a_job_that_is_refused_are_gone() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("there")).unwrap();
    let long = "x".repeat(300);
    for out in [format!("there/new/{long}/out"), format!("new/{long}")] {
        let input = Input::Urls(vec!["http://127.0.0.1:1/".into()]);
        let before = all(place.path());
        assert!(Job::open(Config::new(input, place.path().join(out))).is_err());
        assert_eq!(all(place.path()), before);
    }
}

#[test]
fn f1o_a_spool_that_is_gone_is_not_made_anew_for_a_job_that_is_refused() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let place = tempfile::tempdir().unwrap();
    fs::write(list(place.path()), gzip(server.url("/").as_bytes())).unwrap();
    run(job(place.path())).unwrap();
    fs::remove_file(place.path().join("out/input.spool")).unwrap();
    let before = all(place.path());
    let error = Job::open(job(place.path())).map(drop).unwrap_err();
    assert!(
        error.to_string().contains("input.spool' has lost"),
        "{error}"
    );
    assert_eq!(all(place.path()), before);
}

#[test]
fn f1f_a_lock_that_was_taken_back_keeps_nobody_out_and_lets_no_two_in() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path();
    fs::write(out.join("part-00000.jsonl"), "of nobody\n").unwrap();
    let input = || Input::Urls(vec!["http://127.0.0.1:1/".into()]);
    let refused = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut errors = Vec::new();
                    for _ in 0..50 {
                        let opened = Job::open(Config::new(input(), out)).map(drop);
                        errors.push(opened.unwrap_err().to_string());
                    }
                    errors
                })
            })
            .collect();
        let errors = tries.into_iter().map(|tries| tries.join().unwrap());
        errors.flatten().collect::<Vec<_>>()
    });
    let known = |error: &&String| error.contains("knows of it") || error.contains("in use");
    assert_eq!(refused.iter().filter(known).count(), 200, "{refused:?}");
    fs::remove_file(out.join("part-00000.jsonl")).unwrap();
    let first = Job::open(Config::new(input(), out)).unwrap();
    assert!(Job::open(Config::new(input(), out)).is_err());
    drop(first);
}
