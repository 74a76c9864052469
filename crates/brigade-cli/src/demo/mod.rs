//! `brigade demo`: a real job against servers of its own, to see it work with no network at all.
//!
//! The demo is the command's own fetch, from the list to the report; only the site is played
//! (`site`). At the end it compares what it got with what was sent (`check`), so it is also the
//! shortest test of an installation. It replaces what an earlier demo left and nothing else.

mod check;
mod site;

use crate::exit::End;
use crate::fetch;
use crate::flags::DemoFlags;
use crate::message;
use crate::plan;
use crate::screen;
use crate::shell::word;
use crate::stdout::Stdout;
use anyhow::{Context, bail};
use brigade_jobs::{Config, Input};
use check::Checked;
use site::Site;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// The file that says that a directory was made by a demo and may be used again.
const MARK: &str = "DEMO";
const MARK_TEXT: &str = "\
This directory was made by `brigade demo`, which replaces what is in it each time.

urls.txt        the list: pages of a server that misbehaves as servers do
part-*.jsonl    the results, one JSON object a line
failures.jsonl  what failed, and why
summary.json    the totals
ledger.db       what is done, an SQLite file
";

pub(crate) async fn run(flags: DemoFlags) -> anyhow::Result<End> {
    let output = &flags.output;
    claim(output).with_context(|| format!("cannot use '{}' for the demo", output.display()))?;
    let site = Site::start().context("cannot start the demo's servers")?;
    let list = output.join("urls.txt");
    fs::write(&list, site.list().join("\n") + "\n")
        .with_context(|| format!("cannot write '{}'", list.display()))?;
    let mode = plan::mode(flags.progress, screen::is_there());
    let lines = site.len();
    message::say(format_args!(
        "fetching {lines} URLs from servers of its own on this machine"
    ));
    let (config, mut stdout) = (config(Input::File(list), output), Stdout::default());
    let (end, _summary) = fetch::execute(config, mode, &mut stdout).await?;
    if matches!(end, End::Stopped(_)) {
        return Ok(end);
    }
    match check::check(&site, output) {
        Ok(checked) => {
            stdout.write(&told(&site, checked, output));
            Ok(End::Done)
        }
        Err(error) => {
            message::say(format_args!("the demo did not end as it must: {error:#}"));
            Ok(End::ItemsFailed)
        }
    }
}

fn config(input: Input, output: &Path) -> Config {
    let mut config = Config::new(input, output);
    // The server is in this process, whatever the environment says about others.
    config.proxies = Some(Vec::new());
    config.fresh = true;
    config.concurrency = 32;
    config.per_host = 8;
    config.retries = 2;
    config.backoff.base = Duration::from_millis(200);
    config.max_body = site::BODY_MAX;
    config
}

/// Makes the directory, or takes the one of an earlier demo. Anything else is left alone.
fn claim(output: &Path) -> anyhow::Result<()> {
    let mark = output.join(MARK);
    match fs::read_dir(output) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(output)?,
        Err(error) => return Err(error.into()),
        Ok(mut entries) => {
            if entries.next().is_some() && !mark.exists() {
                bail!("it holds files that no demo made; choose another directory with -o");
            }
        }
    }
    Ok(fs::write(mark, MARK_TEXT)?)
}

/// What has been seen, in a few lines.
fn told(site: &Site, checked: Checked, output: &Path) -> String {
    let (requests, connections) = site.seen();
    let file = |name: &str| word(&output.join(name));
    let (part, failures) = (file("part-00000.jsonl"), file("failures.jsonl"));
    format!(
        "checked: {} bodies are what the servers sent, {} failures are the expected ones, \
         none missing, none doubled\n\
         the servers saw {requests} requests on {connections} connections\n\
         look: head -c 400 {part}; cat {failures}\n",
        checked.bodies, checked.failures,
    )
}
