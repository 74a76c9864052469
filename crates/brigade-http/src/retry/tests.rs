//! Retries as tables: who may be sent again, when, and how `Retry-After` is read.

use std::time::{Duration, SystemTime};

use brigade_core::backoff::Backoff;
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use proptest::prelude::*;

use super::{Failure, RetryPolicy, parse_retry_after};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn asks(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn is_repeated(policy: &RetryPolicy, failure: Failure<'_>, method: &str) -> bool {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    policy.delay(failure, &method, 0, NOW, 0.5).is_some()
}

#[test]
fn h4p_only_idempotent_methods_are_repeated_once_something_was_sent() {
    let policy = RetryPolicy::default();
    let none = HeaderMap::new();
    let busy = Failure::Status(StatusCode::SERVICE_UNAVAILABLE, &none);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        assert!(
            is_repeated(&policy, Failure::Interrupted, method),
            "{method}"
        );
        assert!(is_repeated(&policy, busy, method), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "PURGE"] {
        assert!(
            !is_repeated(&policy, Failure::Interrupted, method),
            "{method}"
        );
        assert!(!is_repeated(&policy, busy, method), "{method}");
    }
}

#[test]
fn h4p_a_request_that_was_never_sent_may_be_sent_whatever_its_method() {
    for method in ["GET", "POST", "PATCH"] {
        assert!(is_repeated(
            &RetryPolicy::default(),
            Failure::Unsent,
            method
        ));
    }
}

#[test]
fn h4p_the_caller_may_allow_every_method() {
    let policy = RetryPolicy::default().any_method();
    assert!(is_repeated(&policy, Failure::Interrupted, "POST"));
}

#[test]
fn h4p_only_the_named_statuses_are_repeated() {
    let none = HeaderMap::new();
    let repeated = |policy: &RetryPolicy| -> Vec<u16> {
        (100..600)
            .filter(|&status| {
                let status = StatusCode::from_u16(status).unwrap();
                is_repeated(policy, Failure::Status(status, &none), "GET")
            })
            .collect()
    };
    assert_eq!(
        repeated(&RetryPolicy::default()),
        [408, 429, 500, 502, 503, 504]
    );
    let teapot = RetryPolicy::default().statuses([StatusCode::IM_A_TEAPOT]);
    assert_eq!(repeated(&teapot), [418]);
}

#[test]
fn h4q_a_request_is_sent_no_more_often_than_the_policy_says() {
    for attempts in 1..6 {
        let policy = RetryPolicy::default().attempts(attempts);
        let sent = 1
            + (0..100)
                .take_while(|&failed| {
                    policy
                        .delay(Failure::Unsent, &Method::GET, failed, NOW, 0.5)
                        .is_some()
                })
                .count();
        assert_eq!(sent, attempts as usize);
    }
    assert!(!is_repeated(
        &RetryPolicy::default().attempts(0),
        Failure::Unsent,
        "GET"
    ));
}

#[test]
fn h4q_without_a_policy_nothing_is_sent_twice() {
    let none = HeaderMap::new();
    let busy = Failure::Status(StatusCode::SERVICE_UNAVAILABLE, &none);
    for failure in [Failure::Unsent, Failure::Interrupted, busy] {
        assert!(!is_repeated(&RetryPolicy::none(), failure, "GET"));
        assert!(!is_repeated(
            &RetryPolicy::none().any_method(),
            failure,
            "GET"
        ));
    }
}

#[test]
fn h4r_a_longer_retry_after_than_allowed_is_not_cut_short_but_final() {
    let policy = RetryPolicy::default().retry_after_max(secs(10));
    let after = |value| {
        let headers = asks(&[value]);
        let busy = Failure::Status(StatusCode::TOO_MANY_REQUESTS, &headers);
        policy.delay(busy, &Method::GET, 0, NOW, 0.0)
    };
    assert_eq!(after("10"), Some(secs(10)));
    assert_eq!(after("11"), None);
    assert_eq!(after("99999999999999999999999"), None);
    assert_eq!(after("0"), Some(Duration::from_millis(250)));
    assert_eq!(after("soon"), Some(Duration::from_millis(250)));
}

#[test]
fn h4r_retry_after_is_read_as_seconds_or_as_a_date() {
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    for (value, expected) in [
        ("0", Some(secs(0))),
        ("120", Some(secs(120))),
        (" 5 ", Some(secs(5))),
        ("18446744073709551616", Some(secs(u64::MAX))),
        ("Sun, 06 Nov 1994 08:50:00 GMT", Some(secs(23))),
        ("Sunday, 06-Nov-94 08:50:00 GMT", Some(secs(23))),
        ("Sun Nov  6 08:50:00 1994", Some(secs(23))),
        ("Sun, 06 Nov 1994 08:49:00 GMT", Some(secs(0))),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("in a minute", None),
        ("Sun, 32 Nov 1994 08:50:00 GMT", None),
    ] {
        assert_eq!(
            parse_retry_after(&asks(&[value]), now),
            expected,
            "{value:?}"
        );
    }
    assert_eq!(parse_retry_after(&HeaderMap::new(), now), None);
}

#[test]
fn h4r_of_several_retry_after_the_longest_counts() {
    assert_eq!(
        parse_retry_after(&asks(&["1", "x", "3", "2"]), NOW),
        Some(secs(3))
    );
}

proptest! {
    #[test]
    fn h4r_a_wait_is_never_shorter_than_the_server_asks(
        asked in 0_u64..1000, longest in 0_u64..1000, attempt in 0_u32..5, random in 0.0..1.0_f64,
    ) {
        let policy = RetryPolicy::default().attempts(9).retry_after_max(secs(longest));
        let headers = asks(&[&asked.to_string()]);
        let busy = Failure::Status(StatusCode::TOO_MANY_REQUESTS, &headers);
        match policy.delay(busy, &Method::GET, attempt, NOW, random) {
            Some(delay) => prop_assert!(asked <= longest && delay >= secs(asked)),
            None => prop_assert!(asked > longest),
        }
    }

    #[test]
    fn h4r_no_header_panics(bytes in "[ -~]{0,40}", now in 0_u64..4_000_000_000) {
        let _ = parse_retry_after(&asks(&[&bytes]), NOW + secs(now));
    }
}

#[test]
fn the_waits_are_those_of_the_backoff() {
    let backoff = Backoff {
        base: secs(3),
        ..Backoff::default()
    };
    let policy = RetryPolicy::default().attempts(9).backoff(backoff);
    for attempt in 0..5 {
        let delay = policy.delay(Failure::Unsent, &Method::GET, attempt, NOW, 0.3);
        assert_eq!(delay, Some(backoff.delay(attempt, 0.3, None)));
    }
}
