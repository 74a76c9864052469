//! The laws of groups, one test or more for each clause.

mod adopting;
mod collecting;
mod dropping;
mod failing;
mod limiting;
mod meeting;
mod racing;
mod spawning;
mod splitting;
mod starting;
mod storm;

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};

use tokio::time::{Instant, sleep};

use super::*;
use crate::cancel::{Reason, current, defer, shield};
use crate::witness::{Log, millis};

type Fine = Result<(), String>;

async fn fail_after(count: u64, error: &str) -> Fine {
    sleep(millis(count)).await;
    Err(error.into())
}

fn leaves<E: std::fmt::Display + 'static>(result: Result<(), Error<E>>) -> Vec<String> {
    match result {
        Err(Error::Failed(group)) => group.iter().map(ToString::to_string).collect(),
        other => panic!("not failed: {other:?}"),
    }
}
