//! Lists as people have them.

use std::fs;
use std::io::{Seek, Write};
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Input, Job, State};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, block_on, config, run, run_until};

fn server() -> Server {
    Server::start_thread(|_| Reply::ok("fine")).unwrap()
}

#[test]
fn f1d_odd_lines_each_end_in_their_place() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let mut file = fs::File::create(&path).unwrap();
    write!(file, "\u{feff}{}\r\n", server.url("/0")).unwrap();
    write!(file, "\n   \n# comment\n\t {} \n", server.url("/4")).unwrap();
    file.write_all(b"http://\xff\xfe/\n").unwrap();
    file.write_all(&b"x".repeat(10_000_000)).unwrap();
    write!(file, "\n{}{}\n", server.url("/7?"), "y".repeat(60_000)).unwrap();
    write!(file, "{}", server.url("/8")).unwrap();
    drop(file);
    let out = directory.path().join("out");
    let summary = run(config(Input::File(path), &out)).unwrap();
    assert_eq!((summary.input, summary.skipped), (9, 3));
    let output = Output::read(&out);
    output.assert_complete([0, 4, 5, 6, 7, 8]);
    assert_eq!(output.kind(5), "bad_url");
    assert_eq!(output.kind(6), "bad_url");
    assert!(output.failures[&6]["url"].as_str().unwrap().len() < 400);
    assert_eq!(output.results[&0]["url"], server.url("/0"));
    assert_eq!(output.results[&4]["url"], server.url("/4"));
}

#[test]
fn an_empty_list_is_done_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    fs::write(&path, "").unwrap();
    let out = directory.path().join("out");
    for _ in 0..2 {
        let summary = run(config(Input::File(path.clone()), &out)).unwrap();
        assert_eq!(
            (summary.state, summary.input, summary.ok),
            (State::Done, 0, 0)
        );
    }
}

#[test]
fn f2d_a_list_of_ten_million_lines_starts_at_once() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let mut file = fs::File::create(&path).unwrap();
    let line = format!("{}\n", server.url("/0123456789/0123456789/0123456789"));
    file.write_all(line.repeat(10_000).as_bytes()).unwrap();
    // The rest is a hole: its length is there, reading it would take long.
    let length = line.len() as u64 * 10_000_000;
    file.set_len(length).unwrap();
    let out = directory.path().join("out");
    let started = brigade::clock::now();
    let summary = run_until(config(Input::File(path.clone()), &out), |now| now.ok > 0).unwrap();
    let took = brigade::clock::now().since(started);
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(summary.state, State::Interrupted);
    assert!(summary.input < 30_000, "it read {} lines", summary.input);
    // Nor is it read again to continue.
    let started = brigade::clock::now();
    let job = Job::open(config(Input::File(path), &out)).unwrap();
    let took = brigade::clock::now().since(started);
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(job);
}

/// A pipe that holds `bytes`, as a path.
fn pipe(
    bytes: Vec<u8>,
) -> (
    std::path::PathBuf,
    std::io::PipeReader,
    std::thread::JoinHandle<()>,
) {
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", reader.as_raw_fd()).into();
    let thread = std::thread::Builder::new()
        .spawn(move || {
            // The reader may leave early.
            let _ = writer.write_all(&bytes);
        })
        .unwrap();
    (path, reader, thread)
}

fn from_pipe(
    bytes: &[u8],
    out: &std::path::Path,
    stop_at: u64,
) -> Result<brigade_jobs::Summary, brigade_jobs::Error> {
    let (path, reader, thread) = pipe(bytes.to_vec());
    let mut config = config(Input::File(path), out);
    config.window = 16;
    let summary = run_until(config, |now| stop_at > 0 && now.finished >= stop_at);
    drop(reader);
    thread.join().unwrap();
    summary
}

#[test]
fn a_stream_is_spooled_and_continues_with_the_same_stream_or_none() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let lines: Vec<_> = (0..3000).map(|n| server.url(&format!("/{n:05}"))).collect();
    let list = lines.join("\n").into_bytes();

    let summary = from_pipe(&list, &out, 50).unwrap();
    assert_eq!(summary.state, State::Interrupted);
    assert!(!summary.input_complete);
    // Nothing given: the rest of the list is unknown, so the job must not look finished.
    let refused = from_pipe(b"", &out, 0).unwrap_err().to_string();
    assert!(refused.contains("it ended at byte 0 of"), "{refused}");
    // Another list is refused before anything of it is fetched.
    let before = server.requests().len();
    let other = [server.url("/other").as_bytes(), b"\n", &list].concat();
    let refused = from_pipe(&other, &out, 0).unwrap_err().to_string();
    assert!(refused.contains("line 1 differs"), "{refused}");
    assert!(
        !server.requests()[before..]
            .iter()
            .any(|r| r.path() == "/other")
    );
    // The same one continues.
    let summary = from_pipe(&list, &out, 0).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 3000));
    // All of it is in the spool now.
    let before = server.requests().len();
    let summary = from_pipe(b"", &out, 0).unwrap();
    assert_eq!(
        (summary.state, summary.ok, summary.input),
        (State::Done, 3000, 3000)
    );
    assert_eq!(server.requests().len(), before);
    let longer = [&list, &b"\n"[..], server.url("/more").as_bytes()].concat();
    let summary = from_pipe(&longer, &out, 0).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 3001));
    Output::read(&out).assert_complete(0..3001);
    let mut spool = fs::File::open(out.join("input.spool")).unwrap();
    assert_eq!(
        spool.seek(std::io::SeekFrom::End(0)).unwrap(),
        longer.len() as u64
    );
}

#[test]
fn given_urls_are_lines_and_a_line_break_in_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let input = Input::Urls(vec!["http://a/\nhttp://b/".into()]);
    let error = Job::open(config(input, directory.path())).unwrap_err();
    assert!(error.to_string().contains("line break"), "{error}");
}

#[test]
fn progress_counts_while_the_job_runs() {
    let server = server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list");
    let lines: Vec<_> = (0..100).map(|n| server.url(&format!("/{n}"))).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let job = Job::open(config(Input::File(path), &directory.path().join("out"))).unwrap();
    let progress = job.progress();
    assert_eq!(
        progress.snapshot().input_bytes_total,
        Some(lines.join("\n").len() as u64)
    );
    block_on(job.run(Token::new())).unwrap();
    let end = progress.snapshot();
    assert_eq!(
        (end.ok, end.failed, end.in_flight, end.waiting),
        (100, 0, 0, 0)
    );
    assert_eq!(
        (end.input, end.input_complete, end.committed),
        (100, true, 100)
    );
    assert_eq!(
        (end.requests, end.retries, end.finished, end.resumed),
        (100, 0, 100, 0)
    );
    assert_eq!(end.bytes, 400);
}
