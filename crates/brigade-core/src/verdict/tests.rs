//! The verdict as tables: every status, every kind, every word for some of them.

use super::*;

#[test]
fn f4a_every_kind_has_its_own_name_and_is_found_by_it() {
    let mut names: Vec<_> = FailureKind::ALL.map(FailureKind::as_str).to_vec();
    for kind in FailureKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FailureKind::ALL.len());
    assert_eq!("timeout".parse::<FailureKind>(), Err(UnknownKind));
}

#[test]
fn f3a_only_429_and_503_pause_the_host() {
    for status in 100..600 {
        let pauses = matches!(
            judge(Answer::Status(status), 1, &Retries::new(3)),
            Verdict::PauseHost(_)
        );
        assert_eq!(pauses, status == 429 || status == 503, "{status}");
    }
    assert_eq!(
        judge(Answer::Status(503), 4, &Retries::new(3)),
        Verdict::PauseHost(Some(FailureKind::HttpStatus)),
    );
}

#[test]
fn success_is_2xx_and_nothing_else_however_many_attempts_were_made() {
    for attempts in [1, 4, 100] {
        for status in 100..600 {
            let done = judge(Answer::Status(status), attempts, &Retries::new(3)) == Verdict::Done;
            assert_eq!(done, (200..300).contains(&status), "{status}");
        }
    }
}

#[test]
fn retries_end_after_the_allowed_number() {
    let answer = Answer::Error(FailureKind::TimeoutRead);
    assert_eq!(
        judge(answer, 1, &Retries::new(0)),
        Verdict::Fail(FailureKind::TimeoutRead)
    );
    assert_eq!(judge(answer, 1, &Retries::new(1)), Verdict::Again);
    assert_eq!(
        judge(answer, 2, &Retries::new(1)),
        Verdict::Fail(FailureKind::TimeoutRead)
    );
    let fatal = Answer::Error(FailureKind::Tls);
    assert_eq!(
        judge(fatal, 1, &Retries::new(9)),
        Verdict::Fail(FailureKind::Tls)
    );
}

type Rules<'a> = &'a [(&'a str, u32)];

fn retries(default: u32, rules: Rules<'_>) -> Retries {
    let mut retries = Retries::new(default);
    for (failures, count) in rules {
        retries.set(failures.parse().unwrap(), *count).unwrap();
    }
    retries
}

#[test]
fn f4g_without_rules_what_may_pass_gets_the_default_and_the_rest_nothing() {
    let retries = Retries::new(7);
    for status in 100..1000 {
        let may_pass = [408, 429, 500, 502, 503, 504].contains(&status);
        let expected = if may_pass { 7 } else { 0 };
        assert_eq!(retries.after(Answer::Status(status)), expected, "{status}");
    }
    for kind in FailureKind::ALL {
        let expected = if kind.is_transient() { 7 } else { 0 };
        assert_eq!(retries.after(Answer::Error(kind)), expected, "{kind}");
    }
}

#[test]
fn f4g_the_narrowest_rule_counts_and_of_equals_the_last() {
    use FailureKind::{Dns, TimeoutRead, TimeoutTotal, Tls};
    let (status, error) = (Answer::Status, Answer::Error);
    let cases: [(Rules<'_>, Answer, u32); 17] = [
        (&[("dns", 0)], error(Dns), 0),
        (&[("dns", 0)], error(Tls), 0),
        (&[("tls", 2)], error(Tls), 2),
        (&[("timeout", 1)], error(TimeoutRead), 1),
        (&[("timeout", 1)], error(Dns), 3),
        (
            &[("timeout.read", 5), ("timeout", 1)],
            error(TimeoutRead),
            5,
        ),
        (
            &[("timeout", 1), ("timeout.read", 5)],
            error(TimeoutRead),
            5,
        ),
        (
            &[("timeout.read", 5), ("timeout", 1)],
            error(TimeoutTotal),
            1,
        ),
        (&[("404", 2)], status(404), 2),
        (&[("404", 2)], status(403), 0),
        (&[("http_status", 4)], status(404), 4),
        (&[("http_status", 4)], error(Dns), 3),
        (&[("5xx", 0)], status(503), 0),
        (
            &[("503", 9), ("5xx", 0), ("http_status", 1)],
            status(503),
            9,
        ),
        (
            &[("503", 9), ("5xx", 0), ("http_status", 1)],
            status(500),
            0,
        ),
        (
            &[("503", 9), ("5xx", 0), ("http_status", 1)],
            status(404),
            1,
        ),
        (&[("404", 2), ("404", 1)], status(404), 1),
    ];
    for (rules, answer, expected) in cases {
        let allowed = retries(3, rules).after(answer);
        assert_eq!(allowed, expected, "{rules:?} {answer:?}");
    }
}

#[test]
fn f4g_429_and_503_pause_the_host_whatever_the_rule_which_bounds_their_attempts() {
    let failed = Some(FailureKind::HttpStatus);
    for (rule, attempts, expected) in [
        (("429", 0), 1, failed),
        (("4xx", 2), 2, None),
        (("http_status", 2), 3, failed),
        (("dns", 0), 3, None),
    ] {
        let verdict = judge(Answer::Status(429), attempts, &retries(3, &[rule]));
        assert_eq!(verdict, Verdict::PauseHost(expected), "{rule:?}");
    }
}

#[test]
fn f4g_success_has_no_retries_whatever_the_rule() {
    let retries = retries(3, &[("http_status", 9)]);
    assert_eq!(retries.after(Answer::Status(204)), 0);
    assert_eq!(judge(Answer::Status(204), 1, &retries), Verdict::Done);
    assert_eq!("204".parse::<FailureSet>(), Err(UnknownFailures));
}

#[test]
fn f4g_what_ends_the_same_way_every_time_cannot_be_tried_again() {
    for kind in FailureKind::ALL {
        let refused = matches!(kind, FailureKind::BadUrl | FailureKind::TooLarge);
        let set = Retries::new(3).set(FailureSet::Kind(kind), 1);
        assert_eq!(
            set,
            if refused {
                Err(Unretriable(kind))
            } else {
                Ok(())
            }
        );
    }
}

#[test]
fn f4g_a_word_for_failures_is_read_as_it_is_written_and_others_are_refused() {
    let kinds = FailureKind::ALL.map(FailureSet::Kind);
    let others = [
        FailureSet::Timeouts,
        FailureSet::Status(404),
        FailureSet::Status(999),
        FailureSet::StatusClass(3),
        FailureSet::StatusClass(5),
    ];
    for set in kinds.into_iter().chain(others) {
        assert_eq!(set.to_string().parse(), Ok(set));
    }
    for word in [
        "", "timeouts", "timeout.", "Dns", "40", "4040", "+04", "200", "1xx", "xx", "xxx", "5x",
        "5XX", "-xx", "5xxx", " 404",
    ] {
        assert_eq!(word.parse::<FailureSet>(), Err(UnknownFailures), "{word}");
    }
    let said = UnknownFailures.to_string();
    assert!(
        FailureKind::ALL
            .iter()
            .all(|kind| said.contains(kind.as_str())),
        "{said}"
    );
}

#[test]
fn f4h_a_limit_is_passed_by_more_than_the_share_of_enough_lines() {
    let limit = |share| FailureLimit::new(share).unwrap();
    for (share, after, settled, failed, passed) in [
        (0.05, 100, 99, 99, false),
        (0.05, 100, 100, 5, false),
        (0.05, 100, 100, 6, true),
        (0.05, 100, 1_000_000, 50_000, false),
        (0.05, 100, 1_000_000, 50_001, true),
        (0.0, 1, 1, 0, false),
        (0.0, 1, 1, 1, true),
        (0.0, 0, 0, 0, false),
        (1.0, 1, 10, 10, false),
    ] {
        let limit = limit(share).after(after);
        let case = format!("{failed} of {settled}, {share} after {after}");
        assert_eq!(limit.is_passed(settled, failed), passed, "{case}");
    }
    for share in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
        assert_eq!(FailureLimit::new(share), None, "{share}");
    }
}
