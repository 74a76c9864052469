//! Who takes part, and how a user with such a list would call them.
//!
//! All are given 64 requests at a time, five attempts, five seconds of silence, ten for a request
//! and, where they know such a limit, one MiB for a body. brigade and Scrapy are given their own
//! default of eight requests to a host; the others know no such limit.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::check::Found;
use super::manner::Page;
use crate::Result;
use crate::measure::pinned;
use crate::tools;
use crate::venv::{Venv, scripts};

/// One of those who take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Brigade,
    Curl,
    Wget2,
    Aria2,
    Scrapy,
}

impl Who {
    pub(super) const ALL: [Self; 5] = [
        Self::Brigade,
        Self::Curl,
        Self::Wget2,
        Self::Aria2,
        Self::Scrapy,
    ];

    pub(super) fn name(self) -> String {
        match self {
            Self::Brigade => "brigade fetch".to_owned(),
            Self::Curl => format!("{} -Z", tools::version("curl")),
            Self::Wget2 => tools::version("wget2"),
            Self::Aria2 => tools::version("aria2c"),
            Self::Scrapy => "Scrapy 2.19, AutoThrottle".to_owned(),
        }
    }
}

/// The lists and the place of the outputs.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    venv: std::result::Result<Venv, String>,
}

impl Place {
    /// Writes the list in the form that each takes.
    pub(super) fn new(folder: &Path, hosts: usize, count: usize, port: u16) -> Result<Self> {
        let place = Self {
            folder: folder.to_owned(),
            venv: Venv::scrapy().map_err(|error| error.to_string()),
        };
        let mut list = BufWriter::new(File::create(place.path("list"))?);
        let mut curl = BufWriter::new(File::create(place.path("curl.cfg"))?);
        let mut aria2 = BufWriter::new(File::create(place.path("aria2.list"))?);
        let out = place.path("out");
        for line in 0..count {
            let page = Page::of_line(line, hosts);
            let (url, name) = (page.url(port), page.name());
            writeln!(list, "{url}")?;
            let file = out.join(&name);
            writeln!(curl, "url = \"{url}\"\noutput = \"{}\"", file.display())?;
            writeln!(aria2, "{url}\n out={name}")?;
        }
        list.flush()?;
        curl.flush()?;
        aria2.flush()?;
        Ok(place)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Why it cannot take part.
    pub(super) fn obstacle(&self, who: Who) -> Option<String> {
        let ready = match who {
            Who::Brigade => Ok(()),
            Who::Curl => tools::ensure("curl", "curl"),
            Who::Wget2 => tools::ensure("wget2", "wget2"),
            Who::Aria2 => tools::ensure("aria2c", "aria2"),
            Who::Scrapy => self.venv.as_ref().map(drop).map_err(String::clone),
        };
        ready.err()
    }

    /// Its command, with an empty place for its output.
    pub(super) fn command(&self, who: Who) -> Result<Command> {
        let out = self.path("out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir(&out)?;
        let mut command = match who {
            Who::Brigade => brigade(&self.path("list"), &out),
            Who::Curl => curl(&self.path("curl.cfg")),
            Who::Wget2 => wget2(&self.path("list"), &out),
            Who::Aria2 => aria2(&self.path("aria2.list"), &out),
            Who::Scrapy => {
                let mut command = pinned(0, &self.venv.as_ref().map_err(Clone::clone)?.python);
                command.arg(scripts().join("scrapy_list.py"));
                command.arg(self.path("list")).arg(out.join("items.jsonl"));
                command
            }
        };
        let log = File::create(self.path("log"))?;
        command.stdout(Stdio::null()).stderr(log);
        Ok(command)
    }

    /// What it left behind.
    pub(super) fn read(&self, who: Who, found: &mut Found) -> Result<()> {
        let out = self.path("out");
        match who {
            Who::Brigade => found.parts(&out),
            Who::Scrapy => found.lines(&out.join("items.jsonl")),
            Who::Curl | Who::Wget2 | Who::Aria2 => found.files(&out),
        }
    }
}

/// Also what the soak runs.
pub fn brigade(list: &Path, out: &Path) -> Command {
    let mut command = pinned(0, crate::fetch::brigade());
    command.args(["fetch", "--concurrency", "64", "--retries", "4"]);
    command.args(["--connect-timeout", "5s", "--read-timeout", "5s"]);
    command.args(["--total-timeout", "10s", "--max-body", "1MiB"]);
    command.args(["--progress", "none", "-i"]).arg(list);
    command.arg("-o").arg(out);
    command
}

fn curl(config: &Path) -> Command {
    let mut command = pinned(0, "curl");
    command.args(["-Z", "--parallel-max", "64", "--silent", "--location"]);
    command.args(["--fail", "--remove-on-error", "--max-redirs", "10"]);
    command.args([
        "--retry",
        "4",
        "--retry-all-errors",
        "--connect-timeout",
        "5",
    ]);
    command.args([
        "--speed-limit",
        "1",
        "--speed-time",
        "5",
        "--max-time",
        "10",
    ]);
    // Before 8.4 it looks only at the length that the server gives.
    command.args(["--max-filesize", "1048576"]);
    command.arg("-K").arg(config);
    command
}

fn wget2(list: &Path, out: &Path) -> Command {
    let mut command = pinned(0, "wget2");
    command.args(["--quiet", "--max-threads=64", "--tries=5", "--waitretry=5"]);
    command.args(["--timeout=5", "--max-redirect=10", "--retry-connrefused"]);
    command.args(["--no-directories", "--robots=off", "--directory-prefix"]);
    command.arg(out).arg("--input-file").arg(list);
    command
}

fn aria2(list: &Path, out: &Path) -> Command {
    let mut command = pinned(0, "aria2c");
    command.args(["--quiet", "--max-concurrent-downloads=64", "--split=1"]);
    command.args(["--max-tries=5", "--retry-wait=2", "--connect-timeout=5"]);
    command.args(["--timeout=5", "--deferred-input=true"]);
    command.args(["--auto-file-renaming=false", "--allow-overwrite=true"]);
    command.arg("--dir").arg(out).arg("--input-file").arg(list);
    command
}
