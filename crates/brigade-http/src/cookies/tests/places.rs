//! Which cookie goes where: hosts, paths, schemes, prefixes, order.

use super::*;

#[test]
fn h13e_a_cookie_goes_to_its_host_and_with_a_domain_to_the_hosts_beneath() {
    let host = "https://www.example.com/";
    for (cookie, to, is_sent) in [
        ("a=1", "https://www.example.com/", true),
        ("a=1", "https://WWW.example.com:8443/", true),
        ("a=1", "https://example.com/", false),
        ("a=1", "https://x.www.example.com/", false),
        ("a=1; Domain=example.com", "https://example.com/", true),
        ("a=1; Domain=.Example.COM", "https://b.a.example.com/", true),
        ("a=1; domain=example.com", "https://badexample.com/", false),
        (
            "a=1; Domain=example.com",
            "https://example.com.evil.net/",
            false,
        ),
        (
            "a=1; Domain=www.example.com",
            "https://x.www.example.com/",
            true,
        ),
        ("a=1; Domain=www.example.com", "https://example.com/", false),
        ("a=1; Domain=", "https://x.www.example.com/", false),
        ("a=1; Domain=", "https://www.example.com/", true),
        (
            "a=1; Domain=x.org; Domain=example.com",
            "https://example.com/",
            true,
        ),
        (
            "a=1; Domain=example.com; Domain=",
            "https://example.com/",
            false,
        ),
    ] {
        let sent = once(host, cookie, to);
        assert_eq!(sent == "a=1", is_sent, "{cookie} to {to}: {sent:?}");
    }
    let mut store = Store::default();
    store
        .put("https://www.bücher.de/", "a=1; Domain=Bücher.de")
        .unwrap();
    assert_eq!(store.sent("https://xn--bcher-kva.de/"), "a=1");
}

#[test]
fn h13e_a_domain_that_is_foreign_an_address_or_a_public_suffix_is_refused() {
    for (at, domain, why) in [
        (
            "https://a.example.com/",
            "b.example.com",
            Error::ForeignDomain,
        ),
        (
            "https://example.com/",
            "www.example.com",
            Error::ForeignDomain,
        ),
        ("https://example.com/", "ample.com", Error::ForeignDomain),
        (
            "https://example.com/",
            "example.com:443",
            Error::ForeignDomain,
        ),
        ("https://example.com/", "..", Error::ForeignDomain),
        ("https://example.com/", "..com", Error::ForeignDomain),
        ("https://example.com/", "exa mple.com", Error::ForeignDomain),
        ("https://example.com/", "*.com", Error::ForeignDomain),
        ("https://127.0.0.1/", "0.0.1", Error::ForeignDomain),
        ("https://127.0.0.1/", "1", Error::ForeignDomain),
        ("https://[::1]/", "::1", Error::ForeignDomain),
        ("https://example.com/", "com", Error::PublicSuffix),
        ("https://example.com/", ".com", Error::PublicSuffix),
        ("https://example.com./", "com.", Error::PublicSuffix),
        ("https://example.co.uk/", "co.uk", Error::PublicSuffix),
        ("https://example.co.uk./", "CO.uk.", Error::PublicSuffix),
        ("https://me.github.io/", "github.io", Error::PublicSuffix),
        (
            "https://a.b.kawasaki.jp/",
            "b.kawasaki.jp",
            Error::PublicSuffix,
        ),
        ("https://db.internal/", "internal", Error::PublicSuffix),
    ] {
        let mut store = Store::default();
        let refused = store.put(at, &format!("a=1; Domain={domain}"));
        assert_eq!(refused, Err(why), "{domain} at {at}");
        assert!(store.is_empty());
    }
}

#[test]
fn h13e_an_address_or_a_public_suffix_keeps_cookies_for_itself_alone() {
    for (host, domain, beneath) in [
        (
            "https://127.0.0.1/",
            "127.0.0.1",
            "https://1.127.0.0.1.example/",
        ),
        ("https://[::1]/", "[::1]", "https://example.com/"),
        ("https://github.io/", "github.io", "https://me.github.io/"),
        ("http://localhost/", "localhost", "http://me.localhost/"),
    ] {
        let cookie = format!("a=1; Domain={domain}");
        assert_eq!(once(host, &cookie, host), "a=1", "{host}");
        assert_eq!(once(host, &cookie, beneath), "", "{host}");
    }
    assert_eq!(once("http://127.0.0.1/", "a=1", "http://127.0.0.2/"), "");
    let site = "https://www.city.kawasaki.jp/";
    let shared = once(
        site,
        "a=1; Domain=city.kawasaki.jp",
        "https://city.kawasaki.jp/",
    );
    assert_eq!(shared, "a=1", "an exception of the list");
}

#[test]
fn h13f_a_cookie_is_sent_at_and_under_its_path() {
    let at = "https://example.com/docs/web/page?q=/x/y/";
    for (cookie, path, is_sent) in [
        ("a=1", "/docs/web/other", true),
        ("a=1", "/docs/web", true),
        ("a=1", "/docs/website", false),
        ("a=1", "/docs", false),
        ("a=1; Path=/", "/", true),
        ("a=1; Path=/docs", "/docs", true),
        ("a=1; Path=/docs", "/docs/", true),
        ("a=1; Path=/docs", "/docs/x", true),
        ("a=1; Path=/docs", "/docs?x", true),
        ("a=1; Path=/docs", "/docsx", false),
        ("a=1; Path=/docs", "/Docs", false),
        ("a=1; Path=/docs/", "/docs", false),
        ("a=1; Path=/docs/", "/docs/x", true),
        ("a=1; Path=/elsewhere", "/elsewhere/x", true),
        ("a=1; Path=docs", "/docs/web/x", true),
        ("a=1; Path=docs", "/docs", false),
        ("a=1; Path=\"/\"", "/", false),
        ("a=1; Path=/; Path=", "/", false),
        ("a=1; Path=/x; path=/", "/y", true),
    ] {
        let sent = once(at, cookie, &format!("https://example.com{path}"));
        assert_eq!(sent == "a=1", is_sent, "{cookie} to {path}: {sent:?}");
    }
    assert_eq!(
        once("https://example.com", "a=1", "https://example.com/x"),
        "a=1"
    );
    assert_eq!(
        once("https://example.com/x", "a=1", "https://example.com/y"),
        "a=1"
    );
}

#[test]
fn h13g_a_secure_cookie_comes_from_and_goes_to_https_or_this_machine() {
    for (at, to, is_sent) in [
        ("https://example.com/", "https://example.com/", true),
        ("https://example.com/", "http://example.com/", false),
        ("http://example.com/", "https://example.com/", false),
        ("http://localhost/", "http://localhost/", true),
        ("http://app.localhost:81/", "http://app.localhost:82/", true),
        ("http://127.8.9.1/", "http://127.8.9.1/", true),
        ("http://[::1]/", "http://[::1]/", true),
        ("http://128.0.0.1/", "http://128.0.0.1/", false),
        ("http://notlocalhost/", "http://notlocalhost/", false),
    ] {
        assert_eq!(
            once(at, "a=1; Secure", to) == "a=1",
            is_sent,
            "{at} to {to}"
        );
    }
    assert_eq!(
        once("https://a.test/", "a=1; secure=no", "http://a.test/"),
        ""
    );
}

#[test]
fn h13g_nothing_that_comes_in_plain_replaces_a_secure_cookie_or_stands_before_it() {
    let setting = ["a=safe; Secure; Path=/x; Domain=b.test", "b=safe; Path=/"];
    for (at, cookie, is_kept) in [
        ("http://b.test/x", "a=evil; Path=/x; Domain=b.test", false),
        ("http://b.test/x", "a=evil; Path=/x", false),
        ("http://b.test/x", "a=evil; Path=/x/y", false),
        ("http://sub.b.test/x", "a=evil; Path=/x/y", false),
        (
            "http://sub.b.test/x",
            "a=evil; Path=/x; Domain=b.test",
            false,
        ),
        (
            "http://b.test/x",
            "a=; Path=/x; Domain=b.test; Max-Age=0",
            false,
        ),
        ("http://b.test/x", "a=other; Path=/", true),
        ("http://b.test/x", "a=other; Path=/xy", true),
        ("http://notb.test/x", "a=other; Path=/x", true),
        ("http://b.test/x", "b=other; Path=/", true),
        (
            "https://b.test/x",
            "a=new; Path=/x; Domain=b.test; Secure",
            true,
        ),
    ] {
        let mut store = Store::default();
        for cookie in setting {
            store.put("https://b.test/x", cookie).unwrap();
        }
        let kept = store.put(at, cookie);
        assert_eq!(kept.is_ok(), is_kept, "{cookie} at {at}");
        if !is_kept {
            assert_eq!(kept, Err(Error::Insecure));
            assert_eq!(store.sent("https://b.test/x"), "a=safe; b=safe");
        }
    }
    let mut store = Store::default();
    store
        .put("https://b.test/", "a=safe; Secure; Domain=b.test")
        .unwrap();
    let shadow = store.put("http://sub.b.test/", "a=evil");
    assert_eq!(shadow, Err(Error::Insecure), "beneath the host that set it");
    store.put("https://www.c.test/", "a=safe; Secure").unwrap();
    let shadow = store.put("http://c.test/", "a=evil; Domain=c.test");
    assert_eq!(shadow, Err(Error::Insecure), "above the host that set it");
}

#[test]
fn h13h_a_prefix_of_the_name_holds_what_it_says() {
    for (at, cookie, is_kept) in [
        ("https://a.test/x", "__Secure-a=1; Secure", true),
        (
            "https://a.test/x",
            "__Secure-a=1; Secure; Domain=a.test",
            true,
        ),
        ("https://a.test/x", "__Secure-a=1", false),
        ("https://a.test/x", "__SECURE-a=1", false),
        ("http://a.test/x", "__Secure-a=1; Secure", false),
        ("https://a.test/x", "__Host-a=1; Secure; Path=/", true),
        ("https://a.test/x", "__Host-a=1; Path=/", false),
        ("https://a.test/x", "__Host-a=1; Secure", false),
        ("https://a.test/", "__Host-a=1; Secure", false),
        ("https://a.test/x", "__Host-a=1; Secure; Path=/x", false),
        (
            "https://a.test/x",
            "__host-a=1; Secure; Path=/; Domain=a.test",
            false,
        ),
        (
            "https://127.0.0.1/",
            "__Host-a=1; Secure; Path=/; Domain=127.0.0.1",
            false,
        ),
        ("https://a.test/x", "__Host=1", true),
        ("https://a.test/x", "a__Host-=1", true),
    ] {
        let kept = Store::default().put(at, cookie);
        assert_eq!(kept.is_ok(), is_kept, "{cookie} at {at}: {kept:?}");
    }
}

#[test]
fn h13j_longer_paths_go_first_and_then_what_came_first() {
    let mut store = Store::default();
    let at = "https://www.example.com/a/b/c";
    for cookie in [
        "one=1; Path=/",
        "two=1; Path=/a/b",
        "three=1; Path=/; Domain=example.com",
    ] {
        store.put(at, cookie).unwrap();
    }
    for cookie in ["four=1; Path=/a/b", "five=1; Path=/a", "one=2; Path=/"] {
        store.put(at, cookie).unwrap();
    }
    let sent = store.sent("https://www.example.com/a/b/c");
    assert_eq!(sent, "two=1; four=1; five=1; one=2; three=1");
    store.put(at, "one=; Path=/; Max-Age=0").unwrap();
    store.put(at, "one=3; Path=/").unwrap();
    let sent = store.sent("https://www.example.com/");
    assert_eq!(
        sent, "three=1; one=3",
        "one that went and came again is new"
    );
}

#[test]
fn cookies_of_one_name_differ_by_path_domain_and_whether_they_are_for_one_host() {
    let mut store = Store::default();
    let at = "https://example.com/a/";
    for cookie in ["n=1", "n=2; Path=/", "n=3; Domain=example.com", "N=4"] {
        store.put(at, cookie).unwrap();
    }
    assert_eq!(store.sent(at), "n=1; n=3; N=4; n=2");
    let first = store.find(&url(at), "n", NOW).unwrap();
    assert_eq!(first.value, "1");
    assert!(store.find(&url("https://example.org/"), "n", NOW).is_none());
}
