//! Places that take no more: a full stdout, a reader who left, a limit on the size of files.

use crate::kit::{Place, Run, records, summary};
use brigade_testkit::server::{Reply, Server};
use serde_json::Value;
use std::fs::File;
use std::process::{Command, Stdio};

const FETCH: [&str; 5] = ["fetch", "-i", "urls.txt", "-o", "out"];

/// Runs the command with this as its stdout.
fn run_to(place: &Place, arguments: &[&str], stdout: impl Into<Stdio>) -> Run {
    let mut command = place.brigade(arguments);
    command.stdout(stdout).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    drop(command);
    place.end(child)
}

fn full() -> Option<File> {
    File::options().write(true).open("/dev/full").ok()
}

/// A pipe that nobody reads any more.
fn left() -> std::io::PipeWriter {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer
}

/// A job that is done, with a failure if its list has one.
fn done(server: &Server, paths: &[&str]) -> Place {
    let place = Place::new().knows(server, "SERVER");
    place.list(paths.iter().map(|path| server.url(path)));
    let run = place.run(&[&FETCH[..], &["--progress", "none"]].concat());
    assert!(matches!(run.code, Some(0 | 1)), "{run:?}");
    place
}

fn site() -> Server {
    Server::start_thread(|request| match request.path() {
        "/missing" => Reply::status(404),
        _ => Reply::ok("line\nline\n"),
    })
    .unwrap()
}

#[test]
fn f4l_what_cannot_be_written_is_an_error_and_a_reader_who_left_is_none() {
    let server = site();
    let place = done(&server, &["/1", "/missing"]);
    let url = server.url("/lines");
    let commands: &[&[&str]] = &[
        &["status", "out"],
        &["status", "out", "--json"],
        &["failures", "out"],
        &["failures", "out", "--summary"],
        &["failures", "out", "--urls"],
        &["man"],
        &["man", "fetch"],
        &["completions", "bash"],
        &["lines", &url],
        &["--help"],
        &["fetch", "-h"],
        &["--version"],
    ];
    for arguments in commands {
        let run = run_to(&place, arguments, left());
        let said = (run.code, run.stderr.as_str());
        assert_eq!(said, (Some(0), ""), "{arguments:?}");
        if let Some(full) = full() {
            let run = run_to(&place, arguments, full);
            run.assert_one_line_error(2);
            assert!(run.stderr.contains("No space left on device"), "{run:?}");
        }
    }
}

#[test]
fn f4l_a_report_that_cannot_be_printed_changes_no_exit_code_and_is_said() {
    let server = site();
    for (path, code) in [("/1", 0), ("/missing", 1)] {
        for progress in ["plain", "json"] {
            let arguments = [&FETCH[..], &["--progress", progress, "--fresh"]].concat();
            let place = Place::new();
            place.list([server.url(path)]);
            let run = run_to(&place, &arguments, left());
            assert_eq!(
                (run.code, run.stderr.as_str()),
                (Some(code), ""),
                "{progress}"
            );
            let Some(full) = full() else {
                continue;
            };
            let run = run_to(&place, &arguments, full);
            run.assert_one_line_error(code);
            let why = "cannot write to the standard output: No space left on device";
            assert!(run.stderr.contains(why), "{run:?}");
            assert_eq!(summary(&place.path("out"))["state"], "done");
        }
    }
}

#[test]
fn f4l_the_demo_says_what_it_cannot_print() {
    let place = Place::new();
    let run = run_to(&place, &["demo", "--progress", "none"], left());
    assert_eq!(run.code, Some(0), "{run:?}");
    let Some(full) = full() else {
        return;
    };
    let run = run_to(&place, &["demo", "--progress", "none"], full);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stderr.contains("cannot write to the standard output"),
        "{run:?}"
    );
}

/// With its default action the signal would kill the process in the middle of everything.
#[test]
fn f1g_a_limit_on_the_size_of_files_is_one_line_and_the_job_continues_without_it() {
    let server = Server::start_thread(|_| Reply::ok("x".repeat(8 * 1024))).unwrap();
    let place = Place::new();
    place.list((0..400).map(|page| server.url(&format!("/{page}"))));
    let run = limited(&place, "-f 1024", &FETCH);
    run.assert_one_line_error(2);
    for part in ["File too large", "ulimit -f", "run the same command again"] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let status = place.run(&["status", "out", "--json"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["activity"], "interrupted");
    let committed = status["ok"].as_u64().unwrap();
    assert!(committed > 10, "{committed} results fit");
    let run = place.run(&FETCH);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(records(&place.path("out")).len(), 400);
}

#[test]
fn f1p_a_job_with_few_open_files_does_less_at_once_and_says_so() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let place = Place::new();
    place.list((0..400).map(|page| server.url(&format!("/{page}"))));
    let many = ["-c", "64", "--per-host", "64", "--retries", "0"];
    let run = limited(&place, "-n 64", &[&FETCH[..], &many].concat());
    assert_eq!(run.code, Some(0), "{run:?}");
    let said = "32 requests at once instead of 64, since no more than 64 files may be open";
    assert!(run.stderr.contains(said), "{run:?}");
    assert_eq!(records(&place.path("out")).len(), 400);
    // The soft limit alone is nobody's decision.
    let run = limited(
        &place,
        "-Sn 64",
        &[&FETCH[..], &many, &["--fresh"]].concat(),
    );
    assert_eq!((run.code, run.stderr.contains("at once")), (Some(0), false));
}

#[test]
fn f1p_a_command_that_cannot_begin_is_not_taken_for_a_job_with_failures() {
    let place = Place::new();
    place.list(["http://127.0.0.1:1/".to_owned()]);
    let run = limited(&place, "-n 6", &FETCH);
    run.assert_one_line_error(2);
    assert!(run.stderr.contains("Too many open files"), "{run:?}");
}

/// Runs the command with a limit of the shell.
fn limited(place: &Place, limit: &str, arguments: &[&str]) -> Run {
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script, env!("CARGO_BIN_EXE_brigade")])
        .args(arguments)
        .current_dir(place.path("."));
    place.end(place.start(shell))
}
