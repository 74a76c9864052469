//! Compressed lists, from the file to the records.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use brigade_jobs::{Input, Job, ListForm, State};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, ask, config, gzip, run, run_until};

fn server() -> Server {
    Server::start_thread(|_| Reply::ok("fine")).unwrap()
}

fn list(server: &Server, lines: std::ops::Range<usize>) -> String {
    lines.map(|n| server.url(&format!("/{n:05}\n"))).collect()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut out, text, 3).unwrap();
    out
}

#[test]
fn f9e_a_compressed_list_stops_and_continues_by_itself() {
    let server = server();
    let text = list(&server, 0..3000);
    let (first, second) = text.as_bytes().split_at(33_333);
    // Two members, and two frames.
    let packed = [
        [gzip(first), gzip(second)].concat(),
        [zstd(first), zstd(second)].concat(),
    ];
    for packed in packed {
        let directory = tempfile::tempdir().unwrap();
        // The name says nothing.
        let path = directory.path().join("list.txt");
        fs::write(&path, packed).unwrap();
        let out = directory.path().join("out");
        let mut config = config(Input::File(path), &out);
        config.window = 16;
        let mut runs = 0;
        while run_until(config.clone(), |now| now.finished > 1000)
            .unwrap()
            .state
            != State::Done
        {
            runs += 1;
        }
        assert!(runs >= 2, "{runs}");
        Output::read(&out).assert_complete(0..3000);
        assert_eq!(
            ask::<String>(&out, "SELECT list_kind FROM job"),
            "compressed"
        );
        let spool = fs::read_to_string(out.join("input.spool")).unwrap();
        assert!(spool == text, "the spool is the plain list");
        let progress = Job::open(config).unwrap().progress().snapshot();
        assert_eq!(
            progress.input_bytes_total, None,
            "which is not known before it is read"
        );
    }
}

#[test]
fn f9e_a_list_that_was_read_to_its_end_is_not_decompressed_again() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.gz");
    fs::write(&path, gzip(list(&server, 0..100).as_bytes())).unwrap();
    let out = directory.path().join("out");
    let config = config(Input::File(path.clone()), &out);
    assert_eq!(run(config.clone()).unwrap().ok, 100);
    // An edit that nobody can see, and that would be an error.
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let bytes = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xff; bytes.len() - 10], 10).unwrap();
    file.set_modified(modified).unwrap();
    let summary = run(config.clone()).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 100));
    // Once it shows, it is read.
    file.set_modified(SystemTime::now()).unwrap();
    let error = run(config.clone()).unwrap_err().to_string();
    assert!(
        error.contains("list.gz") && error.contains("gzip data is damaged"),
        "{error}"
    );
    // A longer list continues, compressed or not.
    fs::write(&path, gzip(list(&server, 0..120).as_bytes())).unwrap();
    assert_eq!(run(config.clone()).unwrap().ok, 120);
    fs::write(&path, gzip(list(&server, 1..120).as_bytes())).unwrap();
    let error = run(config.clone()).unwrap_err().to_string();
    assert!(error.contains("line 1 differs"), "{error}");
    // One that holds nothing any more is another list, and no stream that was not given again.
    fs::write(&path, gzip(b"")).unwrap();
    let error = run(config.clone()).unwrap_err().to_string();
    assert!(error.contains("it ended at byte 0 of"), "{error}");
    fs::write(&path, list(&server, 0..120)).unwrap();
    let error = run(config).unwrap_err().to_string();
    assert!(
        error.contains("it is a file now and was a compressed file before"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 120);
}

#[test]
fn f1i_the_last_line_of_a_compressed_list_that_was_fetched_does_not_become_another() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.gz");
    let text = list(&server, 0..30);
    let text = text.trim_end();
    fs::write(&path, gzip(text.as_bytes())).unwrap();
    let config = config(Input::File(path.clone()), &directory.path().join("out"));
    assert_eq!(run(config.clone()).unwrap().ok, 30);
    fs::write(&path, gzip(format!("{text}0\n").as_bytes())).unwrap();
    let error = run(config.clone()).unwrap_err().to_string();
    assert!(error.contains("line 30 differs"), "{error}");
    let longer = format!("{text}\n{}\n", server.url("/more"));
    fs::write(&path, gzip(longer.as_bytes())).unwrap();
    assert_eq!(run(config).unwrap().ok, 31);
}

fn broken(path: &Path, out: &Path) -> String {
    let error = run(config(Input::File(path.to_owned()), out)).unwrap_err();
    let error = error.to_string();
    assert!(
        !error.contains('\n') && error.contains("list.gz"),
        "{error}"
    );
    error
}

#[test]
fn f9e_of_a_list_that_breaks_off_no_line_is_made_up_and_a_whole_one_continues() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.gz");
    let text = list(&server, 0..2000);
    // The first member is whole and ends amid a line; the second one has lost its end.
    let (first, second) = text.as_bytes().split_at(text.len() / 2 + 5);
    let whole = [gzip(first), gzip(second)].concat();
    fs::write(&path, &whole[..whole.len() - 7]).unwrap();
    let out = directory.path().join("out");
    let error = broken(&path, &out);
    let place = format!(
        "its gzip data breaks off at byte {}, after ",
        whole.len() - 7
    );
    assert!(
        error.contains(&place) && error.contains(" whole lines"),
        "{error}"
    );
    broken(&path, &out);
    let known = Output::read(&out);
    for (index, record) in &known.results {
        assert_eq!(
            record["url"],
            server.url(&format!("/{index:05}")),
            "a whole line"
        );
    }
    assert!(known.failures.is_empty());
    fs::write(&path, &whole).unwrap();
    let summary = run(config(Input::File(path), &out)).unwrap();
    assert_eq!(
        (summary.state, summary.ok, summary.failed),
        (State::Done, 2000, 0)
    );
    Output::read(&out).assert_complete(0..2000);
}

#[test]
fn f9e_a_compressed_table_can_come_through_a_pipe() {
    use std::os::fd::AsRawFd;
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let text = format!("n,url\n1,{}\n2,{}", server.url("/1"), server.url("/2"));
    for packed in [
        zstd(text.as_bytes()),
        gzip(text.as_bytes()),
        text.into_bytes(),
        Vec::new(),
    ] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, &packed).unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let mut config = config(Input::File(path.into()), &out);
        let column = "url".to_owned();
        config.form = ListForm::Csv { column };
        let summary = run(config).unwrap();
        assert_eq!(
            (summary.state, summary.ok, summary.skipped),
            (State::Done, 2, 1)
        );
    }
    assert_eq!(Output::read(&out).results[&2]["columns"]["n"], "2");
    assert_eq!(
        server.requests().len(),
        2,
        "the list is the same, however it comes"
    );
}
