//! Tables of what proxies' URLs, their exceptions and the environment mean.

use std::ffi::OsString;

use url::Url;

use super::bypass::Bypass;
use super::{Proxies, Proxy, from_environment};
use crate::Kind;
use crate::transport::Destination;

fn to(url: &str) -> Destination {
    Destination::of(&Url::parse(url).unwrap()).unwrap()
}

type Variables<'a> = &'a [(&'a str, &'a str)];

/// The proxy of each URL with these variables, `-` for none.
fn ways(variables: Variables<'_>, urls: &[&str]) -> Vec<String> {
    let read = |name: &str| {
        let found = variables.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let proxies = Proxies::new(from_environment(read).unwrap());
    let way = |url: &&str| match proxies.on_way(&to(url)) {
        Some(proxy) => proxy.at.to_string(),
        None => "-".to_owned(),
    };
    urls.iter().map(way).collect()
}

const BOTH: [&str; 2] = ["http://a.example/", "https://a.example/"];

#[test]
fn h8j_the_variables_of_the_environment_are_those_of_curl() {
    let cases: [(Variables, [&str; 2]); 9] = [
        (&[], ["-", "-"]),
        (&[("http_proxy", "p:1")], ["p:1", "-"]),
        (&[("HTTPS_PROXY", "http://p:2/")], ["-", "p:2"]),
        (&[("ALL_PROXY", "socks5h://p")], ["p:1080", "p:1080"]),
        (
            &[("all_proxy", "p"), ("https_proxy", "https://q")],
            ["p:80", "q:443"],
        ),
        (
            &[("http_proxy", "p:1"), ("HTTP_PROXY", "q:1")],
            ["p:1", "-"],
        ),
        (&[("http_proxy", ""), ("HTTP_PROXY", "q:1")], ["q:1", "-"]),
        (
            &[("http_proxy", "p:1"), ("REQUEST_METHOD", "GET")],
            ["p:1", "-"],
        ),
        (&[("all_proxy", "p:1"), ("NO_PROXY", "example")], ["-", "-"]),
    ];
    for (variables, expected) in cases {
        assert_eq!(ways(variables, &BOTH), expected, "{variables:?}");
    }
}

#[test]
fn h8j_a_stranger_cannot_set_the_proxy_of_a_cgi_program() {
    let variables = [("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")];
    assert_eq!(ways(&variables, &BOTH), ["-", "-"]);
}

#[test]
fn h8j_loopback_is_reached_without_the_proxies_of_the_environment() {
    let urls = [
        "http://localhost:8080/",
        "http://api.localhost/",
        "https://127.9.9.9/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://10.0.0.1/",
        "http://notlocalhost/",
    ];
    let expected = ["-", "-", "-", "-", "-", "p:1", "p:1"];
    assert_eq!(ways(&[("all_proxy", "p:1")], &urls), expected);
    let explicit = Proxies::new(vec![Proxy::all("p:1").unwrap()]);
    assert!(explicit.on_way(&to(urls[0])).is_some());
}

#[test]
fn h8j_a_variable_that_cannot_be_used_is_named_without_its_password() {
    let cases = [
        ("http_proxy", "http://joe:hunter2@host:port"),
        ("HTTPS_PROXY", "ftp://joe:hunter2@host"),
        ("all_proxy", "joe:hunter2/x://host"),
    ];
    for (name, value) in cases {
        let read = |other: &str| (name == other).then(|| OsString::from(value));
        let error = from_environment(read).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(name), "{text}");
        assert!(!text.contains("hunter") && !text.contains("joe"), "{text}");
    }
}

#[test]
fn h8k_an_exception_is_a_name_with_those_below_an_address_a_network_or_all() {
    let cases = [
        ("", "http://a.example/", false),
        ("*", "http://1.2.3.4/", true),
        ("example", "http://a.EXAMPLE/", true),
        (".example", "http://example/", true),
        ("*.example", "http://a.b.example./", true),
        ("example", "http://anexample/", false),
        ("a.example", "http://example/", false),
        ("x, a.example ,y", "https://a.example/", true),
        ("x a.example\ty", "https://a.example/", true),
        ("1.2.3.4 a.example:443,y", "https://a.example/", true),
        ("[::1 a.example", "http://b.example/", false),
        ("a.example:8080", "http://a.example:8080/", true),
        ("a.example:8080", "http://a.example/", false),
        ("a.example:443", "https://a.example/", true),
        ("b\u{fc}cher.example", "http://b\u{fc}cher.example/", true),
        ("10.0.0.0/8", "http://10.200.3.4/", true),
        ("10.0.0.0/8", "http://11.0.0.1/", false),
        ("10.0.0.0/33", "http://10.0.0.0/", false),
        ("0.0.0.0/0", "http://11.0.0.1/", true),
        ("0.0.0.0/0", "http://[fe80::1]/", false),
        ("192.168.1.1", "http://192.168.1.1:81/", true),
        ("192.168.1.1:81", "http://192.168.1.1/", false),
        ("192.168.1.1", "http://192.168.1.11/", false),
        ("fd00::/8", "http://[fd12::1]/", true),
        ("[fd12::1]:8080", "http://[fd12::1]:8080/", true),
        ("fd12::1", "http://[fd12::2]/", false),
        ("/,:,*:x,[", "http://a.example/", false),
    ];
    for (list, url, expected) in cases {
        assert_eq!(
            Bypass::new(list).concerns(&to(url)),
            expected,
            "{list} {url}"
        );
    }
}

#[test]
fn h8l_the_url_of_a_proxy_is_an_error_that_tells_the_form_but_nothing_of_it() {
    let cases = [
        ("", "empty host"),
        ("socks4://joe:hunter2@p", "http, https, socks5 or socks5h"),
        ("http://joe:hunter2@p:99999", "invalid port"),
        ("http://joe:hunter2@p:0", "the port"),
        ("http://joe:1#hunter2@p:1", "%XX"),
        ("http://joe:1/hunter2@p:1", "%XX"),
        ("http://p?hunter2", "%XX"),
        ("http://joe:hunter2@", "%XX"),
        ("socks5://joe@p", "1 to 255 bytes"),
        ("socks5://:hunter2@p", "1 to 255 bytes"),
    ];
    for (url, expected) in cases {
        let error = Proxy::all(url).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected), "{url}: {text}");
        assert!(!text.contains("hunter") && !text.contains("joe"), "{text}");
    }
    let long = format!("socks5h://{}:x@p", "u".repeat(256));
    assert_eq!(Proxy::all(long).unwrap_err().kind(), Kind::Config);
}

#[test]
fn h8l_debug_output_has_no_login() {
    for scheme in ["http", "https", "socks5", "socks5h"] {
        let proxy = Proxy::all(format!("{scheme}://joe:hunter2@p:9")).unwrap();
        let text = format!("{proxy:?}");
        assert!(text.contains("has_login: true"), "{text}");
        assert!(!text.contains("hunter") && !text.contains("joe"), "{text}");
    }
}

#[test]
fn the_port_of_a_proxy_may_be_the_default_of_another_scheme() {
    for (url, expected) in [
        ("socks5://p:80", "p:80"),
        ("socks5h://p:443", "p:443"),
        ("https://p:80", "p:80"),
        ("http://p:443", "p:443"),
        ("http://[::1]", "[::1]:80"),
    ] {
        let proxy = Proxy::all(url).unwrap();
        let server = proxy.server(&to("http://a.example")).unwrap();
        assert_eq!(server.at.to_string(), expected);
    }
}
