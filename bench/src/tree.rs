//! A proof on real input: the files of a real tree, fetched whole.
//!
//! `bench tree DIR` fetches them as nginx has them and compares every body. It never writes below
//! that directory.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::Result;
use crate::nginx::Nginx;
use crate::verify::{self, Count};

/// Fetches up to `count` distinct files below `root` and compares them.
pub fn fetch(root: &Path, count: usize) -> Result<()> {
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
        .args(crate::fetch::AT_64)
        .arg("-i")
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
