//! What hostile servers cannot do.

use super::*;
use crate::cookies::store::{DOMAIN_MAX, HEADER_MAX, TOTAL_MAX};

const AT: &str = "https://example.com/";

#[test]
fn h13k_what_is_too_long_is_refused_or_passed_over() {
    let long = |length: usize| "v".repeat(length);
    for (cookie, is_kept) in [
        (format!("name={}", long(4092)), true),
        (
            format!("name={}; Path=/; Secure; HttpOnly", long(4092)),
            true,
        ),
        (format!("name={}", long(4093)), false),
        (format!("{}=v", long(4096)), false),
        (format!("a=1; x={}", long(8185)), true),
        (format!("a=1; x={}", long(8186)), false),
    ] {
        let kept = Store::default().put(AT, &cookie);
        assert_eq!(kept.is_ok(), is_kept, "{} bytes", cookie.len());
        assert!(is_kept || kept == Err(Error::TooLong));
    }
    let mut store = Store::default();
    store
        .put(AT, &format!("a=1; Path=/; Path=/{}", long(1024)))
        .unwrap();
    assert_eq!(
        store.sent(AT),
        "a=1",
        "an attribute that says too much says nothing"
    );
    let deep = format!("https://example.com/{}/", long(1024));
    assert_eq!(store.put(&deep, "b=1"), Err(Error::TooLong));
}

#[test]
fn h13k_a_domain_has_a_number_of_cookies_and_what_was_not_used_leaves_first() {
    let mut store = Store::default();
    let other = "https://other.example/";
    store.put(other, "kept=1").unwrap();
    store.put(AT, "session=1; Path=/used").unwrap();
    for n in 0..DOMAIN_MAX + 20 {
        store.put(AT, &format!("c{n}=1; Path=/junk")).unwrap();
        let used = store.sent("https://example.com/used");
        assert_eq!(used, "session=1", "what is in use stays");
    }
    let names: Vec<&str> = store
        .cookies(NOW)
        .iter()
        .map(|cookie| &*cookie.name)
        .collect();
    assert_eq!(names.len(), DOMAIN_MAX + 1);
    assert!(names.contains(&"kept") && names.contains(&"session"));
    let first = format!("c{}", 20 + 1);
    assert_eq!(names[2], first, "those that came first left first");
}

#[test]
fn h13k_what_has_expired_leaves_before_anything_else() {
    let mut store = Store::default();
    store.put(AT, "first=1").unwrap();
    for n in 1..DOMAIN_MAX {
        store.put(AT, &format!("c{n}=1; Max-Age=5")).unwrap();
    }
    store.set(&url(AT), b"new=1", NOW + 5).unwrap();
    let names: Vec<&str> = store
        .cookies(0)
        .iter()
        .map(|cookie| &*cookie.name)
        .collect();
    assert_eq!(names, ["first", "new"]);
}

#[test]
fn h13k_all_domains_together_have_a_number_of_cookies() {
    let mut store = Store::default();
    store.put(AT, "session=1").unwrap();
    for n in 0..TOTAL_MAX + 30 {
        let host = format!("https://h{}.example.net/", n / 40);
        store.put(&host, &format!("c{n}=1")).unwrap();
        assert_eq!(store.sent(AT), "session=1", "what is in use stays");
        if n + 1 == TOTAL_MAX - 1 {
            assert_eq!(store.cookies(NOW).len(), TOTAL_MAX);
        }
    }
    let kept = store.cookies(NOW);
    let left = TOTAL_MAX / 10;
    assert_eq!(kept.len(), 1 + TOTAL_MAX + 30 - left, "a tenth left");
    assert_eq!(kept[1].name, format!("c{left}"), "those that came first");
}

#[test]
fn h13k_what_a_request_is_sent_with_has_a_length() {
    let mut store = Store::default();
    for n in 0..6 {
        let value = "v".repeat(4000);
        store
            .put(AT, &format!("big{n}={value}; Path=/deep"))
            .unwrap();
    }
    store.put(AT, "small=1; Path=/").unwrap();
    let sent = store.sent("https://example.com/deep");
    assert!(
        (12_000..=HEADER_MAX).contains(&sent.len()),
        "{}",
        sent.len()
    );
    assert!(sent.ends_with("; small=1"), "what fits is sent");
}

#[test]
fn h13l_what_is_odd_is_read_and_what_is_no_cookie_refused() {
    for (cookie, sent) in [
        ("a=b=c", "a=b=c"),
        ("  a \t=\t b c ; Path=/", "a=b c"),
        ("a=\"q; Path=/", "a=\"q"),
        ("a=\"x y\"", "a=\"x y\""),
        ("a=", "a="),
        ("a=1;;;; = ;=; Secure-ish; Path", "a=1"),
        ("a=1,b=2", "a=1,b=2"),
        ("ключ=значение", "ключ=значение"),
        ("a=x\ty", "a=x\ty"),
        ("a=%00%0d%0a", "a=%00%0d%0a"),
    ] {
        assert_eq!(once(AT, cookie, AT), sent, "{cookie}");
    }
    for (cookie, why) in [
        (&b""[..], Error::NoName),
        (b"a", Error::NoName),
        (b"=1", Error::NoName),
        (b" =1", Error::NoName),
        (b"; a=1", Error::NoName),
        (b"a=1\r\nx: y", Error::BadCharacter),
        (b"a=\0", Error::BadCharacter),
        (b"a=1; Path=/\x01", Error::BadCharacter),
        (b"a=1; x=\x7f", Error::BadCharacter),
        (b"a=\xff", Error::BadCharacter),
    ] {
        let refused = Store::default().set(&url(AT), cookie, NOW);
        assert_eq!(refused, Err(why), "{cookie:?}");
    }
}
