//! Whether a failed request is sent again, and after how long: a pure decision.
//!
//! Sending a request twice is safe only if the server cannot have acted on the first, or if acting
//! twice is the same as acting once. RFC 9110, section 9.2.2, says for which methods that holds
//! (GET, HEAD, OPTIONS, TRACE, PUT, DELETE); the caller, who knows the server, may say more.
//!
//! It reads no clock and draws no random number: both are arguments. It never allows more than
//! the policy's number of attempts, and never asks to wait less than the server wants.

use std::time::{Duration, SystemTime};

use brigade_core::backoff::Backoff;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Method, StatusCode};

mod budget;
mod spent;
#[cfg(test)]
mod tests;

pub use budget::RetryBudget;
pub(crate) use spent::Spent;

/// The longest `Retry-After` that is waited for unless a policy says otherwise.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(120);

/// How a request failed, as far as it matters for sending it again.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Failure<'a> {
    /// Nothing of it was sent, or the server said that it did not look at it: any method may be
    /// sent again.
    Unsent,
    /// It was sent, at least in part, and no complete answer came back.
    Interrupted,
    /// The server answered with this status and these headers.
    Status(StatusCode, &'a HeaderMap),
}

impl Failure<'_> {
    /// The name of it in events.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unsent => "unsent",
            Self::Interrupted => "interrupted",
            Self::Status(status, _) => status.as_str(),
        }
    }
}

/// When a request is sent again.
///
/// Of all that failed, only those are that may be:
///
/// * whatever was not sent, with any method;
/// * what was sent, and had no complete answer or one with a [status](Self::statuses) of these, if its
///   method is idempotent, or if it has an `Idempotency-Key`, by which its server knows it again;
/// * the same with any method, if [the caller says so](Self::any_method).
///
/// A POST that is answered with 429 or 503 is not: neither status says that nothing was done.
///
/// The next attempt waits for [`backoff`](Self::backoff) and for what `Retry-After` asks, and is not
/// begun if that would outlast the total timeout; then the failure stands. A
/// [budget](Self::budget) keeps the retries of all requests together from burying a server.
///
/// # Examples
///
/// ```
/// use brigade_http::retry::{Failure, RetryPolicy};
/// use http::{HeaderMap, Method, StatusCode};
/// use std::time::{Duration, SystemTime};
///
/// let policy = RetryPolicy::default().attempts(3);
/// let mut headers = HeaderMap::new();
/// headers.insert("retry-after", "7".parse()?);
/// let busy = Failure::Status(StatusCode::SERVICE_UNAVAILABLE, &headers);
/// let now = SystemTime::now();
///
/// // The server's wish is a minimum. The third failure is final, and a POST fails for good.
/// assert_eq!(policy.delay(busy, &Method::GET, 0, now, 0.0), Some(Duration::from_secs(7)));
/// assert_eq!(policy.delay(busy, &Method::GET, 2, now, 0.0), None);
/// assert_eq!(policy.delay(busy, &Method::POST, 0, now, 0.0), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    statuses: Vec<StatusCode>,
    any_method: bool,
    backoff: Backoff,
    retry_after_max: Duration,
    budget: Option<RetryBudget>,
}

impl Default for RetryPolicy {
    /// Three attempts; the statuses 408, 429, 500, 502, 503 and 504, which are curl's; idempotent
    /// methods; the default [`Backoff`]; a `Retry-After` of up to two minutes; the default
    /// [`RetryBudget`].
    fn default() -> Self {
        Self {
            attempts: 3,
            statuses: vec![
                StatusCode::REQUEST_TIMEOUT,
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::INTERNAL_SERVER_ERROR,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ],
            any_method: false,
            backoff: Backoff::default(),
            retry_after_max: RETRY_AFTER_MAX,
            budget: Some(RetryBudget::default()),
        }
    }
}

impl RetryPolicy {
    /// A policy that never sends a request again.
    pub fn none() -> Self {
        Self {
            attempts: 1,
            ..Self::default()
        }
    }

    /// How often a request is sent at most, the first time included; 0 counts as 1.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The statuses after which a request is sent again, in place of those set before.
    #[must_use]
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// Says that every method may be sent twice to this server, POST and PATCH included.
    #[must_use]
    pub fn any_method(mut self) -> Self {
        self.any_method = true;
        self
    }

    /// How long to wait between attempts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The longest `Retry-After` that is waited for. A server that wants more is not asked again:
    /// its answer stands.
    #[must_use]
    pub fn retry_after_max(mut self, longest: Duration) -> Self {
        self.retry_after_max = longest;
        self
    }

    /// How much of a server's failures is borne before nothing is sent to it a second time; `None` for
    /// no such bound.
    ///
    /// It counts for all requests of a client to one origin that have a policy, and only ever says no:
    /// it allows nothing that the rest of the policy does not. An answer that says when to come back
    /// (`Retry-After`) is neither counted nor stopped by it, because then the server does the
    /// rationing itself.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<RetryBudget>>) -> Self {
        self.budget = budget.into();
        self
    }

    /// The budget, if there is anything to be saved.
    fn budget_in_force(&self) -> Option<RetryBudget> {
        self.budget.filter(|_| self.attempts > 1)
    }

    /// Whether this policy has anything to say about a response with `status`.
    pub(crate) fn concerns(&self, status: StatusCode) -> bool {
        self.attempts > 1 && self.statuses.contains(&status)
    }

    /// How long to wait before sending the request again; `None` if it is not.
    ///
    /// `attempt` counts the failures from 0. `now` is the wall clock, which a `Retry-After` with a
    /// date refers to, and `random` lies in `0.0..1.0`.
    pub fn delay(
        &self,
        failure: Failure<'_>,
        method: &Method,
        attempt: u32,
        now: SystemTime,
        random: f64,
    ) -> Option<Duration> {
        self.wait(failure, method.is_idempotent(), attempt, now, random)
    }

    /// The same for a request of which one knows whether to act on it twice does harm.
    pub(crate) fn wait(
        &self,
        failure: Failure<'_>,
        is_idempotent: bool,
        attempt: u32,
        now: SystemTime,
        random: f64,
    ) -> Option<Duration> {
        if attempt.saturating_add(1) >= self.attempts {
            return None;
        }
        let repeatable = self.any_method || is_idempotent;
        let asked = match failure {
            Failure::Unsent => None,
            Failure::Interrupted if repeatable => None,
            Failure::Status(status, headers) if repeatable && self.statuses.contains(&status) => {
                parse_retry_after(headers, now)
            }
            Failure::Interrupted | Failure::Status(..) => return None,
        };
        if asked.is_some_and(|asked| asked > self.retry_after_max) {
            return None;
        }
        Some(self.backoff.delay(attempt, random, asked))
    }
}

/// The longest `Retry-After` that a request with this policy heeds, or with none.
pub(crate) fn retry_after_max(policy: Option<&RetryPolicy>) -> Duration {
    policy.map_or(RETRY_AFTER_MAX, |policy| policy.retry_after_max)
}

/// How long the server asks to be left alone: the `Retry-After` header in seconds, or as a date
/// (RFC 9110, section 10.2.3; each of the three formats of section 5.6.7) that is compared with
/// `now`.
///
/// A date in the past asks for no wait, a number too large for 64 bits for the longest one, and of
/// several headers the longest wait counts. `None` if there is no header that can be read.
pub fn parse_retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(|value| parse(value.to_str().ok()?.trim(), now))
        .max()
}

fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What does not fit is too long for anybody to wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}
