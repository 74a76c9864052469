//! A large file of lines from nginx, as it is and packed, read by the command and by curl.

use crate::nginx::Nginx;
use libtest_mimic::Failed;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

const LINES: usize = 200_000;

pub(crate) fn same_as_curl() -> Result<(), Failed> {
    let place = tempfile::tempdir()?;
    let mut text = String::new();
    for n in 0..LINES {
        writeln!(text, "{{\"id\":{n},\"text\":\"{}\"}}", "x".repeat(n % 300))?;
    }
    fs::write(place.path().join("lines"), text)?;
    for packing in ["", "gzip on; gzip_types *;"] {
        let nginx = Nginx::serve(place.path(), packing)?;
        let url = nginx.url("/lines");
        let mut ours = Command::new(env!("CARGO_BIN_EXE_brigade"));
        let ours = ours.args(["lines", "--json", &url]).output()?;
        let theirs = Command::new("curl").args(["-sSN", &url]).output()?;
        if ours.status.code() != Some(0) || ours.stdout != theirs.stdout {
            let (status, bytes) = (ours.status, ours.stdout.len());
            let curl = theirs.stdout.len();
            return Err(format!("{status}: {bytes} bytes, and curl has {curl}").into());
        }
    }
    Ok(())
}
