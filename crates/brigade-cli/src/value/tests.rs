//! What each flag takes and what it refuses, as tables.
//!
//! None of them looks at more than the value and what is said of it.

use super::*;

fn check<T: PartialEq + std::fmt::Debug>(
    parse: fn(&str) -> Result<T, String>,
    good: &[(&str, T)],
    bad: &[&str],
) {
    for (text, expected) in good {
        assert_eq!(parse(text).as_ref(), Ok(expected), "{text}");
    }
    for text in bad {
        assert!(parse(text).is_err(), "{text} gave {:?}", parse(text));
    }
}

#[test]
fn rates_are_a_number_per_time() {
    let rate_of = |permits, millis| Rate::new(permits, Duration::from_millis(millis)).unwrap();
    check(
        rate,
        &[
            ("100/s", rate_of(100, 1_000)),
            ("5/m", rate_of(5, 60_000)),
            ("7 / h", rate_of(7, 3_600_000)),
            ("1/500ms", rate_of(1, 500)),
            ("3/2s", rate_of(3, 2_000)),
        ],
        &[
            "",
            "100",
            "/s",
            "0/s",
            "-1/s",
            "1.5/s",
            "5/",
            "5/x",
            "5/0s",
            "99999999999/s",
        ],
    );
}

#[test]
fn sizes_have_binary_and_decimal_units() {
    check(
        size,
        &[
            ("1", 1),
            ("65536", 65_536),
            ("10b", 10),
            ("16MiB", 16 << 20),
            ("16 mib", 16 << 20),
            ("2k", 2_048),
            ("1GB", 1_000_000_000),
            ("1.5MB", 1_500_000),
            ("8TiB", 8 << 40),
        ],
        &[
            "",
            "0",
            "MiB",
            "-1",
            "1e3",
            "1.5.2k",
            "5XB",
            "99999999TiB",
            "inf",
            "nan",
        ],
    );
}

#[test]
fn timeouts_have_a_unit_and_are_not_zero() {
    let after = |seconds| Timeout(Some(Duration::from_secs(seconds)));
    check(
        timeout,
        &[
            ("30s", after(30)),
            ("5000ms", after(5)),
            ("1m 30s", after(90)),
            ("none", Timeout(None)),
        ],
        &["", "30", "0s", "-1s", "s", "3 parsecs"],
    );
}

#[test]
fn counts_start_at_one() {
    check(
        count,
        &[("1", NonZeroUsize::MIN)],
        &["", "0", "-1", "1.5", "many"],
    );
}

#[test]
fn what_is_too_large_is_called_so() {
    let digits = "9".repeat(30);
    for said in [
        count(&digits).unwrap_err(),
        times(&digits).unwrap_err(),
        size(&format!("{digits}k")).unwrap_err(),
        size("99999999TiB").unwrap_err(),
        rate(&format!("{digits}/s")).unwrap_err(),
    ] {
        assert!(said.starts_with("it is too large: "), "{said}");
    }
}

#[test]
fn a_word_for_failures_is_no_url() {
    for word in ["5xx", "404", "timeout", "dns"] {
        assert_eq!(url(word), Err(KINDS.to_owned()));
    }
    assert_eq!(url("http://a/404"), Ok("http://a/404".to_owned()));
    assert_eq!(url("not a url"), Ok("not a url".to_owned()));
}

#[test]
fn times_may_be_none() {
    check(times, &[("0", 0), ("3", 3)], &["", "-1", "1.5", "many"]);
}

#[test]
fn f4g_a_retry_is_a_kind_and_a_number() {
    let set = |word: &str| word.parse::<FailureSet>().unwrap();
    check(
        retry,
        &[
            ("dns=0", (set("dns"), 0)),
            ("timeout.read=5", (set("timeout.read"), 5)),
            (" 404 = 2", (set("404"), 2)),
            ("5xx=1", (set("5xx"), 1)),
        ],
        &[
            "",
            "dns",
            "=1",
            "dns=",
            "dns=-1",
            "dnss=1",
            "200=1",
            "bad_url=1",
            "too_large=0",
        ],
    );
    assert!(again("bad_url").is_err() && again("too_large").is_ok());
    let said = retry("dnss=1").unwrap_err();
    assert!(
        said.contains("timeout.connect") && said.contains("5xx"),
        "{said}"
    );
}

#[test]
fn f4h_a_share_is_a_percentage_or_a_fraction() {
    check(
        share,
        &[
            ("5%", 0.05),
            ("0.5 %", 0.005),
            ("0.05", 0.05),
            ("0", 0.0),
            ("0%", 0.0),
            ("100%", 1.0),
        ],
        &[
            "", "%", "5", "1", "1.0", "101%", "-1%", "1e-3", "nan", "inf%", "5%%",
        ],
    );
}

#[test]
fn hosts_are_names_and_no_urls() {
    check(
        host,
        &[
            ("a.test", "a.test".to_owned()),
            ("[::1]:80", "[::1]:80".to_owned()),
        ],
        &["", "http://a.test", "a.test/", "joe@a.test", "a b"],
    );
}

#[test]
fn headers_are_a_name_and_a_value() {
    let pair = |name: &str, value: &str| Header {
        name: name.into(),
        value: value.into(),
    };
    check(
        header,
        &[
            ("Accept: text/html", pair("Accept", "text/html")),
            ("x-time:12:30", pair("x-time", "12:30")),
            ("empty:", pair("empty", "")),
        ],
        &["", "no colon", ": value", "bad name: x", "a: b\r\nc: d"],
    );
    assert_eq!(
        format!("{:?}", pair("Authorization", "secret")),
        "Authorization: ..."
    );
}
