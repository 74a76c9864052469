//! How long a cookie lives.

use super::*;
use crate::cookies::store::AGE_MAX;

const AT: &str = "https://example.com/";

#[test]
fn h13i_a_cookie_is_sent_until_it_expires_and_max_age_counts_before_expires() {
    for (cookie, expires) in [
        ("a=1", None),
        ("a=1; Max-Age=60", Some(NOW + 60)),
        (
            "a=1; max-age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            Some(NOW + 60),
        ),
        (
            "a=1; Expires=Sat, 28 Nov 2026 00:01:00 GMT; Max-Age=90",
            Some(NOW + 90),
        ),
        ("a=1; Expires=Sat, 28 Nov 2026 00:01:00 GMT", Some(NOW + 60)),
        ("a=1; Max-Age=60; Max-Age=30", Some(NOW + 30)),
        ("a=1; Max-Age=", None),
        ("a=1; Max-Age=-", None),
        ("a=1; Max-Age=+5", None),
        ("a=1; Max-Age=5.0", None),
        ("a=1; Max-Age=\"5\"", None),
        ("a=1; Max-Age=60; Max-Age=x", Some(NOW + 60)),
        ("a=1; Expires=soon", None),
        ("a=1; Expires=0", None),
        (
            "a=1; Max-Age=99999999999999999999999999",
            Some(NOW + AGE_MAX),
        ),
        (
            "a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT",
            Some(NOW + AGE_MAX),
        ),
    ] {
        let mut store = Store::default();
        store.put(AT, cookie).unwrap();
        assert_eq!(store.cookies(NOW)[0].expires, expires, "{cookie}");
        let Some(expires) = expires else { continue };
        assert!(store.header(&url(AT), expires - 1).is_some(), "{cookie}");
        assert!(store.header(&url(AT), expires).is_none(), "{cookie}");
        assert!(store.find(&url(AT), "a", expires).is_none(), "{cookie}");
        assert!(store.cookies(expires).is_empty(), "{cookie}");
    }
}

#[test]
fn h13i_one_that_has_expired_already_removes_what_it_names_and_nothing_else() {
    for ending in [
        "Max-Age=0",
        "Max-Age=-1",
        "Max-Age=-99999999999999999999",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Expires=Thu, 01 Jan 1970 00:00:00 UTC",
        "Expires=Mon, 01-Jan-90 0:0:1",
        "Expires=Sun, 6 Nov 1960 08:49:37 GMT",
    ] {
        let mut store = Store::default();
        store.put(AT, "a=1; Path=/").unwrap();
        store
            .put(AT, &format!("a=; Path=/elsewhere; {ending}"))
            .unwrap();
        store
            .put(AT, &format!("a=; Domain=example.com; {ending}"))
            .unwrap();
        assert_eq!(store.sent(AT), "a=1", "{ending}");
        store.put(AT, &format!("a=; Path=/; {ending}")).unwrap();
        assert!(store.is_empty(), "{ending}");
    }
}

#[test]
fn h13i_a_date_is_read_in_whatever_form_servers_write_it() {
    const DATE: u64 = 784_111_777;
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06-Nov-1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 8:49:37 GMT",
        "Sun Nov 06 1994 08:49:37 GMT+0000 (Coordinated Universal Time)",
        "06/Nov/1994:08:49:37".replace("1994:", "1994 ").as_str(),
        "1994 november 6th 08:49:37.123Z",
        "08:49:37 06 NOV 94",
    ] {
        assert_eq!(date::parse(text), Some(DATE), "{text}");
    }
    for (text, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ("Wed, 01 Mar 2000 00:00:00 GMT", 951_868_800),
        ("Fri, 31 Dec 2027 23:59:59 GMT", 1_830_297_599),
        ("Tue, 19 Jan 2038 03:14:08 GMT", 1 << 31),
        ("01 Jan 69 00:00:00", 3_124_224_000),
        ("01 Jan 70 00:00:00", 0),
        ("31 Dec 1969 23:59:59", 0),
        ("01 Jan 1601 00:00:00", 0),
    ] {
        assert_eq!(date::parse(text), Some(seconds), "{text}");
    }
}

#[test]
fn h13i_what_is_no_date_is_none() {
    for text in [
        "",
        "never",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 08:49:37",
        "Sun, Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "06 Foo 1994 08:49:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 00:60:00",
        "06 Nov 1994 00:00:60",
        "06 Nov 1994 000:00:00",
        "06 Nov 1994 00:00",
        "06 Nov 1994 0a:00:00",
        "00 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "29 Feb 1900 08:49:37",
        "32 Jan 1994 08:49:37",
        "06 Nov 1600 08:49:37",
        "06 Nov 19945 08:49:37",
        "-6 No\u{fc} 1994 08:49:37",
    ] {
        assert_eq!(date::parse(text), None, "{text}");
    }
}
