//! Two proofs on real input: a real tree fetched whole, and a job that is killed again and again.
//!
//! `bench tree [--root DIR] [--count N]` fetches the files of a real tree; `bench crash [--count N]
//! [--rounds KILLS]` sends SIGKILL at random moments and continues. Both compare every body.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::corpus::{self, Bodies};
use crate::nginx::Nginx;
use crate::verify::{self, Count};
use crate::{Options, Result};

/// Fetches up to `count` distinct files below `root` and compares them.
pub fn tree(root: &Path, count: usize) -> Result<()> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    files.sort();
    files.truncate(count);
    let folder = tempfile::tempdir()?;
    let nginx = Nginx::start(folder.path(), root)?;
    let list = folder.path().join("list");
    let mut lines = BufWriter::new(fs::File::create(&list)?);
    for file in &files {
        writeln!(
            lines,
            "{}/{}",
            nginx.base(),
            encode(file.strip_prefix(root)?)
        )?;
    }
    lines.flush()?;
    let out = folder.path().join("out");
    let start = Instant::now();
    let status = job(&list, &out)?.wait()?;
    println!(
        "fetched {} files in {:.1} s, exit {status}",
        files.len(),
        start.elapsed().as_secs_f64()
    );
    finish(verify::output(&out, &files)?)
}

/// Kills the job `options.rounds` times on its way through `options.count` URLs.
pub fn crash(options: Options) -> Result<()> {
    const FILES: usize = 20_000;
    let folder = tempfile::tempdir()?;
    fs::set_permissions(
        folder.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let root = folder.path().join("root");
    corpus::write(&root, Bodies::Words, FILES)?;
    let log = folder.path().join("access.log");
    let nginx = Nginx::start_logging(folder.path(), &root, &log)?;
    let list = folder.path().join("list");
    let mut lines = BufWriter::new(fs::File::create(&list)?);
    for url in corpus::urls(&nginx.base(), FILES, options.count) {
        writeln!(lines, "{url}")?;
    }
    lines.flush()?;
    let out = folder.path().join("out");
    // An undisturbed run says how long a run takes, so that the kills fall all over it.
    let start = Instant::now();
    job(&list, &out)?.wait()?;
    let whole = start.elapsed();
    fs::remove_dir_all(&out)?;
    let before = fs::read_to_string(&log)?.lines().count();
    let mut kills = 0;
    let mut random = std::process::id() as u64 | 1;
    while kills < options.rounds {
        let mut child = job(&list, &out)?;
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let share = (random >> 33) as f64 / f64::from(1u32 << 31);
        std::thread::sleep(Duration::from_secs_f64(
            whole.as_secs_f64() * share / options.rounds as f64,
        ));
        if child.try_wait()?.is_some() {
            break;
        }
        child.kill()?;
        child.wait()?;
        kills += 1;
    }
    let status = job(&list, &out)?.wait()?;
    // The log is written by another process; give its last lines their way to the disk.
    std::thread::sleep(Duration::from_millis(200));
    let requests = fs::read_to_string(&log)?.lines().count() - before;
    println!(
        "{} URLs, {kills} kills, last exit {status}, {requests} requests, {} extra ({:.2} %)",
        options.count,
        requests as i64 - options.count as i64,
        100.0 * (requests as f64 / options.count as f64 - 1.0)
    );
    let files: Vec<PathBuf> = (0..options.count)
        .map(|index| root.join(format!("{:05}.txt", index % FILES)))
        .collect();
    finish(verify::output(&out, &files)?)
}

fn finish(count: Count) -> Result<()> {
    println!("{count:?}");
    if count.is_clean() {
        Ok(())
    } else {
        Err("the output is not what the server had".into())
    }
}

fn job(list: &Path, out: &Path) -> Result<Child> {
    let mut command = Command::new(crate::fetch::brigade());
    command
        .args([
            "fetch",
            "-c",
            "64",
            "--per-host",
            "64",
            "--progress",
            "none",
            "-i",
        ])
        .arg(list)
        .arg("-o")
        .arg(out);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() && entry.metadata()?.len() < 1 << 20 {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Percent-encodes everything but unreserved characters and the slash (RFC 3986 section 2.3).
fn encode(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(*byte as char)
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
