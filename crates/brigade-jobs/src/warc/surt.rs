//! The key of a URL in an index: host backwards, then path and query, all in one spelling (SURT).
//!
//! These are the rules by which the Wayback Machine's indexes are made, and pywb looks URLs up, so
//! a key that is nicer would be one that is not found. It takes URLs as `url` writes them, with no
//! user name and password.

use url::Url;

/// The key of `url`; the URL itself if it is none.
pub(super) fn surt(url: &str) -> Vec<u8> {
    let Ok(url) = Url::parse(url) else {
        return url.as_bytes().to_vec();
    };
    let mut key = host(url.host_str().unwrap_or_default());
    if let Some(port) = url.port().filter(|&port| port != 0) {
        key.extend_from_slice(format!(":{port}").as_bytes());
    }
    key.push(b')');
    key.extend_from_slice(&path(url.path()));
    if let Some(query) = url.query().map(query).filter(|query| !query.is_empty()) {
        key.push(b'?');
        key.extend_from_slice(&query);
    }
    key
}

/// The labels of a host backwards, without a leading `www`.
fn host(host: &str) -> Vec<u8> {
    let host = host.trim_matches(['[', ']', '.']).replace("..", ".");
    let labels: Vec<_> = without_www(&host).split('.').rev().collect();
    labels.join(",").into_bytes()
}

/// Takes away `www.`, `www2.` and so on.
fn without_www(host: &str) -> &str {
    let rest = host.strip_prefix("www").and_then(|rest| {
        let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        rest.strip_prefix('.')
    });
    rest.unwrap_or(host)
}

fn path(path: &str) -> Vec<u8> {
    let mut path = escaped(&normal(&unescaped(path.as_bytes())));
    path.make_ascii_lowercase();
    let mut path = without_dot_net_session(path);
    if path.len() > 1 && path.ends_with(b"/") {
        path.pop();
    }
    path
}

/// Without `.`, `..` and empty segments; the last one may be empty.
fn normal(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        match segment {
            b"." => {}
            b".." if kept.pop().is_some() => {}
            segment => kept.push(segment),
        }
    }
    let Some((last, before)) = kept.split_last() else {
        return b"/".to_vec();
    };
    let mut path = b"/".to_vec();
    for segment in before.iter().filter(|segment| !segment.is_empty()) {
        path.extend_from_slice(segment);
        path.push(b'/');
    }
    path.extend_from_slice(last);
    path
}

fn query(query: &str) -> Vec<u8> {
    let mut query = without_sessions(escaped(&unescaped(query.as_bytes())));
    query.make_ascii_lowercase();
    if query.len() <= 1 {
        return query;
    }
    let mut parts: Vec<(&[u8], Option<&[u8]>)> = query
        .split(|&byte| byte == b'&')
        .map(|part| match part.iter().position(|&byte| byte == b'=') {
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        })
        .collect();
    parts.sort_unstable();
    let mut sorted = Vec::with_capacity(query.len());
    for (at, (name, value)) in parts.into_iter().enumerate() {
        if at > 0 {
            sorted.push(b'&');
        }
        sorted.extend_from_slice(name);
        if let Some(value) = value {
            sorted.push(b'=');
            sorted.extend_from_slice(value);
        }
    }
    sorted
}

/// Decodes what is percent-encoded, and what that is when it is decoded, until nothing is.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        out.push(byte);
        // What was decoded may end another escape. So each byte is looked at a few times, however
        // often a server has encoded what it redirects to.
        while let [.., b'%', high, low] = out[..]
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.truncate(out.len() - 3);
            out.push((high << 4 | low) as u8);
        }
    }
    out
}

/// Percent-encodes what is neither printable nor ASCII, the space, `#` and `%`.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_graphic() && byte != b'#' && byte != b'%' {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

/// Takes the session out of `/(S(...))/page.aspx` and `/(...)/page.aspx`, in lower case.
fn without_dot_net_session(path: Vec<u8>) -> Vec<u8> {
    let path = without_segment(path, |segment| {
        let mut inner = segment;
        let mut any = false;
        while let [b'a'..=b'z', b'(', rest @ ..] = inner
            && let Some((id, rest)) = rest.split_at_checked(24)
            && id.iter().all(u8::is_ascii_alphanumeric)
            && let [b')', rest @ ..] = rest
        {
            (inner, any) = (rest, true);
        }
        any && inner.is_empty()
    });
    without_segment(path, |segment| {
        segment.len() == 24 && segment.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// Takes out the last `(segment)/` that is a session and is followed by a page.
fn without_segment(path: Vec<u8>, is_session: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let is_page = |rest: &[u8]| {
        let end = rest
            .iter()
            .position(|&byte| byte == b'?')
            .unwrap_or(rest.len());
        memchr::memmem::rfind(&rest[..end], b".aspx").is_some_and(|at| at > 0)
    };
    for at in memchr::memrchr_iter(b'/', &path) {
        let rest = &path[at + 1..];
        let end = memchr::memchr(b'/', rest);
        if let Some(end) = end
            && let [b'(', segment @ .., b')'] = &rest[..end]
            && is_session(segment)
            && is_page(&rest[end + 1..])
        {
            return [&path[..=at], &rest[end + 1..]].concat();
        }
    }
    path
}

/// How long what names a session is, if a text begins with it.
type Session = fn(&[u8]) -> Option<usize>;

/// Takes out what names a session: the last of each kind that ends with its part of the query.
fn without_sessions(mut query: Vec<u8>) -> Vec<u8> {
    let kinds: [Session; 5] = [
        |text| id(text, b"jsessionid=", 32),
        |text| id(text, b"phpsessid=", 32),
        |text| id(text, b"sid=", 32),
        asp,
        cold_fusion,
    ];
    for kind in kinds {
        let found = (0..query.len()).rev().find_map(|at| {
            let end = at + kind(&query[at..])?;
            let is_whole = matches!(query.get(end), None | Some(b'&'));
            is_whole.then_some(at..end)
        });
        if let Some(range) = found {
            let rest = query.split_off(range.end);
            query.truncate(range.start);
            query.extend_from_slice(rest.strip_prefix(b"&").unwrap_or(&rest));
        }
    }
    query
}

/// The length of `name` and what follows it, if that is an id of so many letters and digits.
fn id(text: &[u8], name: &[u8], length: usize) -> Option<usize> {
    let rest = text.get(name.len()..)?;
    let id = rest.get(..length)?;
    let found = text[..name.len()].eq_ignore_ascii_case(name);
    (found && id.iter().all(u8::is_ascii_alphanumeric)).then_some(name.len() + length)
}

/// The length of `ASPSESSIONID` with eight letters, and 24 more as its value.
fn asp(text: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"aspsessionid";
    let (name, value) = text
        .get(..NAME.len() + 8 + 1 + 24)?
        .split_at(NAME.len() + 8);
    let (name, letters) = name.split_at(NAME.len());
    let is_named = name.eq_ignore_ascii_case(NAME) && letters.iter().all(u8::is_ascii_alphabetic);
    let is_valued = value[0] == b'=' && value[1..].iter().all(u8::is_ascii_alphabetic);
    (is_named && is_valued).then_some(NAME.len() + 8 + 1 + 24)
}

/// The length of `cfid=...&cftoken=...`.
fn cold_fusion(text: &[u8]) -> Option<usize> {
    let value = |from: usize, name: &[u8]| {
        let rest = text.get(from..)?;
        let found = rest.get(..name.len())?.eq_ignore_ascii_case(name);
        let value = &rest[name.len()..];
        let length = memchr::memchr(b'&', value).unwrap_or(value.len());
        (found && length > 0).then_some(from + name.len() + length)
    };
    value(value(0, b"cfid=")?, b"&cftoken=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, key: &str) {
        let url = Url::parse(url).unwrap();
        assert_eq!(String::from_utf8(surt(url.as_str())).unwrap(), key, "{url}");
    }

    #[test]
    fn f8d_keys_are_those_by_which_replay_looks_urls_up() {
        check("http://www.Example.com/", "com,example)/");
        check(
            "https://www23.a.example.com:8443/A/B/?b=2&a&a=1#x",
            "com,example,a:8443)/a/b?a&a=1&b=2",
        );
        check("http://127.0.0.1:8080/x", "1,0,0,127:8080)/x");
        check("http://[::1]:81/x", "::1:81)/x");
        check(
            "http://example.com./a//b/%2e%2e/./c%2Fd/",
            "com,example)/a/c/d",
        );
        check(
            "http://a.test/%2541%20%C3%BC?%2541=%26",
            "test,a)/a%20%c3%bc?&a=",
        );
        check("http://a.test/?", "test,a)/");
        check("http://a.test/?=", "test,a)/?=");
        check("http://wwww.a.test/www.x", "test,a,wwww)/www.x");
        check("http://bücher.test/ä", "test,xn--bcher-kva)/%c3%a4");
    }

    #[test]
    fn f8d_what_is_encoded_again_and_again_is_decoded_in_one_go() {
        for (text, expected) in [
            ("%%34%31", "A"),
            ("%4%31", "A"),
            ("%2%35%%%3241", "%%$1"),
            ("%zz%4", "%zz%4"),
        ] {
            assert_eq!(unescaped(text.as_bytes()), expected.as_bytes(), "{text}");
        }
        // A server can redirect to as much, and each round takes away two bytes.
        let text = format!("%{}41", "25".repeat(500_000));
        let began = brigade::clock::now();
        assert_eq!(unescaped(text.as_bytes()), b"A");
        assert!(brigade::clock::now().since(began) < std::time::Duration::from_secs(20));
    }

    #[test]
    fn f8d_sessions_are_no_part_of_a_key() {
        let id = "0123456789abcdefghijklmnopqrstuv";
        check(
            &format!("http://a.test/x?b=1&JSESSIONID={id}&a=2"),
            "test,a)/x?a=2&b=1",
        );
        check(&format!("http://a.test/x?phpsessid={id}"), "test,a)/x");
        check(
            &format!("http://a.test/x?sid={id}9"),
            &format!("test,a)/x?sid={id}9"),
        );
        check(
            "http://a.test/x?ASPSESSIONIDABCDEFGH=abcdefghijklmnopqrstuvwx&b",
            "test,a)/x?b",
        );
        check("http://a.test/x?CFID=1&CFTOKEN=2&b", "test,a)/x?b");
        let session = &id[..24];
        check(
            &format!("http://a.test/(S({session}))/Page.aspx?x"),
            "test,a)/page.aspx?x",
        );
        check(
            &format!("http://a.test/b/({session})/Page.aspx"),
            "test,a)/b/page.aspx",
        );
        check(
            &format!("http://a.test/({session})/page"),
            &format!("test,a)/({session})/page"),
        );
    }
}
