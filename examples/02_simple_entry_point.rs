//! The simple entry point: no handler, and still an orderly end.
//!
//! Replaces: "For simpler scripts without custom signal handling". The trap that is gone: such a
//! script does not mind SIGTERM, so that a service manager's stop kills it without any cleanup, and
//! its exit code says nothing of what failed. Here the simple form is the whole form.
//!
//! Without an argument the example runs itself once more in the way that fails, and checks that the
//! error is on stderr and the exit code is 1.

use std::error::Error;
use std::process::{Command, ExitCode};

use brigade::group::collect;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let fails = std::env::args().nth(1).is_some_and(|word| word == "fail");
        let results = fetch_all_data(if fails { 3 } else { 10 }).await?;
        process(&results);
        if !fails {
            demonstrate()?;
        }
        Ok::<_, Failure>(())
    })
}

/// Ten sources, of which only the first `healthy` answer.
async fn fetch_all_data(healthy: u32) -> Result<Vec<u32>, Failure> {
    let fetched = collect(0..10, 4, move |source| fetch(source, healthy)).await;
    match fetched.errors().next() {
        None => Ok(fetched.values().copied().collect()),
        Some((_, first)) => Err(format!("{first} ({})", fetched.counts).into()),
    }
}

async fn fetch(source: u32, healthy: u32) -> Result<u32, Failure> {
    match source < healthy {
        true => Ok(source * source),
        false => Err(format!("source {source} is gone").into()),
    }
}

fn process(results: &[u32]) {
    println!(
        "the sum of {} results is {}",
        results.len(),
        results.iter().sum::<u32>()
    );
    assert_eq!(results.iter().sum::<u32>(), 285);
}

fn demonstrate() -> Result<(), Failure> {
    let failed = Command::new(std::env::current_exe()?)
        .arg("fail")
        .output()?;
    let message = String::from_utf8(failed.stderr)?;
    println!("the run that fails says: {}", message.trim_end());
    assert!(message.contains("source 3 is gone (3 of 10 ok, 7 failed)"));
    assert_eq!(failed.status.code(), Some(1));
    Ok(())
}
