//! `status` and `failures`: what the ledger says, of a job that runs, was killed, or is done.

use crate::kit::{Place, records, signal, until};
use brigade_testkit::server::{Reply, Request, Server};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

fn site(request: &Request) -> Reply {
    match request.path() {
        "/hang" => Reply::hang(),
        "/reset" => Reply::reset(),
        path if path.starts_with("/missing") => Reply::status(404),
        "/broken" => Reply::status(500),
        path => Reply::ok(format!("page {path}")),
    }
}

const FETCH: [&str; 7] = ["fetch", "-i", "urls.txt", "-o", "out", "--retries", "0"];

/// A job with failures of all sorts, at its end.
fn done(server: &Server) -> Place {
    let place = Place::new().knows(server, "SERVER");
    let paths = ["/1", "/missing", "/broken", "/2", "/missing/too"];
    let urls = paths.map(|path| server.url(path)).into_iter();
    place.list(urls.chain(["no \u{1b}[2J url".to_owned(), "# a comment".to_owned()]));
    assert_eq!(place.run(&FETCH).code, Some(1));
    place
}

/// The numbers that differ from run to run, as names.
fn steady(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let line = match line.split_whitespace().next() {
            Some("output") => "output     [SIZES]",
            _ => line,
        };
        lines.push_str(line);
        lines.push('\n');
    }
    lines
}

#[test]
fn f11a_status_fits_a_screen_and_says_how_to_go_on() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let run = place.run(&["status", "out"]);
    assert_snapshot!("status_done", steady(&run.snapshot()));
    let json = place.run(&["status", "out", "--json"]);
    assert_eq!((json.code, json.stderr.as_str()), (Some(0), ""));
    let status: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(status["activity"], "done");
    assert_eq!((&status["ok"], &status["failed"]), (&2.into(), &4.into()));
    assert_eq!(status["by_kind"]["http_status"], 3);
    assert!(status["committed_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn f11a_status_tells_a_running_job_from_a_killed_one_and_disturbs_neither() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new().knows(&server, "SERVER");
    let pages = (0..50).map(|page| server.url(&format!("/{page}")));
    place.list(pages.chain([server.url("/missing"), server.url("/hang")]));
    let child = place.start(place.brigade(&FETCH));
    let status = |place: &Place| {
        let run = place.run(&["status", "out", "--json"]);
        serde_json::from_str::<Value>(&run.stdout).unwrap_or_default()
    };
    until(|| status(&place)["ok"] == 50);
    let now = status(&place);
    assert_eq!(now["activity"], "running");
    assert_eq!((&now["failed"], &now["pending"]), (&1.into(), &1.into()));
    let run = place.run(&["status", "out"]);
    assert!(run.stdout.starts_with("running, started "), "{run:?}");
    let failures = place.run(&["failures", "out", "--urls"]);
    assert_eq!(failures.stdout, "http://SERVER/missing\n");
    signal(&child, Signal::SIGKILL);
    place.end(child);
    let run = place.run(&["status", "out"]);
    assert_snapshot!("status_killed", steady(&run.snapshot()));
    let child = place.start(place.brigade(&FETCH));
    until(|| status(&place)["activity"] == "running");
    signal(&child, Signal::SIGTERM);
    place.end(child);
    let run = place.run(&["status", "out"]);
    assert!(run.stdout.starts_with("stopped, started "), "{run:?}");
    assert!(run.stdout.contains("run the same command again"), "{run:?}");
}

#[test]
fn f11a_status_names_the_hosts_that_are_left_alone() {
    let server =
        Server::start_thread(|_| Reply::status(503).header("retry-after", "100000")).unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.list([server.url("/1")]);
    let patient = [&FETCH[..], &["--max-pause", "none"]].concat();
    assert_eq!(place.run(&patient).code, Some(1));
    let run = place.run(&["status", "out"]);
    let paused = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("paused"));
    let paused: Vec<_> = paused.take(2).collect();
    assert!(
        paused[0].contains("1 host asked to be left alone"),
        "{run:?}"
    );
    assert!(
        paused[1].contains("SERVER") && paused[1].contains("in 1d 03h"),
        "{run:?}"
    );
}

#[test]
fn f11b_a_directory_that_no_job_can_be_read_from_is_one_line() {
    let place = Place::new();
    fs::create_dir(place.path("bare")).unwrap();
    for name in ["empty", "text"] {
        fs::create_dir(place.path(name)).unwrap();
    }
    place.file("empty/ledger.db", "");
    place.file(
        "text/ledger.db",
        "this is no database, but it is long enough. ".repeat(99),
    );
    place.file("file", "");
    let mut said = String::new();
    for command in ["status", "failures"] {
        for directory in ["nowhere", "bare", "file", "empty", "text"] {
            let run = place.run(&[command, directory]);
            run.assert_one_line_error(2);
            assert_eq!(run.stdout, "");
            said.push_str(&format!("$ brigade {command} {directory}\n{}", run.stderr));
        }
    }
    assert_snapshot!("no_job", said);
}

#[test]
fn f11c_failures_as_json_are_the_lines_of_the_file() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let run = place.run(&["failures", "out", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let file = fs::read_to_string(place.path("out/failures.jsonl")).unwrap();
    let address = server.address().to_string();
    assert_eq!(run.stdout, file.replace(&address, "SERVER"));
    assert_eq!(run.stdout.lines().count(), 4);
}

#[test]
fn f11d_failures_are_one_a_line_and_can_be_chosen() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let mut said = String::new();
    let name = server.address().ip().to_string();
    for flags in [
        &[][..],
        &["--kind", "404"],
        &["--kind", "5xx,bad_url"],
        &["--kind", "dns", "--kind", "timeout"],
        &["--kind", "http_status", "--host", &name, "--urls"],
        &["--host", "elsewhere.test"],
    ] {
        let run = place.run(&[&["failures", "out"], flags].concat());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{flags:?}");
        let flags = flags.join(" ").replace(&name, "HOST");
        said.push_str(&format!("$ brigade failures out {flags}\n{}", run.stdout));
    }
    assert_snapshot!("failures", said);
}

#[test]
fn f11d_the_urls_of_failures_are_a_list_for_another_fetch() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let run = place.run(&["failures", "out", "--urls", "--kind", "404"]);
    let urls = run.stdout.replace("SERVER", &server.address().to_string());
    place.file("again.txt", urls);
    let run = place.run(&["fetch", "-i", "again.txt", "-o", "again"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let again: Vec<_> = records(&place.path("again")).into_values().collect();
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|record| record["status"] == 404));
}

#[test]
fn f11i_commands_that_are_shown_can_be_copied_for_any_directory() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    place.list([server.url("/missing")]);
    let out = "it's $HOME/of mine";
    let mut fetch = FETCH.to_vec();
    fetch[4] = out;
    let run = place.run(&fetch);
    assert_eq!(run.code, Some(1), "{run:?}");
    let limited = [&fetch[..], &["--fresh", "--max-failure-rate", "0%"]].concat();
    let limited = [&limited[..], &["--failure-rate-after", "1", "-c", "1"]].concat();
    place.list(["/missing", "/missing/1", "/missing/2"].map(|path| server.url(path)));
    let stopped = place.run(&limited);
    stopped.assert_one_line_error(3);
    assert_eq!(place.run(&fetch).code, Some(1));
    let status = place.run(&["status", out]);
    for said in [run.stdout, stopped.stderr, status.stdout] {
        let (_, command) = said.split_once("brigade failures ").expect(&said);
        let command = command.lines().next().unwrap();
        let brigade = env!("CARGO_BIN_EXE_brigade");
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &format!("exec {brigade} failures {command}")])
            .current_dir(place.path("."));
        let run = place.end(place.start(shell));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{said}");
        assert!(run.stdout.contains("http_status"), "{run:?}");
    }
}

#[test]
fn f11j_one_of_a_thing_is_not_said_as_many() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    let url = server.url("/1");
    place.list([url.clone(), url]);
    let fetch = [&FETCH[..], &["--dedupe"]].concat();
    let mut said = place.run(&fetch).text();
    said.push_str(&place.run(&["status", "out"]).text());
    place.list([server.url("/missing")]);
    let fresh = [
        &FETCH[..],
        &["--fresh", "--max-failure-rate", "0", "-c", "1"],
    ]
    .concat();
    said.push_str(&place.run(&fresh).text());
    said.push_str(&place.run(&["status", "out"]).text());
    said.push_str(&place.run(&["failures", "out", "--summary"]).text());
    assert!(
        said.contains("1 duplicate\n") && said.contains("list       1 line\n"),
        "{said}"
    );
    let words: Vec<_> = said.split_whitespace().collect();
    let many = words.windows(2).find(|pair| {
        let word = pair[1].trim_end_matches([',', ';', ':']);
        pair[0] == "1" && word.ends_with('s') && word != "http_status"
    });
    assert_eq!(many, None, "{said}");
}

#[test]
fn f11j_status_and_summary_have_the_same_totals_under_the_same_names() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let of = |text: &str| -> Vec<(String, Value)> {
        let all: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
        all.into_iter().collect()
    };
    let status = of(&place.run(&["status", "out", "--json"]).stdout);
    let summary = of(&fs::read_to_string(place.path("out/summary.json")).unwrap());
    let timed = |name: &str| matches!(name, "wall_seconds" | "cpu_seconds");
    let same = |list: &[(String, Value)]| -> Vec<(String, Value)> {
        let shared = list.iter().filter(|(name, _)| {
            status.iter().any(|other| other.0 == *name)
                && summary.iter().any(|other| other.0 == *name)
                && !timed(name)
        });
        shared.cloned().collect()
    };
    assert_eq!(same(&status), same(&summary));
    assert_eq!(same(&status).len(), 15, "{status:?}");
}

#[test]
fn f11e_failures_are_counted_by_kind_and_host() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let run = place.run(&["failures", "out", "--summary"]);
    assert_snapshot!("failures_summary", run.text());
    let none = place.run(&["failures", "out", "--summary", "--kind", "dns"]);
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
}

#[test]
fn f11e_of_many_groups_the_rest_is_counted_in_one_line() {
    let place = Place::new();
    place.list((0..25).map(|host| format!("http://h{:02}.test/", host % 23)));
    let words = [
        &FETCH[..],
        &["--unix-socket", "nobody", "--progress", "none"],
    ]
    .concat();
    assert_eq!(place.run(&words).code, Some(1));
    let run = place.run(&["failures", "out", "--summary"]);
    // Two hosts have two lines, and a line of names comes first.
    assert_eq!(run.stdout.lines().count(), 1 + 20 + 1, "{run:?}");
    let last = run.stdout.lines().last();
    assert_eq!(last, Some("       3  in 3 more such groups"), "{run:?}");
}

#[test]
fn f11d_a_reader_who_leaves_ends_the_list_without_a_word() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    place.list((0..20_000).map(|line| format!("this is line {line} and no URL")));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--progress", "none"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    for form in ["--json", "--urls"] {
        let mut child = place.start(place.brigade(&["failures", "out", form]));
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        assert!(first.contains("this is line 0"), "{first}");
        drop(stdout);
        let run = place.end(child);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
    assert!(server.requests().is_empty());
}

#[test]
fn f11d_a_list_that_cannot_be_written_is_an_error() {
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    for arguments in [
        &["failures", "out"][..],
        &["failures", "out", "--summary"],
        &["status", "out"],
    ] {
        let mut command = place.brigade(arguments);
        command.stdout(full.try_clone().unwrap());
        command.stderr(std::process::Stdio::piped());
        place.end(command.spawn().unwrap()).assert_one_line_error(2);
    }
}

#[test]
fn f4h_too_many_failures_stop_the_job_with_a_code_of_their_own_and_it_can_go_on() {
    let server = Server::start_thread(|request| {
        let page: usize = request.path()[1..].parse().unwrap_or(0);
        let reply = match page < 60 {
            true => Reply::ok("fine"),
            false => Reply::status(404),
        };
        reply.delay(Duration::from_millis(2))
    })
    .unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.list((0..400).map(|page| server.url(&format!("/{page}"))));
    let arguments = [
        &FETCH[..],
        &["--max-failure-rate", "7%", "--progress", "none"],
    ]
    .concat();
    let run = place.run(&arguments);
    run.assert_one_line_error(3);
    for part in [
        "lines asked for in this run failed (",
        "%, and 7% may): http_status ",
        "continues",
    ] {
        assert!(run.stderr.contains(part), "{run:?}");
    }
    let status: Value = {
        let run = place.run(&["status", "out", "--json"]);
        serde_json::from_str(&run.stdout).unwrap()
    };
    assert_eq!(status["activity"], "interrupted");
    assert_eq!(status["ok"], 60);
    let settled = records(&place.path("out")).len();
    assert!((100..200).contains(&settled), "{settled}");
    assert_eq!(place.run(&FETCH).code, Some(1));
    assert_eq!(records(&place.path("out")).len(), 400);
}

#[test]
fn f4g_retries_by_kind_reach_the_job() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    place.list(["/missing", "/broken"].map(|path| server.url(path)));
    let run = place.run(&[&FETCH[..], &["--retry", "404=2", "--retry", "5xx=1"]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    let records = records(&place.path("out"));
    assert_eq!(
        (&records[&0]["attempts"], &records[&1]["attempts"]),
        (&3.into(), &2.into())
    );
}

#[test]
fn f4i_only_some_failures_are_asked_for_again() {
    let server = Server::start_thread(site).unwrap();
    let place = done(&server);
    let before = server.exchanges().total;
    let run = place.run(&[&FETCH[..], &["--retry-failed=5xx,timeout"]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(server.exchanges().total, before + 1);
    assert_eq!(records(&place.path("out")).len(), 6);
}
