//! Redirects as tables: status and method, address arithmetic, and what must not travel along.

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;
use url::Url;

use super::{Error, Follow, Hop, decide};

fn answer(location: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
    headers
}

fn follow(url: &str, location: &str) -> Result<Option<Follow>, Error> {
    decide(&Hop {
        status: StatusCode::FOUND,
        headers: &answer(location.as_bytes()),
        method: &Method::GET,
        url: &Url::parse(url).unwrap(),
        hops: 0,
        limit: 10,
    })
}

fn next(url: &str, location: &str) -> Follow {
    follow(url, location).unwrap().unwrap()
}

fn request_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [
        AUTHORIZATION,
        COOKIE,
        PROXY_AUTHORIZATION,
        HOST,
        CONTENT_TYPE,
    ] {
        headers.insert(name, HeaderValue::from_static("x"));
    }
    let mut secret = HeaderValue::from_static("key");
    secret.set_sensitive(true);
    headers.insert("x-api-key", secret);
    headers.insert("x-plain", HeaderValue::from_static("x"));
    headers
}

fn names_left(follow: &Follow) -> Vec<String> {
    let mut headers = request_headers();
    follow.apply(&mut headers);
    let mut names: Vec<_> = headers.keys().map(|name| name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn h4m_a_redirect_changes_the_method_only_where_browsers_do() {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"];
    let becomes = [
        (301, ["GET", "HEAD", "GET", "PUT", "DELETE", "PATCH"]),
        (302, ["GET", "HEAD", "GET", "PUT", "DELETE", "PATCH"]),
        (303, ["GET", "HEAD", "GET", "GET", "GET", "GET"]),
        (307, methods),
        (308, methods),
    ];
    let url = Url::parse("http://a/").unwrap();
    for (status, expected) in becomes {
        for (method, expected) in methods.into_iter().zip(expected) {
            let hop = Hop {
                status: StatusCode::from_u16(status).unwrap(),
                headers: &answer(b"/b"),
                method: &method.parse().unwrap(),
                url: &url,
                hops: 0,
                limit: 1,
            };
            let next = decide(&hop).unwrap().unwrap();
            assert_eq!(next.method.as_str(), expected, "{status} {method}");
            assert_eq!(next.keep_body, method == expected, "{status} {method}");
        }
    }
}

#[test]
fn h4m_an_answer_that_is_no_redirect_stands() {
    let url = Url::parse("http://a/").unwrap();
    let stands = |status, headers: &HeaderMap, limit| {
        let hop = Hop {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            method: &Method::GET,
            url: &url,
            hops: 0,
            limit,
        };
        assert_eq!(decide(&hop), Ok(None), "{status}, at most {limit}");
    };
    for status in [200, 201, 300, 304, 305, 306, 400, 404, 503] {
        stands(status, &answer(b"/b"), 10);
    }
    stands(302, &HeaderMap::new(), 10);
    stands(302, &answer(b""), 10);
    stands(302, &answer(b"/b"), 0);
}

#[test]
fn h4n_a_loop_ends_at_the_limit() {
    let mut url = Url::parse("http://a/").unwrap();
    let headers = answer(b"/");
    for hops in 0..10 {
        let hop = Hop {
            status: StatusCode::FOUND,
            headers: &headers,
            method: &Method::GET,
            url: &url,
            hops,
            limit: 9,
        };
        match decide(&hop) {
            Ok(Some(next)) if hops < 9 => url = next.url,
            Err(Error::TooMany { limit: 9 }) if hops == 9 => return,
            other => panic!("after {hops} hops: {other:?}"),
        }
    }
    panic!("the loop did not end");
}

#[test]
fn h4m_a_location_is_resolved_and_inherits_the_fragment() {
    let base = "http://a:8080/b/c?d#e";
    for (location, expected) in [
        ("http://x/y", "http://x/y#e"),
        ("//x/y", "http://x/y#e"),
        ("/y", "http://a:8080/y#e"),
        ("y", "http://a:8080/b/y#e"),
        ("../y", "http://a:8080/y#e"),
        ("?q", "http://a:8080/b/c?q#e"),
        ("/y#f", "http://a:8080/y#f"),
        ("/y#", "http://a:8080/y#"),
        ("  /y  ", "http://a:8080/y#e"),
        ("/a b", "http://a:8080/a%20b#e"),
        ("/\u{e4}", "http://a:8080/%C3%A4#e"),
        ("HTTPS://X/", "https://x/#e"),
    ] {
        assert_eq!(next(base, location).url.as_str(), expected, "{location}");
    }
}

#[test]
fn h4m_a_location_in_an_old_encoding_goes_back_byte_for_byte() {
    let hop = Hop {
        status: StatusCode::FOUND,
        headers: &answer(b"/caf\xe9?\xff"),
        method: &Method::GET,
        url: &Url::parse("http://a/").unwrap(),
        hops: 0,
        limit: 1,
    };
    let next = decide(&hop).unwrap().unwrap();
    assert_eq!(next.url.as_str(), "http://a/caf%E9?%FF");
}

#[test]
fn h4o_a_redirect_stays_within_http_and_https() {
    for location in [
        "ftp://a/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,x",
    ] {
        assert!(
            matches!(follow("https://a/", location), Err(Error::Scheme(_))),
            "{location}"
        );
    }
}

#[test]
fn h4o_a_bad_location_is_an_error_that_says_so() {
    for location in ["http://", "http://[::1", "http://a:99999/"] {
        let error = follow("http://a/", location).unwrap_err();
        assert!(
            matches!(error, Error::BadLocation(_)),
            "{location}: {error}"
        );
    }
    let mut headers = answer(b"/b");
    headers.append(LOCATION, HeaderValue::from_static("http://evil/"));
    let hop = Hop {
        status: StatusCode::FOUND,
        headers: &headers,
        method: &Method::GET,
        url: &Url::parse("http://a/").unwrap(),
        hops: 0,
        limit: 1,
    };
    assert!(matches!(decide(&hop), Err(Error::BadLocation(_))));
}

#[test]
fn h6p_credentials_do_not_cross_origins() {
    let base = "https://a.example/";
    for location in [
        "https://b.example/",
        "https://sub.a.example/",
        "https://a.example:8443/",
        "http://a.example/",
        "\\\\b.example/",
    ] {
        let next = next(base, location);
        assert!(!next.same_origin, "{location}");
        assert_eq!(names_left(&next), ["content-type", "x-plain"], "{location}");
    }
}

#[test]
fn h6p_credentials_stay_within_an_origin() {
    for location in [
        "/b",
        "https://a.example/",
        "https://a.example:443/",
        "//A.EXAMPLE/",
    ] {
        let next = next("https://a.example/", location);
        assert!(next.same_origin, "{location}");
        assert_eq!(
            names_left(&next).len(),
            request_headers().len(),
            "{location}"
        );
    }
}

#[test]
fn h6p_the_user_in_the_address_stays_within_its_origin() {
    let base = "http://me:pw@a/x";
    assert_eq!(next(base, "/y").url.as_str(), "http://me:pw@a/y");
    assert_eq!(next(base, "http://a/y").url.as_str(), "http://me:pw@a/y");
    assert_eq!(next(base, "http://b/y").url.as_str(), "http://b/y");
    assert_eq!(next(base, "https://a/y").url.as_str(), "https://a/y");
}

#[test]
fn h6p_a_location_cannot_bring_a_user_name_along() {
    for location in [
        "http://evil:x@a/",
        "http://evil@b/",
        "//:x@a/",
        "http://a@b@c/",
    ] {
        let error = follow("http://me:pw@a/", location).unwrap_err();
        assert_eq!(error, Error::UserInfo, "{location}");
        assert!(!error.to_string().contains("evil"));
    }
}

#[test]
fn h6p_a_body_that_stays_behind_takes_its_headers_with_it() {
    let mut next = next("http://a/", "/b");
    next.keep_body = false;
    assert!(!names_left(&next).contains(&CONTENT_TYPE.to_string()));
}

const PIECES: [&[u8]; 17] = [
    b"http",
    b"https",
    b":",
    b"//",
    b"/",
    b"\\",
    b"@",
    b"a",
    b"b.example",
    b"?",
    b"#",
    b"\xff",
    b"\t",
    b".",
    b":8080",
    b"%40",
    b"me:pw@",
];

proptest! {
    #[test]
    fn h6p_no_location_carries_credentials_to_another_origin(
        location in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..12),
    ) {
        let url = Url::parse("http://me:pw@a/").unwrap();
        let hop = Hop {
            status: StatusCode::FOUND,
            headers: &answer(&location.concat()),
            method: &Method::GET,
            url: &url,
            hops: 0,
            limit: 1,
        };
        if let Ok(Some(next)) = decide(&hop) {
            prop_assert_eq!(next.same_origin, next.url.origin() == url.origin());
            if !next.same_origin {
                prop_assert_eq!(next.url.username(), "");
                prop_assert_eq!(next.url.password(), None);
                prop_assert_eq!(names_left(&next), ["content-type", "x-plain"]);
            }
        }
    }
}
