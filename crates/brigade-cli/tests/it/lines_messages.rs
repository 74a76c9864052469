//! `brigade lines` with WebSockets.

use crate::kit::{Place, Run, signal};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::websocket::{WsConn, WsServer, kind};
use nix::sys::signal::Signal;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// A server beside the command, for as long as the value lives.
struct Talk {
    server: WsServer,
    place: Place,
    _runtime: Runtime,
}

impl Talk {
    fn with<P>(script: impl Fn(WsConn) -> P + Send + Sync + 'static) -> Self
    where
        P: Future<Output = io::Result<()>> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let inside = runtime.enter();
        let server = WsServer::start(script).unwrap();
        drop(inside);
        Self {
            server,
            place: Place::new(),
            _runtime: runtime,
        }
    }

    fn start(&self, flags: &[&str]) -> Child {
        let url = self.server.url("/");
        let mut command = self.place.brigade(&[&["lines", &url], flags].concat());
        command.stdin(Stdio::piped());
        self.place.start(command)
    }

    fn run(&self, flags: &[&str]) -> Run {
        self.place.end(self.start(flags))
    }
}

/// Says two messages back, and closes.
async fn echo(mut conn: WsConn) -> io::Result<()> {
    conn.agree("").await?;
    for _ in 0..2 {
        if let Some(message) = conn.message().await? {
            conn.send(kind::TEXT, message).await?;
        }
    }
    conn.send(kind::CLOSE, 1000_u16.to_be_bytes()).await
}

#[test]
fn messages_go_out_by_flag_and_by_line_and_come_back_as_lines() {
    let talk = Talk::with(echo);
    let run = talk.run(&["--send", "one", "-s", "two"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "one\ntwo\n"),
        "{run:?}"
    );
    let file = talk.place.file("input", "three\r\nfour");
    let run = talk.run(&["-i", &file.display().to_string()]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "three\nfour\n"),
        "{run:?}"
    );
    let mut child = talk.start(&["-s", "five", "-i", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"six\n").unwrap();
    drop(stdin);
    let run = talk.place.end(child);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "five\nsix\n"),
        "{run:?}"
    );
}

#[test]
fn bytes_are_printed_in_an_envelope_and_named_without() {
    let talk = Talk::with(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "a\nb").await?;
        conn.send(kind::BINARY, [0, 255]).await?;
        conn.send(kind::TEXT, "[1,\r\n2]").await?;
        conn.send(kind::CLOSE, 1000_u16.to_be_bytes()).await
    });
    let run = talk.run(&["--envelope"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let lines = [
        "{\"data\":\"a\\nb\"}",
        "{\"binary\":\"AP8=\"}",
        "{\"data\":\"[1,\\r\\n2]\"}",
    ];
    assert_eq!(run.stdout, lines.join("\n") + "\n");
    let run = talk.run(&[]);
    run.assert_one_line_error(1);
    assert_eq!(run.stdout, "a\nb\n[1,\r\n2]\n");
    assert!(run.stderr.contains("message 2 is binary"), "{run:?}");
    let run = talk.run(&["--json"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(1), "[1,  2]\n"),
        "{run:?}"
    );
    let run = talk.run(&["--max-line", "2"]);
    run.assert_one_line_error(1);
}

#[test]
fn ctrl_c_closes_and_prints_the_last_words() {
    let talk = Talk::with(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "first").await?;
        while let Some(frame) = conn.frame().await? {
            if frame.first == kind::CLOSE {
                conn.send(kind::TEXT, "last").await?;
                conn.send(kind::CLOSE, frame.payload).await?;
            }
        }
        Ok(())
    });
    let mut child = talk.start(&["-i", "-"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    stdout.read_line(&mut said).unwrap();
    signal(&child, Signal::SIGINT);
    stdout.read_to_string(&mut said).unwrap();
    let run = talk.place.end(child);
    assert_eq!((run.code, run.stderr.as_str()), (Some(130), ""));
    assert_eq!(said, "first\nlast\n");
}

#[test]
fn a_server_that_does_not_close_holds_up_nobody() {
    let talk = Talk::with(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "first").await?;
        conn.set_patience(Duration::from_secs(60));
        while conn.frame().await?.is_some() {}
        Ok(())
    });
    let mut child = talk.start(&[]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    stdout.read_line(&mut said).unwrap();
    signal(&child, Signal::SIGTERM);
    let run = talk.place.end(child);
    assert_eq!((run.code, run.stderr.as_str()), (Some(143), ""));
}

#[test]
fn what_a_server_says_against_it_is_one_line() {
    let talk = Talk::with(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "one").await?;
        let reason = [&1011_u16.to_be_bytes()[..], b"out of\norder"].concat();
        conn.send(kind::CLOSE, reason).await
    });
    let run = talk.run(&[]);
    run.assert_one_line_error(1);
    assert_eq!(run.stdout, "one\n");
    assert!(run.stderr.contains("code 1011: out of order"), "{run:?}");
    let page = Server::start_thread(|_| Reply::status(403)).unwrap();
    let url = page.url("/");
    let run = talk
        .place
        .run(&["lines", "--as", "websocket", "--retries", "0", &url]);
    run.assert_one_line_error(1);
    assert!(run.stderr.contains("403"), "{run:?}");
}

#[test]
fn a_socket_that_closes_is_opened_again_if_that_is_wished_for() {
    let talk = Talk::with(|mut conn| async move {
        conn.agree("").await?;
        conn.send(kind::TEXT, "one").await?;
        conn.send(kind::CLOSE, 1012_u16.to_be_bytes()).await
    });
    let mut child = talk.start(&["--reconnect"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "one\n");
    }
    signal(&child, Signal::SIGINT);
    let run = talk.place.end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(
        run.stderr.contains("code 1012; connecting again in "),
        "{run:?}"
    );
}
