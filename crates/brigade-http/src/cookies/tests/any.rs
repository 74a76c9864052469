//! Whatever bytes a server sends.

use http::HeaderMap;
use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};
use proptest::prelude::*;

use super::*;
use crate::cookies::store::{DOMAIN_MAX, HEADER_MAX};
use crate::cookies::{CookieJar, saved};

/// Bytes that look like a cookie now and then.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("a=1".to_owned()),
        Just("; Domain=".to_owned()),
        Just("example.com".to_owned()),
        Just("; Path=/".to_owned()),
        Just("; Max-Age=".to_owned()),
        Just("; Expires=Sun, 06 Nov 2094 08:49:37".to_owned()),
        Just("; Secure".to_owned()),
        Just("__Host-".to_owned()),
        "[0-9]{1,25}",
        "[ -~]{0,12}",
        "\\PC{0,6}",
    ];
    let text = proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat().into_bytes());
    prop_oneof![4 => text, 1 => proptest::collection::vec(any::<u8>(), 0..80)]
}

const PLACES: [&str; 4] = [
    "https://www.example.com/a/b",
    "http://www.example.com/",
    "https://example.com/a",
    "http://127.0.0.1:81/x",
];

proptest! {
    #[test]
    fn h13l_whatever_a_server_sets_the_next_header_is_valid_and_within_its_limits(
        lines in proptest::collection::vec((any_line(), 0..PLACES.len()), 1..20),
    ) {
        let mut store = Store::default();
        for (line, at) in &lines {
            // What is refused is not asked for; it must neither panic nor leave anything behind.
            let _ = store.set(&url(PLACES[*at]), line, NOW);
        }
        for place in PLACES {
            let Some(header) = store.header(&url(place), NOW) else { continue };
            let sent = header.as_bytes();
            prop_assert!(sent.len() <= HEADER_MAX && header.is_sensitive());
            prop_assert!(sent.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)));
            let pairs: Vec<&str> = str::from_utf8(sent).unwrap().split("; ").collect();
            prop_assert!(pairs.len() <= 2 * DOMAIN_MAX);
            for pair in pairs {
                prop_assert!(pair.find('=').is_some_and(|at| at > 0) && !pair.contains(';'));
            }
        }
        let kept = store.cookies(NOW);
        let loaded = saved::from_json(&saved::to_json(kept.iter().copied()), NOW).unwrap();
        prop_assert_eq!(loaded.cookies(NOW), kept);
    }

    #[test]
    fn h13l_a_bad_cookie_takes_nothing_from_the_good_ones_beside_it(line in any_line()) {
        let at = url("https://www.example.com/");
        let mut set = HeaderMap::new();
        set.append(SET_COOKIE, HeaderValue::from_static("good=1; Path=/good"));
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            set.append(SET_COOKIE, value);
        }
        set.append(SET_COOKIE, HeaderValue::from_static("better=1; Path=/good"));
        let jar = CookieJar::new();
        jar.keep(&at, &set);
        let mut headers = HeaderMap::new();
        jar.attach(&url("https://www.example.com/good"), &mut headers);
        let sent = headers[COOKIE].as_bytes();
        prop_assert!(sent.starts_with(b"good=1; better=1"), "{sent:?}");
    }

    #[test]
    fn h13l_any_text_is_a_date_or_none(text in "\\PC{0,40}", number in "[0-9: ]{0,30}") {
        for text in [&text, &number, &format!("{number} Jan {text}")] {
            if let Some(date) = date::parse(text) {
                prop_assert!(date < 253_402_300_800, "before the year 10000");
            }
        }
    }
}
