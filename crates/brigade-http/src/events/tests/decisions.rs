//! Which ends are final, how long to wait after the others, and which responses are streams.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};

use crate::events::head::check_type;
use crate::events::reconnect::{Lost, Next, Rules, is_busy, only};
use crate::{Error, Kind, Phase};

fn rules() -> Rules {
    Rules::default()
}

/// The wait in milliseconds, if there is one.
fn wait(next: Next) -> Option<u128> {
    match next {
        Next::Wait(delay) => Some(delay.as_millis()),
        Next::End | Next::Fail(_) => None,
    }
}

fn error(next: Next) -> String {
    match next {
        Next::Fail(error) => error.to_string(),
        other => panic!("{other:?} is no error"),
    }
}

#[test]
fn h14f_the_wait_is_never_shorter_than_the_server_wants() {
    let retry = Some(Duration::from_millis(200));
    let busy = Some(Duration::from_secs(9));
    let lost = || Lost::Busy(StatusCode::SERVICE_UNAVAILABLE, busy);
    for random in [0.0, 0.5, 0.999] {
        let next = |lost, retry| wait(rules().next(lost, 0, retry, random)).unwrap();
        assert!((3000..=3500).contains(&next(Lost::Ended, None)));
        assert!((250..=700).contains(&next(Lost::Ended, retry)));
        assert!((9000..=9500).contains(&next(lost(), retry)));
        let longer = Some(Duration::from_secs(20));
        assert!((20_000..=20_500).contains(&next(lost(), longer)));
    }
}

#[test]
fn h14f_a_server_without_patience_is_not_flooded() {
    let retry = Some(Duration::ZERO);
    let waits = (0..10).map(|n| wait(rules().next(Lost::Ended, n, retry, 0.0)).unwrap());
    let waits: Vec<_> = waits.collect();
    assert_eq!(
        waits,
        [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
    );
}

#[test]
fn h14f_a_wait_beyond_the_longest_is_an_error_instead_of_cut_short() {
    let asked = Some(Duration::from_secs(7200));
    let busy = Lost::Busy(StatusCode::TOO_MANY_REQUESTS, asked);
    let text = error(rules().next(busy, 0, None, 0.0));
    assert!(
        text.contains("answered 429") && text.contains("7200s (at most 3600s)"),
        "{text}"
    );
    let text = error(rules().next(Lost::Ended, 0, Some(Duration::from_millis(u64::MAX)), 0.0));
    assert!(text.contains("at most 3600s"), "{text}");
}

#[test]
fn h14g_it_tries_as_often_in_a_row_as_it_was_told() {
    let rules = Rules {
        reconnects: 2,
        ..rules()
    };
    for failures in [0, 1] {
        assert!(wait(rules.next(Lost::Ended, failures, None, 0.0)).is_some());
    }
    let text = error(rules.next(Lost::Ended, 2, None, 0.0));
    assert!(text.contains("ended after 2 reconnects"), "{text}");
    let refused = Lost::Broken(Error::new(Kind::Connect));
    assert!(error(rules.next(refused, 2, None, 0.0)).contains("cannot connect"));
}

#[test]
fn h14d_what_another_attempt_would_not_change_is_final() {
    use Kind::{BadUrl, Closed, Connect, Decode, Dns, Protocol, Status, Tls, TooLarge};
    let gone = Status(StatusCode::GONE);
    let next = |kind| wait(rules().next(Lost::Broken(Error::new(kind)), 0, None, 0.0)).is_some();
    for kind in [
        Dns,
        Connect,
        Tls,
        Protocol,
        Kind::Timeout(Phase::Read),
        Kind::Timeout(Phase::Total),
    ] {
        assert!(next(kind), "{kind:?} may pass");
    }
    for kind in [
        BadUrl,
        Kind::BadRequest,
        Closed,
        Decode,
        gone,
        TooLarge,
        Kind::TooManyRedirects,
    ] {
        assert!(!next(kind), "{kind:?} will not pass");
    }
    let busy: Vec<_> = (100..600)
        .filter(|n| is_busy(StatusCode::from_u16(*n).unwrap()))
        .collect();
    let expected: Vec<_> = [408, 429].into_iter().chain(500..600).collect();
    assert_eq!(busy, expected);
    assert!(matches!(rules().next(Lost::Done, 0, None, 0.0), Next::End));
}

#[test]
fn h14h_only_what_may_be_sent_twice_is_sent_again() {
    for (method, repeated) in [
        (Method::GET, true),
        (Method::PUT, true),
        (Method::POST, false),
    ] {
        assert_eq!(rules().repeat(&method), repeated, "{method}");
        let any = Rules {
            any_method: true,
            ..rules()
        };
        assert!(any.repeat(&method));
        let never = Rules {
            reconnects: 0,
            ..any
        };
        assert!(!never.repeat(&method));
    }
    assert!(matches!(only(Lost::Ended), Next::End));
    assert!(matches!(only(Lost::Done), Next::End));
    let broken = only(Lost::Broken(Error::new(Kind::Protocol)));
    assert!(error(broken).contains("the connection broke"));
    let busy = only(Lost::Busy(StatusCode::BAD_GATEWAY, None));
    assert!(error(busy).ends_with("answered 502 Bad Gateway"));
}

#[test]
fn h14d_the_type_is_that_of_events_in_utf8() {
    let check = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, value.parse().unwrap());
        check_type(&headers).map_err(|error| error.to_string())
    };
    for good in [
        "text/event-stream",
        "Text/Event-Stream",
        "text/event-stream; charset=utf-8",
        "text/event-stream;charset=\"UTF-8\";x=y",
        "text/event-stream ; x; charset = utf8",
        "text/event-stream;",
    ] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for bad in [
        "text/event",
        "text/event-streams",
        "text/html; charset=utf-8",
        "",
        "*/*",
        ";",
    ] {
        assert!(
            check(bad).unwrap_err().contains("not text/event-stream"),
            "{bad}"
        );
    }
    let charset = check("text/event-stream; charset=latin1").unwrap_err();
    assert!(charset.contains("events are in UTF-8") && charset.contains("latin1"));
    let long = check(&"x".repeat(10_000)).unwrap_err();
    assert!(long.len() < 250, "{long}");
    let none = check_type(&HeaderMap::new()).unwrap_err().to_string();
    assert!(none.contains("names no content type"), "{none}");
}
