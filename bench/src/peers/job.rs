//! The fetch job as a library, with its ledger and without: what the ledger costs.
//!
//! It is the same job as the command's, without flags and progress.

use brigade_jobs::{Config, Input, Job};

use crate::Result;

pub(super) fn run(list: &str, out: &str, ledger: bool) -> Result<()> {
    let mut config = Config::new(Input::File(list.into()), out);
    config.per_host = 64;
    config.without_ledger = !ledger;
    let code = brigade::run::Builder::new()
        .current_thread()
        .run(async move {
            let job = Job::open(config)?;
            job.run(brigade::cancel::current()).await.map(drop)
        });
    if code == std::process::ExitCode::SUCCESS {
        Ok(())
    } else {
        Err("the job failed".into())
    }
}
