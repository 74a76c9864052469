//! A jar that is saved and loaded.

use super::*;
use crate::cookies::store::AGE_MAX;
use crate::cookies::{CookieJar, saved};

/// A jar with cookies that last a day, and of the session.
fn jar() -> CookieJar {
    let jar = CookieJar::new();
    for (at, cookie) in [
        (
            "https://www.example.com/a/",
            "last=s3cret; Max-Age=86400; Secure; HttpOnly",
        ),
        (
            "https://www.example.com/",
            "all=\"q\"; Domain=example.com; Max-Age=86400",
        ),
        ("http://127.0.0.1/", "ip=ключ; Max-Age=86400"),
        ("https://www.example.com/", "session=s3cret"),
    ] {
        jar.add(at, cookie).unwrap();
    }
    jar
}

#[test]
fn h13m_a_jar_that_is_loaded_is_the_one_that_was_saved() {
    let jar = jar();
    let all = CookieJar::from_json(&jar.to_json_all()).unwrap();
    assert_eq!(all.cookies(), jar.cookies());
    let lasting = CookieJar::from_json(&jar.to_json()).unwrap();
    assert_eq!(lasting.cookies(), jar.cookies()[..3]);
    assert_eq!(
        lasting
            .get("https://www.example.com/a/b", "last")
            .as_deref(),
        Some("s3cret")
    );
    assert_eq!(
        lasting.get("http://www.example.com/a/b", "last"),
        None,
        "still secure"
    );
    assert_eq!(
        lasting.get("https://example.com/", "last"),
        None,
        "still of one host"
    );
    assert_eq!(
        lasting.get("https://example.com/", "all").as_deref(),
        Some("\"q\"")
    );
    let later = saved::from_json(&jar.to_json(), u64::MAX).unwrap();
    assert!(later.is_empty(), "what has expired meanwhile is gone");
    let empty = CookieJar::from_json(&CookieJar::new().to_json()).unwrap();
    assert!(empty.is_empty());
}

#[test]
fn h13m_what_no_server_could_have_set_is_not_loaded() {
    let saved = jar().to_json();
    for (part, other, what) in [
        ("\"last\"", "\"\"", "the name of cookie 1"),
        ("\"last\"", "\"la;st\"", "the name of cookie 1"),
        ("\"last\"", "\"la=st\"", "the name of cookie 1"),
        (
            "\"s3cret\"",
            "\"s3cret\\r\\nx: y\"",
            "the value of cookie 1",
        ),
        ("\"s3cret\"", "\"s3cret; Secure\"", "the value of cookie 1"),
        ("\"s3cret\"", "\"s3cret \"", "the value of cookie 1"),
        ("\"example.com\"", "\"com\"", "the domain of cookie 2"),
        (
            "\"example.com\"",
            "\"Example.com\"",
            "the domain of cookie 2",
        ),
        ("\"example.com\"", "\"127.0.0.1\"", "the domain of cookie 2"),
        ("\"example.com\"", "\"\"", "the domain of cookie 2"),
        ("\"/a\"", "\"a\"", "the path of cookie 1"),
        ("\"version\":1", "\"version\":2", "version 2"),
        ("\"s3cret\"", "[\"s3cret\"]", "line 1"),
        ("\"secure\":true", "\"secure\":\"s3cret\"", "line 1"),
        ("{", "", "line 1"),
    ] {
        assert!(saved.contains(part), "{part}");
        let error = CookieJar::from_json(&saved.replacen(part, other, 1)).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(what), "{other}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let long = saved.replacen("s3cret", &"v".repeat(4096), 1);
    assert!(CookieJar::from_json(&long).is_err());
}

#[test]
fn h13m_no_cookie_that_is_loaded_lives_longer_than_one_that_is_set() {
    let json = format!(
        r#"{{"version":1,"cookies":[{{"name":"a","value":"1","domain":"a.test","host_only":true,
        "path":"/","secure":false,"http_only":false,"expires":{}}}]}}"#,
        u64::MAX
    );
    let store = saved::from_json(&json, NOW).unwrap();
    assert_eq!(store.cookies(NOW)[0].expires, Some(NOW + AGE_MAX));
    let jar = CookieJar::from_json(&json).unwrap();
    assert!(jar.cookies()[0].expires().is_some());
}

#[test]
fn h13n_no_value_is_in_any_debug_output_or_error() {
    let jar = jar();
    let shown = format!("{jar:?} {:?}", jar.cookies());
    assert!(
        shown.contains("last") && shown.contains("len: 4"),
        "{shown}"
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    for cookie in [
        "s3cret",
        "a=s3cret\n",
        "a=s3cret; Domain=com",
        "__Host-a=s3cret",
    ] {
        let error = jar.add("https://www.example.com/", cookie).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!(jar.add("ftp://example.com/", "a=1"), Err(Error::BadUrl));
    assert_eq!(jar.add("example.com", "a=1"), Err(Error::BadUrl));
    jar.clear();
    assert_eq!(
        (jar.len(), jar.to_json_all().contains("s3cret")),
        (0, false)
    );
}
