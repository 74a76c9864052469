//! A job whose server remembers what it sent: bodies of every kind that a reader may trip over.
//!
//! The hashes of what was sent come from `sha256sum`, so that nothing of ours vouches for what a
//! reader found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Config, Error, Input, Job, State, Summary};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::programs::said;

/// A page of the server, its status, its type and its body.
type Page = (String, u16, &'static str, Vec<u8>);

/// Lines that failed, on top of the pages.
pub(crate) const MISSING: u64 = 3;

/// A finished job, and what it was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    folder: TempDir,
    /// SHA-256 in hexadecimal by the last element of the URL.
    pub(crate) hashes: BTreeMap<String, String>,
    /// Results by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Sent {
    /// Runs a job of all pages, in several parts.
    pub(crate) fn new(adapt: impl FnOnce(&mut Config)) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let pages = pages();
        let hashes = hashes(folder.path(), &pages)?;
        let mut statuses = BTreeMap::new();
        for (_, status, ..) in &pages {
            *statuses.entry(*status).or_default() += 1;
        }
        let server = serve(pages)?;
        let mut list: Vec<_> = hashes.keys().map(|name| server.url(name)).collect();
        list.extend((0..MISSING).map(|n| server.url(&format!("/missing-{n}"))));
        let mut config = Config::new(Input::Urls(list), folder.path().join("out"));
        config.part_max = 1 << 16;
        config.commit_every = 50;
        adapt(&mut config);
        let summary = run(config, &Token::new())?;
        assert_eq!((summary.state, summary.failed), (State::Done, MISSING));
        assert!(summary.parts > 2, "{} parts", summary.parts);
        Ok(Self {
            folder,
            hashes,
            statuses,
        })
    }

    /// The directory of the job.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Its parts, in order.
    pub(crate) fn parts(&self) -> Result<Vec<PathBuf>, Failed> {
        parts(&self.directory())
    }

    /// What the server sent for a page.
    pub(crate) fn body(&self, name: &str) -> std::io::Result<Vec<u8>> {
        fs::read(self.folder.path().join("sent").join(&name[1..]))
    }

    /// What a reader prints if it reads well: a line `/NAME HASH` for each page, in order.
    pub(crate) fn expected(&self) -> String {
        let lines = self
            .hashes
            .iter()
            .map(|(name, hash)| format!("{name} {hash}\n"));
        lines.collect()
    }

    /// What a reader prints of the statuses: a line `STATUS COUNT` for each, in order.
    pub(crate) fn expected_statuses(&self) -> String {
        let lines = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{status} {count}\n"));
        lines.collect()
    }
}

/// The parts in a directory, in order.
pub(crate) fn parts(directory: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("part-") {
            parts.push(entry.path());
        }
    }
    parts.sort();
    Ok(parts)
}

/// Runs a job to its end, within a minute.
pub(crate) fn run(config: Config, stop: &Token) -> Result<Summary, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let limit = Duration::from_secs(60);
    runtime.block_on(async {
        let job = Job::open(config)?;
        let run = tokio::time::timeout(limit, job.run(stop.clone()));
        run.await.expect("in time")
    })
}

fn pages() -> Vec<Page> {
    let mut random = fastrand::Rng::with_seed(6);
    let noise: Vec<u8> = (0..300_000).map(|_| random.u8(..)).collect();
    let every_byte: Vec<u8> = (0..=255).cycle().take(2560).collect();
    let controls: String = (0..0x20_u8)
        .map(char::from)
        .chain("\u{7f}\u{85}\u{2028}".chars())
        .collect();
    let text = "text/plain; charset=utf-8";
    let mut pages: Vec<Page> = [
        ("empty", 200, text, Vec::new()),
        ("text", 200, text, b"a line\nand another\r\n".to_vec()),
        (
            "utf-8",
            203,
            text,
            "Gr\u{fc}\u{df}e, \u{4f60}\u{597d}, \u{1f6b0}\u{10ffff}".into(),
        ),
        (
            "latin-1",
            203,
            "text/plain; charset=iso-8859-1",
            b"caf\xe9 cr\xe8me".to_vec(),
        ),
        ("every-byte", 200, "application/octet-stream", every_byte),
        ("noise", 200, "application/octet-stream", noise),
        ("controls", 200, text, controls.into()),
        (
            "quotes",
            200,
            text,
            "\"\\\"\\\\\n'\u{1}".repeat(100_000).into(),
        ),
        (
            "like-json",
            200,
            text,
            br#"{"body": "\u0041\ud83d\ude00", "status": 500}"#.to_vec(),
        ),
        ("like-base64", 200, text, b"Z3JlZW4=".to_vec()),
        (
            "huge",
            201,
            text,
            "0123456789 \u{e4}\n".repeat(300_000).into(),
        ),
    ]
    .map(|(name, status, kind, body)| (format!("/{name}"), status, kind, body))
    .into();
    pages.extend((0..500).map(|n| {
        let body = format!(r#"{{"id": {n}, "name": "bucket {n}", "litres": {}, "tags": ["a", "b"], "maker": {{"city": "Ulm"}}}}"#, n % 7);
        (format!("/json-{n:03}"), 200, "application/json", body.into())
    }));
    pages
}

fn serve(pages: Vec<Page>) -> std::io::Result<Server> {
    let pages: BTreeMap<_, _> = pages
        .into_iter()
        .map(|(name, status, kind, body)| (name, (status, kind, body)))
        .collect();
    Server::start_thread(move |request| match pages.get(request.path()) {
        Some((status, kind, body)) => Reply::status(*status)
            .header("content-type", *kind)
            .header("set-cookie", "a=\"1\"")
            .header("set-cookie", "b=2")
            .body(body.clone()),
        None => Reply::status(404),
    })
}

fn hashes(folder: &Path, pages: &[Page]) -> Result<BTreeMap<String, String>, Failed> {
    let sent = folder.join("sent");
    fs::create_dir(&sent)?;
    for (name, .., body) in pages {
        fs::write(sent.join(&name[1..]), body)?;
    }
    let mut command = Command::new("sha256sum");
    command.current_dir(&sent);
    let text = said(command.args(pages.iter().map(|(name, ..)| &name[1..])))?;
    let hashes = text.lines().filter_map(|line| line.split_once("  "));
    let hashes: BTreeMap<_, _> = hashes
        .map(|(hash, name)| (format!("/{name}"), hash.to_owned()))
        .collect();
    assert_eq!(hashes.len(), pages.len());
    Ok(hashes)
}
