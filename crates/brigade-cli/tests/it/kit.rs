//! The kit: a directory for each test, the command, and what came of running it.
//!
//! What differs from run to run (paths, ports, times) is replaced by a name before a snapshot
//! looks at it.

use brigade_testkit::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long any wait in these tests may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A place for one test: its files, and names for what differs from run to run.
pub(crate) struct Place {
    directory: TempDir,
    names: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let names = vec![(directory.path().display().to_string(), "[PLACE]".to_owned())];
        Self { directory, names }
    }

    /// Calls the address of this server `name` in snapshots.
    pub(crate) fn knows(mut self, server: &Server, name: &str) -> Self {
        self.names
            .push((server.address().to_string(), name.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a list of URLs and returns its path.
    pub(crate) fn list(&self, urls: impl IntoIterator<Item = String>) -> PathBuf {
        let lines: String = urls.into_iter().map(|url| url + "\n").collect();
        self.file("urls.txt", lines)
    }

    /// The command in this place, without the colours and the width of the terminal.
    pub(crate) fn brigade(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.current_dir(self.directory.path()).args(arguments);
        command
            .env("NO_COLOR", "1")
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.end(self.start(self.brigade(arguments)))
    }

    /// Starts a command with its output piped.
    pub(crate) fn start(&self, mut command: Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits for the end of a command.
    pub(crate) fn end(&self, child: Child) -> Run {
        self.told(&child.wait_with_output().unwrap())
    }

    fn told(&self, output: &Output) -> Run {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
            self.names
                .iter()
                .fold(text, |text, (from, to)| text.replace(from, to))
        };
        Run {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Everything in one text for a snapshot, times and rates replaced.
    pub(crate) fn snapshot(&self) -> String {
        timeless(&self.text())
    }

    /// Everything in one text.
    pub(crate) fn text(&self) -> String {
        let code = self
            .code
            .map_or("killed".to_owned(), |code| code.to_string());
        let mut text = format!("exit code {code}\n");
        for (name, content) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !content.is_empty() {
                text.push_str(&format!("--- {name}\n{content}"));
            }
        }
        text
    }

    /// Whether all that was said on stderr is one line of the command.
    #[track_caller]
    pub(crate) fn assert_one_line_error(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.starts_with("brigade: "), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Replaces durations (`1.2s`, `1m 20s`) and rates (`12.3/s`) by names.
fn timeless(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').map(timeless_word).collect();
        lines.push_str(&words.join(" "));
        lines.push('\n');
    }
    // A record's length depends on how long it took to fetch.
    let lines = sizeless(&sizeless(&lines, "memory "), "of bodies, ");
    lines.replace("[TIME] [TIME]", "[TIME]")
}

/// Replaces the size behind `word`, which is two words, by a name.
fn sizeless(text: &str, word: &str) -> String {
    match text.split_once(word) {
        Some((before, after)) => {
            let rest = after.splitn(3, ' ').nth(2).unwrap_or_default();
            format!("{before}{word}[SIZE] {rest}")
        }
        None => text.to_owned(),
    }
}

fn timeless_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| "(),;".contains(c));
    let measured = |unit: &str| {
        core.strip_suffix(unit).is_some_and(|number| {
            number.starts_with(|c: char| c.is_ascii_digit())
                && number
                    .chars()
                    .all(|c| c.is_ascii_digit() || c == '.' || c == ',')
        })
    };
    match core {
        _ if measured("/s") || measured("/m") => word.replace(core, "[RATE]"),
        _ if measured("ms") => word.replace(core, "[TIME]"),
        _ if measured("s") || measured("m") || measured("h") => word.replace(core, "[TIME]"),
        _ => word.to_owned(),
    }
}

/// All records of a job by the line of the list, and nothing twice.
#[track_caller]
pub(crate) fn records(output: &Path) -> BTreeMap<u64, Value> {
    let mut records = BTreeMap::new();
    for entry in fs::read_dir(output).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("part-") && name != "failures.jsonl" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{name} is torn");
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let index = record["index"].as_u64().unwrap();
            assert!(
                records.insert(index, record).is_none(),
                "line {index} is there twice"
            );
        }
    }
    records
}

/// The summary of a job.
pub(crate) fn summary(output: &Path) -> Value {
    serde_json::from_slice(&fs::read(output.join("summary.json")).unwrap()).unwrap()
}

/// Sends a signal to a process that this test has started.
pub(crate) fn signal(child: &Child, signal: nix::sys::signal::Signal) {
    let id = i32::try_from(child.id()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).unwrap();
}

/// Waits for a condition that another process brings about.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "a bound in real time is what a black box needs"
)]
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < PATIENCE,
            "the condition did not come true"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
