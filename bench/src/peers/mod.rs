//! The other sides, each a whole program of its own: the bench binary calls itself with `peer NAME`.
//!
//! They are written the way that their users write them, with the care that a user takes.

mod bare_hyper;
mod job;
mod lines;
mod pattern;
pub mod rate;
mod requests;
mod reqwest_files;
mod server;

use crate::Result;

/// Runs the named peer with its arguments.
pub fn run(name: &str, args: &[&str]) -> Result<()> {
    if let ("job", [list, out, ledger]) = (name, args) {
        return job::run(list, out, *ledger == "on");
    }
    // reqwest brings no cryptography of its own, so that there is one for all.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match (name, args) {
        ("reqwest-files", [list, out]) => runtime.block_on(reqwest_files::run(list, out)),
        ("bare-hyper-jsonl", [list, out]) => runtime.block_on(bare_hyper::run(list, out)),
        ("server", [root, streams]) => runtime.block_on(server::run(root, streams.parse()?)),
        ("hosts", words) => runtime.block_on(crate::hosts::serve(words)),
        ("requests", [plan]) => runtime.block_on(requests::run(plan)),
        ("lines", [side, url]) => runtime.block_on(lines::run(side, url)),
        ("pattern", [pattern, count]) => runtime.block_on(pattern::run(pattern, count.parse()?)),
        ("rate", [limiter, plan @ ..]) => {
            runtime.block_on(rate::run(limiter, rate::Plan::parse(plan)?))
        }
        _ => Err(format!("no such peer: {name} {args:?}").into()),
    }
}
