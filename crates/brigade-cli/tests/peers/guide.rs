//! The guide, docs/fetching-a-million-urls.md, done as it says: what it shows has to happen.
//!
//! A block that is marked `console` is typed into a shell and one that is marked `python` is run,
//! each in its turn and in one directory, and both have to print what the guide prints. Numbers
//! with a unit, such as seconds and bytes, may differ. The hosts of the guide are those of a server
//! that plays the proxy which the environment names, so that nothing leaves the machine.

use crate::trials::ensure;
use brigade_jobs::FailureKind;
use brigade_testkit::server::{Reply, Request, Server};
use libtest_mimic::Failed;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

const GUIDE: &str = "../../docs/fetching-a-million-urls.md";
const PYTHON: &str = "../../target/python";
const PYTHON_LIST: &str = include_str!("../../../../.ci/requirements.txt");

/// Blocks that are there to be read alone.
const SHOWN: [&str; 1] = ["ini"];

/// Stands before what a command prints; no command of the guide prints it.
const MARK: char = '\u{1}';

/// A block of the guide, and the line that it begins in.
struct Block {
    line: usize,
    kind: String,
    text: String,
}

/// The interpreter that `.ci/python` makes, if it was made from the list as it is now.
pub(crate) fn python() -> Option<PathBuf> {
    let folder = here(PYTHON);
    let made_from = fs::read_to_string(folder.join("requirements.txt")).ok()?;
    (made_from == PYTHON_LIST).then(|| folder.join("bin/python3"))
}

pub(crate) fn f6h_the_guide_prints_what_it_says() -> Result<(), Failed> {
    let refusals = AtomicU32::new(0);
    let server = Server::start_thread(move |request| shop(request, &refusals))?;
    let place = tempfile::tempdir()?;
    let mut blocks = blocks()?.into_iter().peekable();
    // What each command printed, and what the guide says that it prints.
    let mut pairs = Vec::new();
    while let Some(block) = blocks.next() {
        match block.kind.as_str() {
            "console" => pairs.extend(console(&block, place.path(), &server)?),
            "python" => {
                let expected = blocks.next_if(|next| next.kind == "text");
                let expected = expected.ok_or("a python block is followed by what it prints")?;
                let mut command = Command::new(python().ok_or("no python")?);
                command.args(["-c", &block.text]).current_dir(place.path());
                pairs.push((said(&mut command)?, expected.text));
            }
            kind if SHOWN.contains(&kind) => {}
            kind => return Err(format!("line {}: what is a '{kind}' block?", block.line).into()),
        }
    }
    ensure(pairs.len() > 10, || {
        format!("only {} commands", pairs.len())
    })?;
    let plain = |text: &str| text.trim_end().lines().map(unmeasured).collect::<Vec<_>>();
    let wrong: Vec<_> = pairs
        .iter()
        .filter(|(printed, expected)| plain(printed) != plain(expected))
        .map(|(printed, expected)| format!("instead of\n{expected}\nit prints\n{printed}\n"))
        .collect();
    ensure(wrong.is_empty(), || wrong.concat())
}

pub(crate) fn f6h_the_guide_names_what_is_there() -> Result<(), Failed> {
    let mut help = String::new();
    for command in ["fetch", "status", "failures"] {
        let mut brigade = Command::new(env!("CARGO_BIN_EXE_brigade"));
        help += &said(brigade.args([command, "--help"]))?;
    }
    let text = fs::read_to_string(here(GUIDE))?;
    let there = flags(&help);
    let unknown: Vec<_> = flags(&text).difference(&there).cloned().collect();
    ensure(unknown.is_empty(), || format!("no help has {unknown:?}"))?;
    let kinds = FailureKind::ALL.map(FailureKind::as_str);
    let untold: Vec<_> = kinds
        .iter()
        .filter(|kind| !text.contains(&format!("`{kind}`")))
        .collect();
    ensure(untold.is_empty(), || {
        format!("nothing is said of {untold:?}")
    })
}

/// Every word that begins with two hyphens, where brigade is meant.
fn flags(text: &str) -> BTreeSet<String> {
    let own = |line: &&str| !line.contains("curl -Z") && !line.contains("wget --mirror");
    let words = text.lines().filter(own).flat_map(|line| {
        line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '.')
    });
    words
        .filter(|word| word.len() > 3 && word.starts_with("--"))
        .map(|word| word.trim_end_matches(['.', '-']).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The hosts of the guide: a shop with a thousand items, one of which is gone, one of which fails
/// for as long as a run tries, and one of which is a picture.
fn shop(request: &Request, refusals: &AtomicU32) -> Reply {
    let json = |text: String| Reply::ok(text).header("content-type", "application/json");
    match request.path() {
        "http://shop.test/items/13" => Reply::status(404),
        "http://shop.test/items/77" if refusals.fetch_add(1, Ordering::Relaxed) < 4 => {
            Reply::status(500)
        }
        "http://shop.test/items/500" => {
            Reply::ok(&b"\x89PNG\r\n\x1a\n"[..]).header("content-type", "image/png")
        }
        path => match path.rsplit_once("/items/") {
            Some((_, number)) => {
                let litres = number.bytes().map(u32::from).sum::<u32>() % 5 * 5;
                json(format!(
                    r#"{{"id": {number}, "name": "bucket {number}", "litres": {litres}}}"#
                ))
            }
            None => Reply::status(404),
        },
    }
}

/// Types the commands of a block: what each prints, and what it should.
fn console(block: &Block, place: &Path, server: &Server) -> Result<Vec<(String, String)>, Failed> {
    let (mut script, mut expected) = (String::new(), Vec::<String>::new());
    let mut goes_on = false;
    for line in block.text.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => {
                // The code of the command before is still there to be asked for.
                script += &format!("code=$?; printf '{MARK}'; (exit $code)\n{command}\n");
                expected.push(String::new());
                goes_on = command.ends_with('\\');
            }
            None if goes_on => {
                script += &format!("{line}\n");
                goes_on = line.ends_with('\\');
            }
            None => {
                let last = expected.last_mut().ok_or("output before a command")?;
                *last += &format!("{line}\n");
            }
        }
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(place);
    shell.env("PATH", path()?);
    shell.env("http_proxy", server.url("/"));
    let output = shell.stdin(Stdio::null()).output()?;
    let printed = String::from_utf8(output.stdout)?;
    let printed: Vec<_> = printed.split(MARK).skip(1).collect();
    ensure(printed.len() == expected.len(), || {
        format!(
            "line {}: {printed:?}\n{}",
            block.line,
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let printed = printed.into_iter().map(str::to_owned);
    Ok(printed.zip(expected).collect())
}

/// The line with `#` for each number that has a unit, and unit.
fn unmeasured(line: &str) -> String {
    const UNITS: [&str; 11] = [
        "ms", "s", "m", "h", "/s", "/m", "B", "KiB", "MiB", "GiB", "%",
    ];
    let words = line.split(' ').filter(|word| !word.is_empty());
    let mut plain: Vec<&str> = Vec::new();
    for word in words {
        let bare = word.trim_matches(['(', ')', ',', ';']);
        let unit = bare
            .trim_start_matches(|letter: char| letter.is_ascii_digit() || ".,".contains(letter));
        let number = bare.len() > unit.len();
        let measured = UNITS.contains(&unit);
        match (number, measured, plain.last()) {
            (true, true, Some(&"#")) => {}
            (true, true, _) => plain.push("#"),
            (false, true, Some(last)) if last.ends_with(|letter: char| letter.is_ascii_digit()) => {
                plain.pop();
                plain.push("#");
            }
            _ => plain.push(word),
        }
    }
    plain.join(" ")
}

fn path() -> Result<OsString, Failed> {
    let brigade = Path::new(env!("CARGO_BIN_EXE_brigade"))
        .parent()
        .map(Path::to_owned);
    let python = python().and_then(|file| file.parent().map(Path::to_owned));
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let places = brigade
        .into_iter()
        .chain(python)
        .chain(std::env::split_paths(&rest));
    Ok(std::env::join_paths(places)?)
}

fn blocks() -> Result<Vec<Block>, Failed> {
    let text = fs::read_to_string(here(GUIDE))?;
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(kind), None) => {
                open = Some(Block {
                    line: at + 1,
                    kind: kind.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    Ok(blocks)
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a command prints; an error if it fails or complains.
fn said(command: &mut Command) -> Result<String, Failed> {
    let output = command.stdin(Stdio::null()).output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure(output.status.success() && complaint.is_empty(), || {
        format!("{command:?}: {complaint}")
    })?;
    Ok(String::from_utf8(output.stdout)?)
}
