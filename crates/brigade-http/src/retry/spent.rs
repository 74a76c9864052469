//! The retry budgets of a client: what its requests, on whatever thread, have made of them.
//!
//! While every server is well, a request looks at one flag here and takes no lock.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use url::{Position, Url};

use super::budget::Missing;
use super::{Failure, RetryPolicy, parse_retry_after};

/// Half of the number of servers of which failures are remembered.
const SIZE: usize = 5_000;

/// What has been spent, by origin.
#[derive(Debug)]
pub(crate) struct Spent {
    missing: Mutex<Missing>,
    is_any: AtomicBool,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            missing: Mutex::new(Missing::new(SIZE)),
            is_any: AtomicBool::new(false),
        }
    }
}

impl Spent {
    /// An attempt got an answer that is no failure.
    pub(crate) fn succeeded(&self, policy: &RetryPolicy, url: &Url) {
        if let Some(budget) = policy.budget_in_force()
            && self.is_any.load(Relaxed)
        {
            let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
            missing.succeeded(budget, origin(url));
            self.is_any.store(!missing.is_empty(), Relaxed);
        }
    }

    /// An attempt failed. Says whether the budget allows another one.
    pub(crate) fn failed(
        &self,
        policy: &RetryPolicy,
        failure: Failure<'_>,
        url: &Url,
        now: SystemTime,
    ) -> bool {
        let Some(budget) = policy.budget_in_force() else {
            return true;
        };
        if is_rationed(failure, now) {
            return true;
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_affordable = missing.failed(budget, origin(url));
        self.is_any.store(true, Relaxed);
        is_affordable
    }
}

fn origin(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

/// Whether the server itself says when it can do more.
fn is_rationed(failure: Failure<'_>, now: SystemTime) -> bool {
    match failure {
        Failure::Status(_, headers) => {
            parse_retry_after(headers, now).is_some_and(|asked| asked > Duration::ZERO)
        }
        _ => false,
    }
}
