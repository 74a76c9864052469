//! What is wrong around a job is said in one line that names the thing and the way out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Config, Error, Format, Input, Job};
use brigade_testkit::server::{Reply, Server};

use crate::support::{block_on, config, gzip, run, text as text_of, urls};

fn refused(config: Config) -> (Error, String) {
    let error = match Job::open(config) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    };
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 300, "{text}");
    (error, text)
}

fn any(directory: &Path) -> Config {
    config(urls(["http://127.0.0.1:1/"]), directory)
}

#[test]
fn f1f_a_directory_is_used_by_one_job_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = Job::open(any(directory.path())).unwrap();
    let (error, text) = refused(any(directory.path()));
    assert!(matches!(error, Error::Locked(_)), "{text}");
    assert!(text.contains("in use by another brigade"), "{text}");
    drop(first);
    Job::open(any(directory.path())).map(drop).unwrap();
}

#[test]
fn an_output_that_cannot_be_a_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    let (error, text) = refused(any(&file));
    assert!(matches!(error, Error::NotADirectory(_)), "{text}");
    let (error, text) = refused(any(Path::new("/proc/brigade")));
    assert!(matches!(error, Error::Directory { .. }), "{text}");
    assert!(text.contains("/proc/brigade"), "{text}");
}

#[test]
fn a_missing_list_leaves_no_directory_behind() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let (error, text) = refused(config(Input::File("/no/such/list".into()), &out));
    assert!(matches!(error, Error::Input { .. }), "{text}");
    assert!(text.contains("'/no/such/list'"), "{text}");
    assert!(!out.exists());
    let (_, text) = refused(config(Input::File(directory.path().into()), &out));
    assert!(text.contains("directory"), "{text}");
    assert!(!out.exists());
}

#[test]
fn parts_without_a_ledger_are_never_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("part-00000.jsonl");
    fs::write(&part, "somebody's\n").unwrap();
    let (error, text) = refused(any(directory.path()));
    assert!(matches!(error, Error::Foreign { .. }), "{text}");
    assert_eq!(fs::read_to_string(part).unwrap(), "somebody's\n");
}

#[test]
fn a_ledger_that_is_none_or_damaged_or_newer_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger.db");
    fs::write(&ledger, "this is no database, whatever its name says").unwrap();
    let (error, text) = refused(any(directory.path()));
    assert!(matches!(error, Error::LedgerDamaged { .. }), "{text}");
    fs::remove_file(&ledger).unwrap();

    let other = rusqlite::Connection::open(&ledger).unwrap();
    other.execute_batch("CREATE TABLE mine (a)").unwrap();
    drop(other);
    let (_, text) = refused(any(directory.path()));
    assert!(text.contains("another program's database"), "{text}");
    fs::remove_file(&ledger).unwrap();

    Job::open(any(directory.path())).map(drop).unwrap();
    let newer = rusqlite::Connection::open(&ledger).unwrap();
    newer.execute_batch("PRAGMA user_version = 7").unwrap();
    drop(newer);
    let (error, text) = refused(any(directory.path()));
    assert!(
        matches!(error, Error::LedgerNewer { found: 7, .. }),
        "{text}"
    );
}

#[test]
fn a_part_that_is_shorter_than_committed_is_not_papered_over() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = config(urls([server.url("/")]), directory.path());
    run(config.clone()).unwrap();
    let part = directory.path().join("part-00000.jsonl");
    fs::write(&part, "").unwrap();
    let (error, text) = refused(config.clone());
    assert!(matches!(error, Error::PartLost { found: 0, .. }), "{text}");
    fs::remove_file(part).unwrap();
    let (error, _) = refused(config);
    assert!(matches!(error, Error::PartLost { found: 0, .. }));
}

#[test]
fn f1c_a_part_that_somebody_has_compressed_is_missed_and_not_deleted() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = config(urls([server.url("/")]), directory.path());
    run(config.clone()).unwrap();
    let part = directory.path().join("part-00000.jsonl");
    let compressed = directory.path().join("part-00000.jsonl.gz");
    fs::write(&compressed, gzip(&fs::read(&part).unwrap())).unwrap();
    let left = directory.path().join("part-00001.jsonl");
    fs::write(&left, "what a kill left").unwrap();
    fs::remove_file(&part).unwrap();
    let (error, text) = refused(config.clone());
    assert!(matches!(error, Error::PartLost { found: 0, .. }), "{text}");
    assert!(compressed.exists(), "it is all that is left of the part");
    fs::write(&part, text_of(&compressed)).unwrap();
    Job::open(config).map(drop).unwrap();
    assert!(compressed.exists(), "no kill leaves that behind");
    assert!(!left.exists());
}

#[test]
fn f1g_a_job_ends_when_its_writer_does_however_long_a_server_takes() {
    let server = Server::start_thread(|request| match request.path() {
        "/slow" => Reply::hang(),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = (0..200)
        .map(|_| server.url("/"))
        .chain([server.url("/slow")]);
    let mut config = config(urls(list), directory.path());
    config.format = Format::Files;
    config.commit_interval = Duration::from_secs(3600);
    let job = Job::open(config).unwrap();
    fs::write(directory.path().join("files"), "in the way").unwrap();
    let ended = block_on(async {
        let run = job.run(Token::new());
        tokio::time::timeout(Duration::from_secs(30), run).await
    });
    let error = ended.expect("it ends").unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let mut config = any(&out);
    config.concurrency = 0;
    assert!(refused(config).1.contains("concurrency must be at least 1"));
    let mut config = any(&out);
    config.concurrency = usize::MAX / 64;
    let (_, text) = refused(config);
    assert!(text.contains("concurrency must be at most 65536"), "{text}");
    let mut config = any(&out);
    config.headers = vec![("bad header".into(), "x".into())];
    let (error, text) = refused(config);
    assert!(matches!(error, Error::Client(_)), "{text}");
    assert!(!out.exists(), "nothing is left behind");
}

#[test]
fn parts_beside_an_empty_ledger_are_never_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let part = directory.path().join("part-00000.jsonl");
    fs::write(&part, "precious\n").unwrap();
    fs::write(directory.path().join("ledger.db"), "").unwrap();
    // The first attempt makes tables in the empty file; the second one must not be fooled by them.
    for _ in 0..2 {
        let (error, text) = refused(any(directory.path()));
        assert!(matches!(error, Error::Foreign { .. }), "{text}");
        assert_eq!(fs::read_to_string(&part).unwrap(), "precious\n");
    }
}
