//! Runs jobs and reads what they leave.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Backoff, Config, Error, HostRule, Input, Job, Summary};
use serde_json::Value;

use crate::archive;

/// The lines of a job's results and of its failures, by index.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) results: BTreeMap<u64, Value>,
    pub(crate) failures: BTreeMap<u64, Value>,
    pub(crate) parts: usize,
    /// The results' indices as they lie in the parts.
    pub(crate) order: Vec<u64>,
}

impl Output {
    /// Reads a directory; a line that is torn or doubled is a panic.
    pub(crate) fn read(directory: &Path) -> Self {
        let mut output = Self::default();
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for name in names {
            if name.contains(".warc") {
                output.parts += 1;
                for result in archive::results(&directory.join(name)) {
                    insert(result, &mut output.results);
                }
            } else if name.starts_with("part-") && !name.ends_with(".cdxj") {
                output.parts += 1;
                let order = records(&directory.join(name), &mut output.results);
                output.order.extend(order);
            }
        }
        let failures = directory.join("failures.jsonl");
        if failures.exists() {
            records(&failures, &mut output.failures);
        }
        output
    }

    /// Fails unless each of `lines` is in exactly one of both.
    pub(crate) fn assert_complete(&self, lines: impl IntoIterator<Item = u64>) {
        let both = self
            .results
            .keys()
            .find(|index| self.failures.contains_key(index));
        assert_eq!(both, None, "a line is a result and a failure");
        let mut all: Vec<_> = self
            .results
            .keys()
            .chain(self.failures.keys())
            .copied()
            .collect();
        all.sort_unstable();
        assert_eq!(all, lines.into_iter().collect::<Vec<_>>());
    }

    /// The kind of the failure of a line.
    pub(crate) fn kind(&self, index: u64) -> &str {
        let failure = self.failures.get(&index);
        let failure = failure.unwrap_or_else(|| panic!("line {index} did not fail: {self:#?}"));
        failure["kind"].as_str().unwrap()
    }
}

/// The text of a part or of another file of lines, whatever it is compressed with.
pub(crate) fn text(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => {
            let mut text = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
            decoder.read_to_end(&mut text).unwrap();
            text
        }
        Some("zst") => unzstd(&bytes),
        _ => bytes,
    }
}

/// Decodes Zstandard frames, the last of which must be whole.
fn unzstd(bytes: &[u8]) -> Vec<u8> {
    let mut context = zstd_safe::DCtx::create();
    let mut input = zstd_safe::InBuffer::around(bytes);
    let (mut text, mut left) = (Vec::new(), 0);
    while input.pos() < bytes.len() || left > 0 {
        text.reserve(1 << 16);
        let (fed, before) = (input.pos(), text.len());
        let mut output = zstd_safe::OutBuffer::around_pos(&mut text, before);
        left = context.decompress_stream(&mut output, &mut input).unwrap();
        assert!(input.pos() > fed || text.len() > before, "a frame is torn");
    }
    text
}

fn records(path: &Path, into: &mut BTreeMap<u64, Value>) -> Vec<u64> {
    let (text, mut order) = (text(path), Vec::new());
    assert!(text.is_empty() || text.ends_with(b"\n"), "{path:?} is torn");
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let value: Value = serde_json::from_slice(line).expect("a whole line");
        order.push(value["index"].as_u64().unwrap());
        insert(value, into);
    }
    order
}

fn insert(value: Value, into: &mut BTreeMap<u64, Value>) {
    let index = value["index"].as_u64().unwrap();
    let doubled = into.insert(index, value);
    assert!(doubled.is_none(), "line {index} is doubled");
}

/// Settings that make a test quick.
pub(crate) fn config(input: Input, directory: &Path) -> Config {
    let mut config = Config::new(input, directory);
    config.concurrency = 8;
    config.retries = 2;
    config.backoff = Backoff {
        base: Duration::from_millis(5),
        cap: Duration::from_millis(20),
        ..Backoff::default()
    };
    config.host_rule = HostRule {
        backoff: config.backoff,
        quiet: Duration::from_secs(60),
    };
    config
}

pub(crate) fn urls(urls: impl IntoIterator<Item = impl Into<String>>) -> Input {
    Input::Urls(urls.into_iter().map(Into::into).collect())
}

/// Text as `gzip` packs it.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Asks the ledger of a job for one value.
pub(crate) fn ask<T: rusqlite::types::FromSql>(directory: &Path, sql: &str) -> T {
    let path = directory.join("ledger.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let ledger = rusqlite::Connection::open_with_flags(path, flags).unwrap();
    ledger.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Runs a job to its end.
pub(crate) fn run(config: Config) -> Result<Summary, Error> {
    block_on(async { Job::open(config)?.run(Token::new()).await })
}

/// Runs a job until `enough` of its progress, then stops it.
pub(crate) fn run_until(
    config: Config,
    enough: impl Fn(&brigade_jobs::Progress) -> bool,
) -> Result<Summary, Error> {
    block_on(async {
        let job = Job::open(config)?;
        let (progress, stop) = (job.progress(), Token::new());
        let reached = async {
            brigade_testkit::wait::until(|| enough(&progress.snapshot())).await;
            stop.cancel();
            std::future::pending().await
        };
        tokio::select! {
            summary = job.run(stop.clone()) => summary,
            () = reached => unreachable!(),
        }
    })
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let limit = Duration::from_secs(60);
    runtime.block_on(async { tokio::time::timeout(limit, future).await.expect("in time") })
}
