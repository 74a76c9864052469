//! H6v and H6w: which encoding is chosen, and text that does not fit it.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;

use super::content_type::charset;
use super::encoding::{UTF8, WINDOWS_1252};
use super::{Error, text, text_lossy};

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(CONTENT_TYPE, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn decode(content_type: &str, body: &[u8]) -> Result<String, Error> {
    let headers = headers(&[content_type.as_bytes()]);
    text(&headers, Bytes::copy_from_slice(body))
}

#[test]
fn h6v_the_label_is_found_in_headers_of_all_shapes() {
    let cases: &[(&[&str], Option<&str>)] = &[
        (&[], None),
        (&["text/plain"], None),
        (&["text/plain; charset=utf-8"], Some("utf-8")),
        (&["text/plain;CharSet=UTF-8;x=y"], Some("UTF-8")),
        (&["text/plain ; x=y ;\tcharset = l1 "], Some("l1")),
        (&[r#"text/plain; charset="shift_jis""#], Some("shift_jis")),
        (
            &[r#"text/plain; charset="sh\ift\_jis" ; x"#],
            Some("shift_jis"),
        ),
        (&[r#"text/plain; charset="gbk"#], Some("gbk")),
        (&[r#"text/plain; charset="gbk"junk"#], Some("gbk")),
        (&[r#"a/b; x="; charset=l1"; charset=gbk"#], Some("gbk")),
        (&[r#"a/b; x="\"; charset=l1"; charset=gbk"#], Some("gbk")),
        (&[r#"a/b; x="," ; charset=gbk"#], Some("gbk")),
        (&["a/b; charset=gbk; charset=l1"], Some("gbk")),
        (&["a/b; charset=; charset=l1"], Some("l1")),
        (&[r#"a/b; charset="""#], None),
        (&["a/b;;; =; charset; charset=l1"], Some("l1")),
        (&["a/b; charset*=utf-8''l1; xcharset=l1"], None),
        (&["a/b; charset='l1'"], Some("'l1'")),
        // What is no media type has no charset.
        (&["charset=gbk"], None),
        (&["; charset=gbk"], None),
        (&["text; charset=gbk"], None),
        (&["text/; charset=gbk"], None),
        (&["te xt/plain; charset=gbk"], None),
        (&["a/b/c; charset=gbk"], None),
        // The last media type decides.
        (&["a/b; charset=gbk", "a/c; charset=l1"], Some("l1")),
        (&["a/b; charset=gbk, a/c; charset=l1"], Some("l1")),
        (&["a/b; charset=gbk", "a/c"], None),
        (&["a/b; charset=gbk", "A/B"], Some("gbk")),
        (&["a/b; charset=gbk", "junk", ""], Some("gbk")),
    ];
    for (values, expected) in cases {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        let found = charset(&headers(&values));
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{values:?}");
    }
}

#[test]
fn h6v_a_mark_decides_then_the_header_and_else_it_is_utf_8() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("", "na\u{ef}ve".as_bytes(), "na\u{ef}ve"),
        (
            "text/plain; charset=utf-8",
            "\u{20ac}".as_bytes(),
            "\u{20ac}",
        ),
        (
            "text/plain; charset=Latin1",
            b"na\xefve \x80",
            "na\u{ef}ve \u{20ac}",
        ),
        ("text/plain; charset=\" us-ascii \"", b"plain", "plain"),
        (
            "text/plain; charset=koi8-r",
            b"\xcd\xc9\xd2",
            "\u{43c}\u{438}\u{440}",
        ),
        (
            "text/plain; charset=Shift_JIS",
            b"\x93\xfa\x96\x7b",
            "\u{65e5}\u{672c}",
        ),
        ("text/plain; charset=gb2312", b"\xd6\xd0", "\u{4e2d}"),
        ("text/plain; charset=utf-16", b"h\0i\0", "hi"),
        ("text/plain; charset=utf-16be", b"\0h\0i", "hi"),
        // A mark is no text, and stronger than the header.
        (
            "text/plain; charset=latin1",
            b"\xef\xbb\xbf\xc3\xa9",
            "\u{e9}",
        ),
        ("text/plain; charset=latin1", b"\xff\xfeh\0i\0", "hi"),
        ("text/plain; charset=utf-16le", b"\xfe\xff\0h\0i", "hi"),
        ("text/plain; charset=no-such", b"\xef\xbb\xbftext", "text"),
        // Only the first mark is one.
        ("", b"\xef\xbb\xbf\xef\xbb\xbf", "\u{feff}"),
        ("", b"\xef\xbb\xbf", ""),
        ("text/plain; charset=utf-16", b"", ""),
    ];
    for (content_type, body, expected) in cases {
        let decoded = decode(content_type, body);
        assert_eq!(
            decoded.as_deref(),
            Ok(*expected),
            "{content_type}: {body:?}"
        );
        let headers = headers(&[content_type.as_bytes()]);
        assert_eq!(text_lossy(&headers, Bytes::from_static(body)), *expected);
    }
}

#[test]
fn h6v_what_needs_no_library_is_what_the_library_says() {
    let all: Vec<u8> = (0..=255).collect();
    for (labels, encoding) in [
        (&UTF8[..], encoding_rs::UTF_8),
        (&WINDOWS_1252, encoding_rs::WINDOWS_1252),
    ] {
        for label in labels {
            assert_eq!(encoding_rs::Encoding::for_label(label), Some(encoding));
        }
    }
    let expected = encoding_rs::WINDOWS_1252
        .decode_without_bom_handling(&all)
        .0;
    assert_eq!(
        decode("a/b; charset=latin1", &all).as_deref(),
        Ok(&*expected)
    );
}

#[test]
fn h6v_an_unknown_charset_is_an_error_that_names_it() {
    // The last two are only known so that they can be refused.
    for label in ["no-such", "utf_8", "utf-7", "hz-gb-2312", "replacement"] {
        let error = decode(&format!("a/b; charset={label}"), b"text").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the charset `{label}` is not known")
        );
    }
    let hostile = [b"a/b; charset=\"\xff\t".to_vec(), vec![b'x'; 5000]].concat();
    let error = text(&headers(&[&hostile]), Bytes::new()).unwrap_err();
    let shown = format!(r"\xff\t{}", "x".repeat(30));
    assert_eq!(error, Error::Unknown(shown));
    let lossy = text_lossy(
        &headers(&[&hostile]),
        Bytes::from_static(b"t\xc3\xa9xt\xff"),
    );
    assert_eq!(lossy, "t\u{e9}xt\u{fffd}");
}

#[test]
fn h6w_text_that_does_not_fit_its_encoding_is_an_error_that_says_where() {
    let cases: &[(&str, &[u8], &str, &str)] = &[
        ("", b"caf\xe9", "not valid UTF-8 at byte 3", "caf\u{fffd}"),
        (
            "",
            b"\xef\xbb\xbfa\xff",
            "not valid UTF-8 at byte 4",
            "a\u{fffd}",
        ),
        (
            "",
            b"cut \xe2\x82",
            "not valid UTF-8 at byte 4",
            "cut \u{fffd}",
        ),
        (
            "",
            b"\xed\xa0\x80",
            "not valid UTF-8 at byte 0",
            "\u{fffd}\u{fffd}\u{fffd}",
        ),
        (
            "a/b; charset=shift_jis",
            b"a\x93",
            "not valid Shift_JIS",
            "a\u{fffd}",
        ),
        (
            "a/b; charset=euc-kr",
            b"\xff!",
            "not valid EUC-KR",
            "\u{fffd}!",
        ),
        ("", b"\xff\xfea\0\0", "not valid UTF-16LE", "a\u{fffd}"),
        ("", b"\xfe\xff\xd8\0\0a", "not valid UTF-16BE", "\u{fffd}a"),
    ];
    for (content_type, body, says, lossy) in cases {
        let error = decode(content_type, body).unwrap_err();
        assert_eq!(error.to_string(), *says);
        let headers = headers(&[content_type.as_bytes()]);
        assert_eq!(text_lossy(&headers, Bytes::from_static(body)), *lossy);
    }
}

#[test]
fn h6v_utf_8_becomes_text_without_a_copy() {
    for mark in ["", "\u{feff}"] {
        let body = format!("{mark}{}", "t\u{e9}xt".repeat(1000)).into_bytes();
        let place = body.as_ptr();
        let decoded = text(&HeaderMap::new(), Bytes::from(body)).unwrap();
        assert_eq!(decoded.as_ptr(), place);
        assert_eq!(decoded.len(), 5000);
    }
}

/// A parameter's value as a quoted string, with more escapes than it needs.
fn quote(value: &[u8], escapes: &[bool]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for (place, &byte) in value.iter().enumerate() {
        let is_special = byte == b'"' || byte == b'\\';
        if is_special || escapes.get(place).is_some_and(|escape| *escape) {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    quoted
}

/// What may be in the value of a header.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        4 => proptest::sample::select(&b"\"\\;,=/ \tac"[..]),
        1 => 0x20..=0x7e_u8,
        1 => 0x80..=0xff_u8,
    ];
    proptest::collection::vec(bytes, 0..40)
}

/// A label, and text of characters that its encoding has.
fn any_text() -> impl Strategy<Value = (&'static str, String)> {
    let pairs = prop_oneof![
        Just(("utf-8", "\\PC{0,50}")),
        Just(("gb18030", "\\PC{0,50}")),
        Just(("windows-1252", "[a-z\u{e0}-\u{ff}\u{2018}-\u{201a}]{0,50}")),
        Just(("iso-8859-2", "[a-z\u{e1}\u{159}\u{17e}]{0,50}")),
        Just(("windows-1251", "[a-z\u{430}-\u{44f}]{0,50}")),
        Just(("koi8-r", "[a-z\u{430}-\u{44f}]{0,50}")),
        Just(("shift_jis", "[a-z\u{3042}-\u{3093}\u{65e5}\u{672c}]{0,50}")),
        Just(("euc-jp", "[a-z\u{3042}-\u{3093}\u{65e5}\u{672c}]{0,50}")),
        Just((
            "iso-2022-jp",
            "[a-z\u{3042}-\u{3093}\u{65e5}\u{672c}]{0,50}"
        )),
        Just(("euc-kr", "[a-z\u{ac00}\u{ac01}\u{d55c}]{0,50}")),
        Just(("big5", "[a-z\u{4e00}\u{4e2d}\u{6587}]{0,50}")),
        Just(("gbk", "[a-z\u{4e00}-\u{4e20}]{0,50}")),
    ];
    pairs.prop_flat_map(|(label, pattern)| (Just(label), pattern))
}

proptest! {
    #[test]
    fn h6v_any_quoted_value_is_read_as_it_was_meant(
        other in any_value(), label in any_value(), escapes in any::<[bool; 40]>(),
    ) {
        let value = [
            b"a/b; x=", &quote(&other, &escapes)[..], b"; charset=", &quote(&label, &escapes),
        ];
        let expected = (!label.is_empty()).then_some(label);
        prop_assert_eq!(charset(&headers(&[&value.concat()])), expected);
    }

    #[test]
    fn h6v_any_header_and_body_end_in_a_result(
        value in any_value(), label in any_value(), body in any::<Vec<u8>>(),
    ) {
        for value in [value.clone(), [b"a/b;charset=", &label[..], b";", &value].concat()] {
            let headers = headers(&[&value]);
            let lossy = text_lossy(&headers, Bytes::copy_from_slice(&body));
            if let Ok(text) = text(&headers, Bytes::from(body.clone())) {
                prop_assert_eq!(text, lossy);
            }
        }
    }

    #[test]
    fn h6w_utf_8_fits_if_and_only_if_the_standard_library_says_so(
        head in "\\PC{0,20}", junk in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let body = [head.as_bytes(), &junk].concat();
        prop_assume!(super::encoding::mark(&body).is_none());
        let position = std::str::from_utf8(&body).map_err(|error| error.valid_up_to());
        match (decode("", &body), position) {
            (Ok(text), Ok(expected)) => prop_assert_eq!(text, expected),
            (Err(Error::Malformed { position, .. }), Err(expected)) => {
                prop_assert_eq!(position, Some(expected));
            }
            (found, expected) => prop_assert!(false, "{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn h6v_what_was_encoded_is_decoded((label, text) in any_text()) {
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let (body, _, is_lossy) = encoding.encode(&text);
        prop_assert!(!is_lossy);
        // Letters of one-byte encodings can be what marks UTF-16, and a mark counts before any label (h6v).
        prop_assume!(super::encoding::mark(&body).is_none());
        prop_assert_eq!(decode(&format!("a/b; charset={label}"), &body), Ok(text));
    }
}
