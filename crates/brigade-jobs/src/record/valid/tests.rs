//! What is taken for JSON is held against serde_json and against the plain scanner.
//!
//! Blocks, carries and turns of brackets are where the fast scanner can be wrong, so texts are
//! moved through the blocks and looked at with all instructions that the machine has.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::marks::levels;
use super::super::model::is_json;
use super::super::nesting::DEPTH_MAX;
use super::*;

#[track_caller]
fn check(text: &str, expected: bool) {
    // Wherever it lies in the blocks.
    for pad in 0..=BLOCK {
        let text = format!("{}{text}", " ".repeat(pad));
        assert_eq!(is_json(&text), expected, "{text}");
        for level in levels() {
            assert_eq!(
                value_at(level, &text).is_some(),
                expected,
                "{level:?} {text}"
            );
        }
    }
    if expected {
        serde_json::from_str::<serde_json::Value>(text).expect(text);
    }
}

#[test]
fn f7d_what_is_json_is_told_from_what_is_not() {
    let yes = [
        "0",
        "-0.5e+10",
        "1E2",
        "1.7976931348623157e308",
        "1e-400",
        "true",
        "null",
        "\"\"",
        " [ ] ",
        "{}",
        "[{}]",
        "[[],{}]",
        "{\"a\":[1,2,{\"b\":null}],\"c\":\"\\u00e9\\n\"}",
        "\"\\ud83d\\ude00\"",
        "\r\n\t[1 ,\n2]\n",
        "\"0123456789abcdef0123456789 \u{e9}\"",
    ];
    let no = [
        "",
        " ",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "tru",
        "nul",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\n\"",
        "[",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":1]",
        "[1}",
        "1 2",
        "1,2",
        "[],[]",
        "\"a\":1",
        "{}:1",
        "[]]",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\u00g0\"",
        "\u{feff}1",
        "NaN",
        "1e400",
        "[-1E+309]",
        "'a'",
        "[1]x",
        "\"0123456789abcdef\u{1}\"",
    ];
    yes.into_iter().for_each(|text| check(text, true));
    no.into_iter().for_each(|text| check(text, false));
}

#[test]
fn f7d_nesting_that_readers_stop_at_is_not_taken_for_a_value() {
    let nested = |depth: usize| "[".repeat(depth) + "1" + &"]".repeat(depth);
    check(&nested(DEPTH_MAX), true);
    check(&nested(DEPTH_MAX + 1), false);
    for empty in ["[]", "{}", "[\n]"] {
        check(&nested(DEPTH_MAX).replace('1', empty), true);
    }
    check(&nested(DEPTH_MAX).replace('1', "[[]]"), false);
    check(&nested(DEPTH_MAX).replace('1', "{\"a\":1}"), false);
    assert_eq!(value(&"[".repeat(1 << 20)), None);
}

#[test]
fn f7d_numbers_that_readers_refuse_are_not_taken_for_values() {
    check(&"9".repeat(308), true);
    check(&"9".repeat(309), false);
    check(&format!("0.{}", "1".repeat(5000)), true);
    check(&format!("[{}]", "1".repeat(5000)), false);
}

#[test]
fn f7d_line_breaks_between_tokens_are_told_from_escaped_ones() {
    let breaks = |text: &str| value(text).map(|value| value.has_breaks);
    for pad in ["", &" ".repeat(60)] {
        for text in ["[1,\n2]", "\r{}", "0\n", "{\"a\\n\"\n:1}"] {
            assert_eq!(breaks(&format!("{pad}{text}")), Some(true), "{text}");
        }
        for text in ["[1,\t2]", "{\"a\\n\\r\":\"\\u000a\"}", "0"] {
            assert_eq!(breaks(&format!("{pad}{text}")), Some(false), "{text}");
        }
    }
}

#[test]
fn f7d_the_plain_scanner_says_the_same_of_documents_with_one_wrong_byte() {
    // Brackets of two levels that take turns for more than a block.
    let flat = format!("[{}{{}}]", r#"{"id":"85388","k":"v28"},"#.repeat(5));
    let documents = [
        flat.as_str(),
        r#"{"a":[1,{"b":[{"c":null},{"c":true}],"d":{}},[],[[]]],"e":-1e3,"f":"\"\\\ud83d\ude00"}"#,
        r#"[[[{"a":{"a":[{},{}]}},["x","y"],[0]]],"{[,:]}","\\\"",{"\\":"\\"},{"a":"b"},["c"],{}]"#,
    ];
    for document in documents {
        for (at, pad) in (0..document.len()).flat_map(|at| [(at, 0), (at, 23), (at, 47)]) {
            for with in "[]{}:,\"\\0eu \n\u{1}".chars() {
                let mut text = " ".repeat(pad) + document;
                text.replace_range(pad + at..pad + at + 1, with.encode_utf8(&mut [0; 4]));
                let expected = is_json(&text);
                for level in levels() {
                    let found = value_at(level, &text).is_some();
                    assert_eq!(found, expected, "{level:?} {text}");
                }
            }
        }
    }
}

/// Any JSON, with any white space.
fn any_json() -> impl Strategy<Value = String> {
    let string = concat!(
        r#""([^"\\\x00-\x1f]|\\["\\/bfnrt]|"#,
        r#"\\u0[0-9a-fA-F]{3}|\\ud83d\\uDE00){0,9}""#
    );
    let number = "-?(0|[1-9][0-9]{0,6})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?";
    let space = || prop_oneof![8 => Just(String::new()), 2 => "[ \n\r\t]{0,3}", 1 => " {0,70}"];
    let leaf = prop_oneof![
        string,
        string,
        number,
        "true|false|null",
        "\"[a-z ]{0,150}\""
    ];
    leaf.prop_recursive(6, 80, 8, move |inner| {
        let item = (space(), inner, space()).prop_map(|(a, item, b)| a + &item + &b);
        let name = (space(), string, space()).prop_map(|(a, name, b)| a + &name + &b);
        let pair = (name, item.clone()).prop_map(|(name, item)| format!("{name}:{item}"));
        let items = |of| prop::collection::vec(of, 0..8).prop_map(|items| items.join(","));
        prop_oneof![
            items(item.boxed()).prop_map(|items| format!("[{items}]")),
            items(pair.boxed()).prop_map(|items| format!("{{{items}}}")),
        ]
    })
}

proptest! {
    #[test]
    fn f7d_it_agrees_with_a_parser_about_any_text(
        text in "[\\[\\]{}:,\"\\\\0-9eE.+\\-a-u \n]{0,24}"
    ) {
        let parsed = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert_eq!(is_json(&text), parsed, "{}", text);
        prop_assert_eq!(value(&text).is_some(), parsed, "{}", text);
    }

    #[test]
    fn f7d_the_plain_scanner_says_the_same_of_any_text(
        json in any_json(),
        changes in prop::collection::vec(
            (any::<Index>(), 0..3, "[\\[\\]{}:,\"\\\\0-9eE.+\\-a-u \n\u{1}]"),
            0..3,
        ),
        pad in 0..70_usize,
    ) {
        let mut text = " ".repeat(pad) + &json;
        for (place, how, with) in changes {
            let chars = text.char_indices();
            let places: Vec<_> = chars.map(|(at, char)| at..at + char.len_utf8()).collect();
            let place = place.get(&places).clone();
            match how {
                0 => text.insert_str(place.start, &with),
                1 => text.replace_range(place, &with),
                _ => text.replace_range(place, ""),
            }
            text += if text.is_empty() { " " } else { "" };
        }
        for level in levels() {
            prop_assert_eq!(value_at(level, &text).is_some(), is_json(&text), "{}", text);
        }
        if let Some(value) = value(&text) {
            prop_assert_eq!(value.has_breaks, text.contains(['\n', '\r']), "{}", text);
        }
    }

    #[test]
    fn f7d_it_takes_what_a_writer_wrote(
        keys in prop::collection::vec(("\\PC{0,40}", any::<f64>()), 0..6)
    ) {
        let value = serde_json::json!([keys, {"deep": {"er": keys.len()}}]);
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert!(is_json(&text));
            prop_assert!(super::value(&text).is_some());
        }
    }
}
