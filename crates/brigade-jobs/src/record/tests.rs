//! Result lines are read back with serde_json.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn line(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let parts = Head {
        index: 7,
        url: "http://a/\"quoted\"",
        columns: Some("{\"caption\":\"Größe\"}"),
        final_url: Some("http://b/"),
        status: 200,
        headers,
        fetched_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        attempts: 2,
    };
    head(&parts, &mut out);
    let mut body = tail(12_034, body, false, &mut out);
    while body.next(&mut out) {}
    out
}

fn parsed(line: &[u8]) -> Value {
    assert_eq!(line.last(), Some(&b'\n'));
    assert_eq!(memchr::memchr_iter(b'\n', line).count(), 1);
    serde_json::from_slice(line).unwrap()
}

#[test]
fn a_line_has_the_documented_fields() {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/plain"));
    headers.append("set-cookie", HeaderValue::from_static("a=1"));
    headers.append("set-cookie", HeaderValue::from_static("b=2"));
    headers.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    headers.append(
        "x-utf8",
        HeaderValue::from_bytes("café".as_bytes()).unwrap(),
    );
    // The names of HTTP/2 are looked at less closely.
    let strange = HeaderName::from_static("x\"y");
    headers.append(strange, HeaderValue::from_static("z"));
    let value = parsed(&line(&headers, "line\nbreak \u{1F600} \u{0}".as_bytes()));
    let expected = json!({
        "index": 7,
        "url": "http://a/\"quoted\"",
        "columns": {"caption": "Größe"},
        "final_url": "http://b/",
        "status": 200,
        "headers": {
            "content-type": "text/plain",
            "set-cookie": ["a=1", "b=2"],
            "x-latin": "café",
            "x-utf8": "café",
            "x\"y": "z",
        },
        "fetched_at": "2023-11-14T22:13:20.123Z",
        "attempts": 2,
        "elapsed_ms": 12.034,
        "body": "line\nbreak \u{1F600} \u{0}",
    });
    assert_eq!(value, expected);
}

#[test]
fn a_body_that_is_not_utf8_is_base64() {
    let value = parsed(&line(&HeaderMap::new(), b"\xff\x00\xfe"));
    assert_eq!(value["body_base64"], "/wD+");
    assert_eq!(value.get("body"), None);
    assert_eq!(parsed(&line(&HeaderMap::new(), b""))["body"], "");
}

#[test]
fn long_bodies_survive_the_cuts_between_pieces() {
    for pad in 0..4 {
        let text = format!("{}{}", "x".repeat(pad), "é\"\n\u{1F600}".repeat(40_000));
        assert_eq!(
            parsed(&line(&HeaderMap::new(), text.as_bytes()))["body"],
            text
        );
        let bytes = [&b"\xff".repeat(150_000 + pad), text.as_bytes()].concat();
        let value = parsed(&line(&HeaderMap::new(), &bytes));
        let encoded = value["body_base64"].as_str().unwrap();
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded);
        assert_eq!(decoded.unwrap(), bytes);
    }
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "\\PC*|[\\x00-\\x7f]{0,200}") {
        let mut out = Vec::new();
        string(&text, &mut out);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn any_number_comes_back(value: u64) {
        let mut out = Vec::new();
        number(value, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}
