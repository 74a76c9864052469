//! What is tried with the peers.

use crate::nginx::Nginx;
use crate::tree;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::Failed;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

type Files = BTreeMap<String, Vec<u8>>;

/// As many files as `BRIGADE_PEER_FILES` says, 2,000 by default.
fn files_wanted() -> usize {
    std::env::var("BRIGADE_PEER_FILES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2_000)
}

pub(crate) fn tree_arrives_whole() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let files = tree::plant(&place.path().join("tree"), files_wanted())?;
    let nginx = Nginx::serve(&place.path().join("tree"), "")?;
    let output = fetch(place.path(), &nginx, &files, &[])?;
    ensure(output.status.code() == Some(0), || format!("{output:?}"))?;
    compare(&place.path().join("out"), &nginx, &files)?;
    let mut requests = nginx.requests()?;
    requests.sort();
    let expected: Vec<_> = files.keys().cloned().collect();
    ensure(requests == expected, || {
        "not exactly one request for each file".into()
    })?;

    let ledger = place.path().join("out/ledger.db");
    let check = sqlite(&ledger, "PRAGMA integrity_check")?;
    ensure(check.trim() == "ok", || {
        format!("the ledger is damaged: {check}")
    })?;
    let tables = sqlite(
        &ledger,
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
    )?;
    ensure(tables.trim().parse::<u32>()? > 0, || {
        "the ledger has no tables".into()
    })
}

pub(crate) fn same_as_curl() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let files = tree::plant(&place.path().join("tree"), 100)?;
    let nginx = Nginx::serve(&place.path().join("tree"), "")?;
    fetch(place.path(), &nginx, &files, &[])?;
    let bodies = bodies(&place.path().join("out"))?;
    for path in files.keys() {
        let url = nginx.url(path);
        let curl = Command::new("curl")
            .args(["-sS", "--fail", &url])
            .output()?;
        ensure(bodies.get(&url) == Some(&curl.stdout), || {
            format!("curl differs for {url}")
        })?;
    }
    Ok(())
}

pub(crate) fn packed_bodies_are_unpacked() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let files = tree::plant(&place.path().join("tree"), 200)?;
    let gzip = "gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any;";
    let nginx = Nginx::serve(&place.path().join("tree"), gzip)?;
    fetch(place.path(), &nginx, &files, &[])?;
    compare(&place.path().join("out"), &nginx, &files)?;
    let packed = fs::read_to_string(place.path().join("out/part-00000.jsonl"))?;
    ensure(packed.contains("gzip"), || "nothing was packed".into())
}

pub(crate) fn gzip_bomb() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let bomb = Command::new("sh")
        .args(["-c", "head -c 268435456 /dev/zero | gzip"])
        .stderr(Stdio::inherit())
        .output()?
        .stdout;
    let server =
        Server::start_thread(move |_| Reply::ok(bomb.clone()).header("content-encoding", "gzip"))?;
    let url = server.url("/");
    // What the parent of a command holds when it starts it is not the command's.
    let ballast = std::hint::black_box(vec![1_u8; 128 << 20]);
    let output = brigade(
        place.path(),
        &["fetch", "-o", "out", "--max-body", "4MiB", &url],
    )?;
    drop(ballast);
    ensure(output.status.code() == Some(1), || format!("{output:?}"))?;
    let failures = fs::read_to_string(place.path().join("out/failures.jsonl"))?;
    ensure(failures.contains("\"too_large\""), || failures.clone())?;
    let summary = fs::read(place.path().join("out/summary.json"))?;
    let summary: Value = serde_json::from_slice(&summary)?;
    let peak = summary["peak_memory_bytes"]
        .as_u64()
        .ok_or("no peak memory")?;
    ensure(peak < 64 << 20, || format!("peak memory {peak}"))
}

pub(crate) fn bar_on_a_terminal() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let server = Server::start_thread(|_| Reply::ok("x").delay(Duration::from_millis(400)))?;
    let list: String = (0..24)
        .map(|page| server.url(&format!("/{page}\n")))
        .collect();
    fs::write(place.path().join("urls.txt"), list)?;
    let command = format!("{} fetch -i urls.txt -o out", env!("CARGO_BIN_EXE_brigade"));
    let output = Command::new("script")
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .current_dir(place.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()?;
    ensure(output.status.code() == Some(0), || format!("{output:?}"))?;
    let screen = String::from_utf8(output.stdout)?;
    ensure(
        screen.contains("[====") && screen.contains("8 in flight"),
        || screen.clone(),
    )?;
    let stays = screen.rsplit("\u{1b}[2K").next().unwrap_or_default();
    ensure(stays.contains("24 ok, 0 failed"), || screen.clone())?;
    ensure(!stays.contains("in flight"), || screen.clone())
}

fn fetch(place: &Path, nginx: &Nginx, files: &Files, flags: &[&str]) -> Result<Output, Failed> {
    let list: String = files.keys().map(|path| nginx.url(path) + "\n").collect();
    fs::write(place.join("urls.txt"), list)?;
    brigade(
        place,
        &[&["fetch", "-i", "urls.txt", "-o", "out"], flags].concat(),
    )
}

fn brigade(place: &Path, arguments: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    Ok(command
        .current_dir(place)
        .args(arguments)
        .stdin(Stdio::null())
        .output()?)
}

/// All bodies of a job by URL; an error if one is there twice.
fn bodies(output: &Path) -> Result<Files, Failed> {
    let mut bodies = Files::new();
    for entry in fs::read_dir(output)? {
        let path = entry?.path();
        if !path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .starts_with("part-")
        {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let record: Value = serde_json::from_str(line)?;
            let url = record["url"]
                .as_str()
                .ok_or("a record without a URL")?
                .to_owned();
            let body = match (record["body"].as_str(), record["body_base64"].as_str()) {
                (Some(text), None) => text.as_bytes().to_vec(),
                (None, Some(coded)) => STANDARD.decode(coded)?,
                _ => return Err(format!("not exactly one body for {url}").into()),
            };
            ensure(!bodies.contains_key(&url), || {
                format!("{url} is there twice")
            })?;
            bodies.insert(url, body);
        }
    }
    Ok(bodies)
}

fn compare(output: &Path, nginx: &Nginx, files: &Files) -> Result<(), Failed> {
    let bodies = bodies(output)?;
    ensure(bodies.len() == files.len(), || {
        format!("{} of {}", bodies.len(), files.len())
    })?;
    for (path, content) in files {
        let url = nginx.url(path);
        ensure(bodies.get(&url) == Some(content), || {
            format!("{url} differs from its file")
        })?;
    }
    Ok(())
}

fn sqlite(ledger: &Path, query: &str) -> Result<String, Failed> {
    let output = Command::new("sqlite3").arg(ledger).arg(query).output()?;
    ensure(output.status.success(), || format!("{output:?}"))?;
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}
