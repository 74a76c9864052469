//! What a failure's message says to a person who reads it weeks later.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use brigade_testkit::server::{Port, Reply, Request, Server};

use crate::support::{Output, config, run, urls};

const NO_HTTP: &str = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
const BAD_CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n";
const BAD_LENGTH: &str = "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\nabc";

/// A fault of the server, the kind that it is, and what its message says.
const FAULTS: [(&str, &str, &[&str]); 17] = [
    (
        "/reset",
        "protocol",
        &["the connection broke", "reset by peer"],
    ),
    (
        "/close",
        "protocol",
        &["the connection broke", "closed before"],
    ),
    (
        "/truncated",
        "protocol",
        &["the connection broke", "end of file before"],
    ),
    (
        "/cut",
        "protocol",
        &["the connection broke", "reset by peer"],
    ),
    ("/bad-chunk", "protocol", &["chunk size"]),
    ("/bad-length", "protocol", &["content-length"]),
    ("/endless-head", "protocol", &["head is too large"]),
    ("/no-http", "protocol", &["HTTP version"]),
    (
        "/hang",
        "timeout.read",
        &["stopped sending", "read timeout"],
    ),
    ("/slow", "timeout.total", &["too long", "total timeout"]),
    ("/gzip", "decode", &["cannot be decoded", "not valid gzip"]),
    (
        "/large",
        "too_large",
        &["larger than its limit", "10000 bytes"],
    ),
    ("/loop", "too_many_redirects", &["more than 10 redirects"]),
    ("/elsewhere", "bad_url", &["the redirect leads to `ftp`"]),
    (
        "/404",
        "http_status",
        &["the server answered 404 Not Found"],
    ),
    ("/499", "http_status", &["the server answered 499"]),
    (
        "/503",
        "http_status",
        &["the server answered 503 Service Unavailable"],
    ),
];

fn fault(request: &Request) -> Reply {
    match request.path() {
        "/reset" => Reply::reset(),
        "/close" => Reply::close(),
        "/truncated" => Reply::ok("abcdefgh").close_after(3),
        "/cut" => Reply::ok("abcdefgh").reset_after(3),
        "/bad-chunk" => Reply::raw(BAD_CHUNK),
        "/bad-length" => Reply::raw(BAD_LENGTH),
        "/endless-head" => {
            let lines = "x-filler: 0123456789\r\n".repeat(20_000);
            Reply::raw(format!("HTTP/1.1 200 OK\r\n{lines}"))
        }
        "/no-http" => Reply::raw(NO_HTTP),
        "/hang" => Reply::hang(),
        "/slow" => Reply::ok("x".repeat(1000)).slow(1, Duration::from_millis(20)),
        "/gzip" => Reply::ok("this is no gzip").header("content-encoding", "gzip"),
        "/large" => Reply::ok("").endless(),
        "/loop" => Reply::redirect(302, "/loop"),
        "/elsewhere" => Reply::redirect(302, "ftp://ann:url-secret@files.example/a"),
        path => Reply::status(path[1..].parse().unwrap()),
    }
}

/// Where somebody answers a TLS handshake in plain HTTP, as web servers do; for one connection.
fn plain_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let answer = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    };
    std::thread::Builder::new().spawn(answer).unwrap();
    url
}

#[test]
fn f4j_each_message_is_one_line_that_says_what_happened_and_no_secret() {
    let server = Server::start_thread(fault).unwrap();
    let refusing = Port::refusing().unwrap();
    let mut faults: Vec<(String, &str, &[&str])> = FAULTS
        .iter()
        .map(|(path, kind, says)| (server.url(path), *kind, *says))
        .collect();
    let others: [(String, &str, &[&str]); 4] = [
        (plain_port(), "tls", &["TLS"]),
        (refusing.url("/"), "connect", &["cannot connect", "refused"]),
        (
            "http://no-such-name.invalid/".into(),
            "dns",
            &["cannot be resolved", ": "],
        ),
        (
            "http://host:port/".into(),
            "bad_url",
            &["invalid port number"],
        ),
    ];
    faults.extend(others);
    let list = faults
        .iter()
        .map(|(url, ..)| url.replace("://", "://ann:url-secret@"));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.retries = 0;
    config.max_body = 10_000;
    config.timeouts.read = Some(Duration::from_millis(200));
    config.timeouts.total = Some(Duration::from_millis(1000));
    run(config).unwrap();
    let output = Output::read(directory.path());
    for (index, (url, kind, says)) in (0..).zip(faults) {
        assert_eq!(output.kind(index), kind, "{url}: {output:?}");
        let message = output.failures[&index]["message"].as_str().unwrap();
        for part in says {
            assert!(message.contains(part), "{url}: {message}");
        }
        assert!(!message.chars().any(char::is_control), "{url}: {message}");
        assert!((10..200).contains(&message.len()), "{url}: {message}");
        assert!(!message.contains("secret"), "{url}: {message}");
        assert!(
            !message.contains("127.0.0.1") || kind == "connect",
            "{url}: {message}"
        );
    }
}
