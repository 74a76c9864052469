//! A disk that is really full: a small file system in memory, which grows later.

use std::path::Path;
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Config, Input, State};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::{Failed, Trial};

use crate::programs::succeeds;
use crate::sent::run;

/// Not every container may mount, so this one never has to run.
pub(crate) fn trials() -> Vec<Trial> {
    let name = "f1g_a_real_full_disk_stops_the_job_and_it_continues_later";
    let trial = Trial::test(name, full_disk).with_kind("needs mount");
    vec![trial.with_ignored_flag(!may_mount())]
}

fn may_mount() -> bool {
    let Ok(directory) = tempfile::tempdir() else {
        return false;
    };
    Mount::new(directory.path(), "64k").is_some()
}

/// A file system in memory, of a fixed size.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    fn new(path: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        let place = path.to_str()?;
        succeeds("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", place]).then_some(Self(path))
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(succeeds(
            "mount",
            &["-o", &options, self.0.to_str().expect("a name")]
        ));
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        succeeds("umount", &[self.0.to_str().unwrap_or_default()]);
    }
}

fn full_disk() -> Result<(), Failed> {
    let server = Server::start_thread(|_| Reply::ok("x".repeat(10_000)))?;
    let directory = tempfile::tempdir()?;
    let mount = Mount::new(directory.path(), "4m").ok_or("no mount")?;
    let list = (0..1000).map(|n| server.url(&format!("/{n}"))).collect();
    let mut config = Config::new(Input::Urls(list), directory.path().join("out"));
    config.commit_interval = Duration::from_millis(20);
    let error = run(config.clone(), &Token::new()).expect_err("the disk is full");
    let text = error.to_string();
    assert!(
        text.contains("run the same command again to continue"),
        "{text}"
    );
    assert!(!text.contains('\n'), "{text}");
    mount.resize("64m");
    let summary = run(config, &Token::new())?;
    assert_eq!((summary.state, summary.ok), (State::Done, 1000));
    let part = std::fs::read_to_string(directory.path().join("out/part-00000.jsonl"))?;
    let mut indices: Vec<u64> = part
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("a whole line");
            value["index"].as_u64().expect("a number")
        })
        .collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..1000).collect::<Vec<_>>());
    assert!(
        server.requests().len() < 1700,
        "what was committed was not asked for again"
    );
    drop(mount);
    Ok(())
}
