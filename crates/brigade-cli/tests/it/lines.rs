//! `brigade lines`: what comes out, how soon, and what is said about what does not.

use crate::kit::{Place, Run, signal, until};
use brigade_testkit::server::{Reply, Request, Server};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Runs `brigade lines` against a server that always answers like this.
fn lines(reply: Reply, flags: &[&str]) -> Run {
    let server = Server::start_thread(move |_| reply.clone()).unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.run(&[&["lines", &server.url("/"), "--retries", "0"], flags].concat())
}

/// A server that gives these answers in turn, and the last one for ever.
fn in_turn<const N: usize>(replies: [Reply; N]) -> Server {
    let asked = AtomicUsize::new(0);
    let answer = move |_: &Request| {
        let turn = asked.fetch_add(1, Ordering::Relaxed);
        replies[turn.min(N - 1)].clone()
    };
    Server::start_thread(answer).unwrap()
}

/// Starts it, and returns its stdout apart.
fn started(place: &Place, url: &str, flags: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = place.start(place.brigade(&[&["lines", url], flags].concat()));
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

fn line_of(stdout: &mut impl BufRead) -> String {
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    line
}

/// A line and a half, and then silence.
fn quiet() -> Reply {
    let reply = Reply::ok("first\nhalf").header("content-length", "100");
    reply.hang_after(10)
}

#[test]
fn lines_arrive_byte_for_byte_with_lf_at_their_ends() {
    let body = &b"one\r\n\r\n \xfftwo\r\nthree\rfour\nlast"[..];
    let server = Server::start_thread(move |_| Reply::ok(body)).unwrap();
    let place = Place::new();
    let command = place.brigade(&["lines", &server.url("/")]);
    let output = place.start(command).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stdout, b"one\n\n \xfftwo\nthree\rfour\nlast\n");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn blank_lines_are_left_out_on_request() {
    let run = lines(Reply::ok("a\n\n \t\r\nb\n"), &["--skip-blank"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "a\nb\n"));
    let run = lines(Reply::ok(""), &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
}

#[test]
fn bad_lines_are_named_and_left_out_and_the_others_come() {
    let body = "{\"a\": 1}\n\n{\"a\": \nnot json\n[2]\n\"\u{1}\"";
    assert_snapshot!("lines_json", lines(Reply::ok(body), &["--json"]).text());
    let body = format!("short\n{}\nafter\n", "x".repeat(2000));
    let run = lines(Reply::ok(body), &["--max-line", "1KiB"]);
    assert_snapshot!("lines_too_long", run.text());
}

#[test]
fn a_stream_that_breaks_gives_its_whole_lines_and_an_error() {
    let run = lines(
        Reply::ok("one\ntwo\nthr")
            .header("content-length", "100")
            .then_close(),
        &[],
    );
    run.assert_one_line_error(1);
    assert_eq!(run.stdout, "one\ntwo\n");
    assert!(run.stderr.contains("failed to fetch"), "{run:?}");
}

#[test]
fn what_a_server_refuses_is_one_line_with_the_status() {
    for status in [404, 503] {
        let run = lines(Reply::status(status).body("a page\n"), &[]);
        run.assert_one_line_error(1);
        assert_eq!(run.stdout, "");
        assert!(
            run.stderr.contains(&format!("answered {status} ")),
            "{run:?}"
        );
    }
    let run = lines(Reply::hang(), &["--read-timeout", "50ms"]);
    run.assert_one_line_error(1);
    assert!(run.stderr.contains("read timeout"), "{run:?}");
    let run = lines(quiet(), &["--total-timeout", "300ms"]);
    run.assert_one_line_error(1);
    assert!(run.stderr.contains("total timeout"), "{run:?}");
}

#[test]
fn what_passes_is_asked_for_again() {
    let busy = Reply::status(503).header("retry-after", "0");
    let server = in_turn([busy, Reply::ok("here\n")]);
    let run = Place::new().run(&["lines", &server.url("/")]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "here\n"),
        "{run:?}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn each_line_is_there_at_once_and_ctrl_c_ends_it() {
    for (name, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let server = Server::start_thread(|_| quiet()).unwrap();
        let place = Place::new();
        let (child, mut stdout) = started(&place, &server.url("/"), &[]);
        assert_eq!(line_of(&mut stdout), "first\n");
        signal(&child, name);
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        let run = place.end(child);
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""));
        assert_eq!(rest, "", "what broke off is not a line");
    }
}

#[test]
fn a_reader_that_leaves_ends_it_quietly_though_nothing_comes_any_more() {
    for reply in [quiet(), Reply::ok("first\n".repeat(4 << 20))] {
        let server = Server::start_thread(move |_| reply.clone()).unwrap();
        let place = Place::new();
        let (child, mut stdout) = started(&place, &server.url("/"), &[]);
        assert_eq!(line_of(&mut stdout), "first\n");
        drop(stdout);
        let run = place.end(child);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn a_disk_that_is_full_is_one_line() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return;
    };
    let server = Server::start_thread(|_| Reply::ok("x\n")).unwrap();
    let place = Place::new();
    let mut command = place.brigade(&["lines", &server.url("/")]);
    command.stdout(full).stderr(Stdio::piped());
    let run = place.end(command.spawn().unwrap());
    run.assert_one_line_error(2);
    assert!(
        run.stderr.contains("cannot write to the standard output"),
        "{run:?}"
    );
}

#[test]
fn lines_go_on_with_the_next_response_if_that_is_wished_for() {
    let torn = Reply::ok("two\nthr")
        .header("content-length", "100")
        .then_close();
    let server = in_turn([Reply::ok("one\n"), torn, Reply::ok("three\n")]);
    let place = Place::new();
    let (child, mut stdout) = started(&place, &server.url("/"), &["--reconnect"]);
    let seen = [(); 3].map(|()| line_of(&mut stdout));
    assert_eq!(seen, ["one\n", "two\n", "three\n"]);
    signal(&child, Signal::SIGINT);
    let run = place.end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(
        run.stderr
            .contains("the stream has ended; connecting again in "),
        "{run:?}"
    );
}

#[test]
fn what_is_sent_is_a_post() {
    let answer = |request: &Request| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        Reply::ok(format!("{} {body}", request.method()))
    };
    let server = Server::start_thread(answer).unwrap();
    let place = Place::new();
    let file = place.file("body.json", "{}");
    let file = format!("@{}", file.display());
    let url = server.url("/");
    for (flags, expected) in [
        (&["-d", "text"][..], "POST text\n"),
        (&["--data", &file], "POST {}\n"),
        (&["-X", "PUT", "-d", "x"], "PUT x\n"),
    ] {
        let run = place.run(&[&["lines", &url], flags].concat());
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(0), expected),
            "{run:?}"
        );
    }
    place
        .run(&["lines", &url, "-d", "@nowhere"])
        .assert_one_line_error(2);
}

#[test]
fn a_reader_that_stops_stops_the_server_and_not_the_signals() {
    let (sent, address) = firehose();
    let place = Place::new();
    let mut command = place.brigade(&["lines", &format!("http://{address}/")]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    assert_eq!(line_of(&mut stdout), LINE);
    let mut before = 0;
    let mut calm = 0;
    until(|| {
        let now = sent.load(Ordering::Relaxed);
        calm = if now == before { calm + 1 } else { 0 };
        before = now;
        calm == 150
    });
    assert!(
        before < 32 << 20,
        "{before} bytes were taken that nobody reads"
    );
    signal(&child, Signal::SIGINT);
    let run = place.end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(!run.stderr.contains("panicked"), "{run:?}");
}

const LINE: &str = "a line of a stream that does not end\n";

/// A server that sends lines as fast as they are taken, and how many bytes that were.
fn firehose() -> (Arc<AtomicUsize>, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let serve = move || {
        let (mut socket, _) = listener.accept().unwrap();
        let _ = socket.read(&mut [0; 4096]).unwrap();
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let lines = LINE.repeat(1000);
        while socket.write_all(lines.as_bytes()).is_ok() {
            count.fetch_add(lines.len(), Ordering::Relaxed);
        }
    };
    thread::Builder::new().spawn(serve).unwrap();
    (sent, address)
}
