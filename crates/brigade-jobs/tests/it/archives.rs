//! F8: archives of exchanges as they went over the wire.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brigade_jobs::{Compression, Config, Error, Format, State};
use brigade_testkit::server::{Reply, Request, Server};

use crate::archive::{index, records};
use crate::support::{Output, config, run, run_until, urls};

fn site(request: &Request) -> Reply {
    match request.path() {
        "/moved" => Reply::redirect(302, "/there?B=2&a=1").body("over there"),
        "/long" => Reply::redirect(301, "/there").body("x".repeat(40_000)),
        "/chunked" => Reply::ok("").chunked(["wi", "ki"]).header("X-Case", "Kept"),
        "/packed" => Reply::ok("packed").header("content-encoding", "gzip"),
        "/missing" => Reply::status(404),
        _ => Reply::ok("fine").header("content-type", "text/plain; charset=utf-8"),
    }
}

fn archive(server: &Server, paths: &[&str], directory: &Path, compression: Compression) -> Config {
    let mut config = config(urls(paths.iter().map(|path| server.url(path))), directory);
    config.concurrency = 1;
    config.format = Format::Warc;
    config.compression = compression;
    config
}

#[test]
fn f8a_exchanges_are_archived_as_they_went_over_the_wire() {
    let server = Server::start_thread(site).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let paths = ["/moved", "/chunked", "/packed", "/missing"];
    for compression in [Compression::Gzip, Compression::None] {
        let mut config = archive(&server, &paths, directory.path(), compression);
        config.fresh = true;
        let summary = run(config).unwrap();
        assert_eq!((summary.ok, summary.failed), (3, 1));
        let name = match compression {
            Compression::None => "part-00000.warc",
            _ => "part-00000.warc.gz",
        };
        let records = records(&directory.path().join(name));
        assert_eq!(
            records.len(),
            1 + 2 * 4,
            "the failure is in the ledger alone"
        );
        let responses: Vec<_> = records
            .iter()
            .filter(|record| record.kind() == "response")
            .collect();
        let (head, body) = responses[0].message();
        assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
        assert_eq!(body, b"over there");
        assert_eq!(
            responses[1].field("WARC-Target-URI"),
            server.url("/there?B=2&a=1")
        );
        assert_eq!(responses[1].field("WARC-IP-Address"), "127.0.0.1");
        let (head, body) = responses[2].message();
        assert!(head.contains("\r\nX-Case: Kept\r\n"), "{head}");
        assert_eq!(body, b"2\r\nwi\r\n2\r\nki\r\n0\r\n\r\n");
        let (head, body) = responses[3].message();
        assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
        assert_eq!(body, b"packed", "nothing is decoded");
        let (request, rest) = records[4].message();
        assert!(
            request.starts_with("GET /there?B=2&a=1 HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(rest.is_empty());
    }
}

#[test]
fn f8a_a_long_body_of_a_redirect_is_cut_and_says_so() {
    let server = Server::start_thread(site).unwrap();
    let directory = tempfile::tempdir().unwrap();
    run(archive(
        &server,
        &["/long"],
        directory.path(),
        Compression::None,
    ))
    .unwrap();
    let records = records(&directory.path().join("part-00000.warc"));
    assert_eq!(records[1].field("WARC-Truncated"), "length");
    assert_eq!(records[1].message().1.len(), 16 << 10);
    assert_eq!(Output::read(directory.path()).results[&0]["body"], "fine");
}

#[test]
fn f8d_the_index_of_a_finished_job_is_in_order_and_made_once() {
    let is_open = Arc::new(AtomicBool::new(false));
    let gate = is_open.clone();
    let server = Server::start_thread(move |request| match request.query("n") {
        Some("299") if !gate.load(Ordering::SeqCst) => Reply::hang(),
        _ => site(request),
    });
    let server = server.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<String> = (0..300)
        .map(|n| format!("/{}?n={n}", n * 7919 % 300))
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut config = archive(&server, &paths, directory.path(), Compression::Gzip);
    config.part_max = 20_000;
    config.commit_every = 10;
    let stopped = run_until(config.clone(), |progress| progress.committed > 100).unwrap();
    assert_eq!(stopped.state, State::Interrupted);
    let whole = directory.path().join("index.cdxj");
    assert!(!whole.exists(), "it is of a finished job");
    is_open.store(true, Ordering::SeqCst);
    let summary = run(config.clone()).unwrap();
    assert!(summary.parts > 2, "{}", summary.parts);
    Output::read(directory.path()).assert_complete(0..300);

    let mut expected: Vec<String> = Vec::new();
    for part in 0..summary.parts {
        let text = fs::read_to_string(directory.path().join(format!("part-{part:05}.cdxj")));
        expected.extend(text.unwrap().lines().map(str::to_owned));
    }
    expected.sort();
    let text = fs::read_to_string(&whole).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let (key, moment, said) = &index(&whole)[0];
    assert!(
        key.starts_with("1,0,0,127:") && key.ends_with(")/0?n=0"),
        "{key}"
    );
    assert_eq!(moment.len(), 14);
    assert_eq!(
        (&said["mime"], &said["status"]),
        (&"text/plain".into(), &"200".into())
    );
    let left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert_eq!(left, Vec::<String>::new());

    let before = fs::metadata(&whole).unwrap().modified().unwrap();
    run(config.clone()).unwrap();
    assert_eq!(fs::metadata(&whole).unwrap().modified().unwrap(), before);
    fs::write(&whole, "half").unwrap();
    run(config).unwrap();
    assert_eq!(fs::read_to_string(&whole).unwrap(), text);
}

#[test]
fn f8e_no_secret_comes_into_an_archive() {
    let server = Server::start_thread(site).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = archive(
        &server,
        &["/moved", "/chunked"],
        directory.path(),
        Compression::None,
    );
    let with_password = server
        .url("/moved")
        .replacen("http://", "http://me:hunter2@", 1);
    config.input = urls([with_password, server.url("/chunked#hunter2")]);
    config.headers = [
        ("X-Key", "hunter2"),
        ("cookie", "a=hunter2"),
        ("User-Agent", "hunter2/1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec();
    run(config).unwrap();
    let sent = &server.requests()[0];
    assert_eq!(sent.header("x-key"), Some("hunter2"));
    assert_eq!(sent.header("authorization"), Some("Basic bWU6aHVudGVyMg=="));
    for file in [
        "part-00000.warc",
        "part-00000.cdxj",
        "index.cdxj",
        "summary.json",
        "ledger.db",
    ] {
        let bytes = fs::read(directory.path().join(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["hunter2", "bWU6aHVudGVyMg"] {
            assert!(!text.contains(secret), "{secret} is in {file}");
        }
    }
    let archived = fs::read_to_string(directory.path().join("part-00000.warc")).unwrap();
    for name in ["x-key", "cookie", "user-agent", "authorization"] {
        assert!(
            archived.contains(&format!("\r\n{name}: withheld\r\n")),
            "{name}: {archived}"
        );
    }
}

#[test]
fn f8j_a_body_that_is_there_is_referred_to_and_always_lies_before() {
    let server = Server::start_thread(|request| {
        let n: usize = request.query("n").unwrap_or_default().parse().unwrap();
        let body = format!("{} ", n % 3).repeat(300);
        match n % 3 {
            // So the job still runs when it is to be stopped.
            2 if n == 200 => Reply::hang(),
            // In chunks, the same body is another.
            _ if n % 6 == 4 => Reply::ok("").chunked([body]),
            2 => Reply::ok("short"),
            _ => Reply::ok(body),
        }
    });
    let server = server.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let paths: Vec<String> = (0..300).map(|n| format!("/?n={n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut config = archive(&server, &paths, directory.path(), Compression::Gzip);
    config.revisits = true;
    config.concurrency = 4;
    config.part_max = 8_000;
    config.commit_every = 10;
    config.retries = 0;
    config.timeouts.read = Some(std::time::Duration::from_millis(300));
    let stopped = run_until(config.clone(), |progress| progress.committed > 100).unwrap();
    assert_eq!(stopped.state, State::Interrupted);
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (299, 1));
    assert!(summary.parts > 2, "{}", summary.parts);

    let mut before = HashMap::new();
    let mut revisits = 0;
    for part in 0..summary.parts {
        let path = directory.path().join(format!("part-{part:05}.warc.gz"));
        let records = records(&path);
        let lines = index(&path.with_file_name(format!("part-{part:05}.cdxj")));
        let responses = records.iter().filter(|record| record.kind() != "request");
        for (record, (_, _, said)) in responses.skip(1).zip(lines) {
            let (url, digest) = (
                record.field("WARC-Target-URI"),
                record.field("WARC-Payload-Digest"),
            );
            let of = [url, record.field("WARC-Date"), digest].map(str::to_owned);
            assert_eq!(said["url"], url);
            assert_eq!(said["digest"], digest);
            let (head, mut body) = record.message();
            if record.kind() == "revisit" {
                assert_eq!((&said["mime"], body), (&"warc/revisit".into(), &b""[..]));
                let to = record.field("WARC-Refers-To");
                let (there, of): &([String; 3], Vec<u8>) = before.get(to).expect("it lies before");
                let [url, date] = ["Target-URI", "Date"]
                    .map(|name| record.field(&format!("WARC-Refers-To-{name}")).to_owned());
                assert_eq!(*there, [url, date, digest.to_owned()]);
                body = of;
                revisits += 1;
            } else {
                let id = record.field("WARC-Record-ID").to_owned();
                before.insert(id, (of, body.to_vec()));
            }
            let n: usize = url.rsplit('=').next().unwrap().parse().unwrap();
            let expected = match (n % 3, head.to_lowercase().contains("chunked")) {
                (2, _) => "short".to_owned(),
                (third, false) => format!("{third} ").repeat(300),
                (third, true) => format!("258\r\n{}\r\n0\r\n\r\n", format!("{third} ").repeat(300)),
            };
            assert_eq!(String::from_utf8_lossy(body), expected, "{url}");
            assert!(
                n % 3 != 2 || record.kind() == "response",
                "{url} is too short"
            );
        }
    }
    assert!(revisits > 100, "{revisits} of 200");
}

#[test]
fn f8f_a_lost_or_torn_index_is_noticed() {
    let server = Server::start_thread(site).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = archive(&server, &["/a", "/b"], directory.path(), Compression::Gzip);
    run(config.clone()).unwrap();
    let path = directory.path().join("part-00000.cdxj");
    let text = fs::read(&path).unwrap();
    fs::write(&path, [&text[..], b"torn"].concat()).unwrap();
    fs::write(directory.path().join("part-00001.cdxj"), "unknown").unwrap();
    run(config.clone()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), text);
    assert!(!directory.path().join("part-00001.cdxj").exists());
    fs::write(&path, &text[1..]).unwrap();
    let error = run(config).unwrap_err();
    assert!(matches!(error, Error::PartLost { .. }), "{error}");
    assert!(error.to_string().contains("part-00000.cdxj"), "{error}");
}
