//! Every format holds what the server sent, and a job goes on in the one that it began in.

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use brigade_jobs::{Compression, Config, Error, Format, Job};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, run, run_until, urls};

const KINDS: [(Format, Compression); 4] = [
    (Format::Jsonl, Compression::None),
    (Format::Jsonl, Compression::Gzip),
    (Format::Jsonl, Compression::Zstd),
    (Format::Files, Compression::None),
];

/// Bodies that differ in every respect which matters to a format.
fn body(path: &str) -> Vec<u8> {
    match path {
        "/0" => Vec::new(),
        "/1" => b"line\nbreak \"quoted\" \\ \x00\x1f".to_vec(),
        "/2" => (0..=255).cycle().take(300_000).collect(),
        "/3" => "\u{1F600}\u{e9}".repeat(90_000).into_bytes(),
        other => other.repeat(50).into_bytes(),
    }
}

fn read(line: &serde_json::Value, directory: &std::path::Path) -> Vec<u8> {
    use base64::Engine;
    if let Some(file) = line["file"].as_str() {
        return fs::read(directory.join(file)).unwrap();
    }
    match line["body_base64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap(),
        None => line["body"].as_str().unwrap().into(),
    }
}

#[test]
fn f7c_every_format_holds_what_the_server_sent_each_once() {
    let server = Server::start_thread(|request| Reply::ok(body(request.path()))).unwrap();
    for (format, compression) in KINDS {
        let directory = tempfile::tempdir().unwrap();
        let list = urls((0..400).map(|n| server.url(&format!("/{n}"))));
        let mut config = config(list, directory.path());
        (config.format, config.compression) = (format, compression);
        config.commit_every = 70;
        let summary = run(config).unwrap();
        assert_eq!((summary.ok, summary.failed), (400, 0), "{format:?}");
        let output = Output::read(directory.path());
        output.assert_complete(0..400);
        for (index, line) in &output.results {
            let expected = body(&format!("/{index}"));
            assert!(
                read(line, directory.path()) == expected,
                "{format:?} {index}: {line}"
            );
        }
    }
}

#[test]
fn f7g_parts_end_between_records_when_they_have_their_size() {
    let server = Server::start_thread(|request| {
        // Nothing that could be compressed.
        let mut random = fastrand::Rng::with_seed(request.path()[1..].parse().unwrap());
        Reply::ok((0..3000).map(|_| random.u8(..)).collect::<Vec<_>>())
    })
    .unwrap();
    for (format, compression) in &KINDS[..3] {
        let directory = tempfile::tempdir().unwrap();
        let list = urls((0..300).map(|n| server.url(&format!("/{n}"))));
        let mut config = config(list, directory.path());
        (config.format, config.compression) = (*format, *compression);
        config.part_max = 300_000;
        let summary = run(config).unwrap();
        let output = Output::read(directory.path());
        output.assert_complete(0..300);
        assert_eq!(summary.parts, output.parts as u64);
        let name = |part| match compression {
            Compression::None => format!("part-{part:05}.jsonl"),
            Compression::Gzip => format!("part-{part:05}.jsonl.gz"),
            _ => format!("part-{part:05}.jsonl.zst"),
        };
        let sizes: Vec<u64> = (0..output.parts)
            .map(|part| {
                fs::metadata(directory.path().join(name(part)))
                    .unwrap()
                    .len()
            })
            .collect();
        let (last, full) = sizes.split_last().unwrap();
        assert!(full.len() >= 2 && *last > 0, "{compression:?}: {sizes:?}");
        let sized = |size: &u64| (300_000..900_000).contains(size);
        assert!(full.iter().all(sized), "{compression:?}: {sizes:?}");
    }
}

#[test]
fn f7d_bodies_that_are_json_become_values_and_others_stay_what_they_are() {
    let server = Server::start_thread(|request| {
        Reply::ok(match request.path() {
            "/object" => "{\n  \"a\": [1, 2.50, \"x\\ny\"],\r\n\t\"b\": null\n}\n",
            "/text" => "{broken",
            "/string" => "\"text\"",
            _ => "",
        })
    })
    .unwrap();
    for compression in [Compression::None, Compression::Zstd] {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["/object", "/text", "/string", "/empty"];
        let mut config = config(urls(paths.map(|path| server.url(path))), directory.path());
        (config.json_bodies, config.compression) = (true, compression);
        run(config).unwrap();
        let results = Output::read(directory.path()).results;
        let value = serde_json::json!({"a": [1, 2.50, "x\ny"], "b": null});
        assert_eq!(results[&0]["body_json"], value);
        assert_eq!(results[&0].get("body"), None);
        assert_eq!(results[&1]["body"], "{broken");
        assert_eq!(results[&2]["body_json"], "text");
        assert_eq!(results[&3]["body"], "");
    }
}

#[test]
fn f7a_a_job_goes_on_in_the_format_that_it_began_in() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    for (at, (format, compression)) in KINDS.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let settings = |format, compression| {
            let list = urls((0..50).map(|n| server.url(&format!("/{n}"))));
            let mut config = config(list, directory.path());
            (config.format, config.compression) = (format, compression);
            config
        };
        run_until(settings(format, compression), |progress| progress.ok > 3).unwrap();
        let (other, with) = KINDS[(at + 1) % KINDS.len()];
        let error = Job::open(settings(other, with)).map(drop).unwrap_err();
        assert!(matches!(error, Error::OtherFormat { .. }), "{error}");
        assert!(error.to_string().contains("--fresh"), "{error}");
        run(settings(format, compression)).unwrap();
        Output::read(directory.path()).assert_complete(0..50);
        // With --fresh nothing of the old one is left.
        let fresh = Config {
            fresh: true,
            ..settings(other, with)
        };
        run(fresh).unwrap();
        let output = Output::read(directory.path());
        output.assert_complete(0..50);
        let bodies = directory.path().join("files");
        assert_eq!(bodies.exists(), other == Format::Files);
    }
}

#[test]
fn f7a_somebody_elses_files_are_neither_mixed_with_ours_nor_deleted() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("files")).unwrap();
    fs::write(directory.path().join("files/mine"), "x").unwrap();
    for fresh in [false, true] {
        let mut config = config(urls(["http://127.0.0.1:1/"]), directory.path());
        (config.fresh, config.format) = (fresh, Format::Files);
        let error = Job::open(config).map(drop).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
        assert!(error.to_string().ends_with("delete it yourself"), "{error}");
        assert!(directory.path().join("files/mine").exists());
    }
}

#[test]
fn f7h_in_order_whatever_fails_is_retried_or_is_slow_and_over_stops() {
    let asked = Mutex::new(HashSet::new());
    let server = Server::start_thread(move |request| {
        let number: u64 = request.path()[1..].parse().unwrap();
        let first = asked.lock().unwrap().insert(number);
        let reply = match number % 20 {
            3 => Reply::status(404),
            4 if first => Reply::status(500),
            _ => Reply::ok(format!("{number} ").repeat(200)),
        };
        reply.delay(Duration::from_millis(if number.is_multiple_of(50) {
            60
        } else {
            number % 3
        }))
    })
    .unwrap();
    for (format, compression) in KINDS {
        let directory = tempfile::tempdir().unwrap();
        let settings = || {
            let list = urls((0..900).map(|n| server.url(&format!("/{n}"))));
            let mut config = config(list, directory.path());
            (config.format, config.compression) = (format, compression);
            (config.ordered, config.window, config.body_budget) = (true, 40, 20_000);
            (config.commit_every, config.part_max) = (50, 100_000);
            config
        };
        run_until(settings(), |progress| progress.ok > 200).unwrap();
        let summary = run(settings()).unwrap();
        assert_eq!(
            (summary.ok, summary.failed),
            (855, 45),
            "{format:?} {compression:?}"
        );
        let order = Output::read(directory.path()).order;
        let expected: Vec<_> = (0..900).filter(|n| n % 20 != 3).collect();
        assert_eq!(order, expected, "{format:?} {compression:?}");
        let names = fs::read_dir(directory.path()).unwrap();
        let left = names.filter(|name| {
            name.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|e| e == "spill")
        });
        assert_eq!(left.count(), 0, "nothing that waited is left");
    }
}

#[test]
fn f7i_memory_and_look_ahead_of_a_job_in_order_are_bounded_while_one_line_takes_long() {
    let server = Server::start_thread(|request| match request.path() {
        "/0" => Reply::hang(),
        _ => Reply::ok("x".repeat(10_000)),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls((0..5000).map(|n| server.url(&format!("/{n}"))));
    let mut config = config(list, directory.path());
    (config.ordered, config.window, config.body_budget) = (true, 300, 200_000);
    config.retries = 0;
    config.timeouts.read = Some(Duration::from_millis(1500));
    let summary = run_until(config, |progress| {
        progress.ok >= 290 && server.exchanges().total < 5000
    });
    let summary = summary.unwrap();
    assert!(
        summary.requests < 1500,
        "a window and a chunk at most: {}",
        summary.requests
    );
    assert_eq!(Output::read(directory.path()).order, Vec::<u64>::new());
}
