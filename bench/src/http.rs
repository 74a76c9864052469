//! The price of one request: 64 in flight over HTTP/1.1 keep-alive, a body of a hundred bytes.
//!
//! All clients run pinned to the first processor against nginx on the second.

use std::process::Command;

use crate::corpus::{self, Bodies};
use crate::measure::{pinned, run as measure};
use crate::nginx::Nginx;
use crate::report::{Report, Side};
use crate::{Options, Result};

const CLIENTS: [&str; 4] = ["bare-hyper", "brigade", "hyper-util", "reqwest"];

pub fn run(options: Options) -> Result<()> {
    let folder = tempfile::tempdir()?;
    corpus::write(&folder.path().join("root"), Bodies::Small, 1)?;
    let nginx = Nginx::start(folder.path(), &folder.path().join("root"))?;
    let url = format!("{}/00000.txt", nginx.base());
    let mut sides: Vec<Side> = CLIENTS.iter().map(|name| Side::new(name)).collect();
    for round in 0..=options.rounds {
        for side in &mut sides {
            let cost = measure(client(&side.name, &url, options.count)?)?;
            // The first round warms caches and is not counted.
            if round > 0 {
                side.runs.push(cost);
            }
        }
    }
    let mut report = Report::default();
    let title = format!(
        "HTTP/1.1, {} requests, 64 in flight, 100-byte body",
        options.count
    );
    report.table(&title, &sides);
    report.goal(
        "HTTP/1.1 CPU per request, brigade / bare hyper,",
        &sides[1],
        &sides[0],
        1.10,
    );
    report.keep("http")
}

fn client(name: &str, url: &str, count: usize) -> Result<Command> {
    let mut command = pinned(0, std::env::current_exe()?);
    command.args(["peer", "requests", name, url, &count.to_string(), "64"]);
    Ok(command)
}
