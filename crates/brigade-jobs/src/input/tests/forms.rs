//! What the lines of each form say.

use std::io::{Read, Write};
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::form::flags;
use super::super::header;
use super::super::lines::RECORD_MAX;
use super::super::*;
use super::read_all;
use crate::error::Error;

fn csv(column: &str) -> ListForm {
    let column = column.to_owned();
    ListForm::Csv { column }
}

fn jsonl(column: &str) -> ListForm {
    let column = column.to_owned();
    ListForm::Jsonl { column }
}

/// The list with this text, or what is wrong with it.
fn list(text: &[u8], form: &ListForm) -> Result<List, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text).unwrap();
    let opened = Opened::open(&Input::File(file.path().to_owned()), form);
    let list = opened.and_then(|opened| opened.list(Path::new("no spool"), None));
    list.map_err(|error| match error {
        Error::Input { source, .. } => source.to_string(),
        other => panic!("{other}"),
    })
}

/// What a line came to: its URL and columns, or what is wrong with it.
fn said(entry: &Entry) -> Value {
    let columns = |columns: &Option<Box<str>>| -> Value {
        let columns = columns.as_deref().map(serde_json::from_str);
        columns.transpose().unwrap().unwrap_or_default()
    };
    match entry {
        Entry::Item(item) => json!([item.index, item.shown(), columns(&item.columns)]),
        Entry::Bad { index, bad, .. } => json!([index, "bad", bad.message, columns(&bad.columns)]),
        Entry::Skipped(range) => json!(["skipped", range.start(), range.end()]),
        Entry::Duplicates(range) => json!(["duplicates", range.start(), range.end()]),
    }
}

fn all_said(text: &str, form: &ListForm) -> Vec<Value> {
    let list = list(text.as_bytes(), form).unwrap();
    let origin = list.origin.clone();
    let (entries, ..) = read_all(list, Resume::default());
    for entry in &entries {
        if let Entry::Item(item) = entry {
            let again = origin.reread(item.index, item.offset, item.length).unwrap();
            assert_eq!(again.as_ref(), Some(item), "it is found again");
        }
    }
    entries.iter().map(said).collect()
}

#[test]
fn f9b_a_row_is_its_url_and_its_other_columns() {
    let text = "\u{feff}id,URL,\"a \"\"name\"\"\"\r\n\
                1, http://a/ ,\"x\ny\"\r\n\
                \r\n\
                2,HTTP://B/,é\r\n\
                3,\"http://c/\",";
    let expected = [
        json!(["skipped", 0, 0]),
        json!([1, "http://a/", {"id": "1", "a \"name\"": "x\ny"}]),
        json!(["skipped", 2, 2]),
        json!([3, "HTTP://B/", {"id": "2", "a \"name\"": "é"}]),
        json!([4, "http://c/", {"id": "3", "a \"name\"": ""}]),
    ];
    assert_eq!(all_said(text, &csv("url")), expected);
    let column = "url".to_owned();
    let tabs = text.replace(',', "\t");
    assert_eq!(all_said(&tabs, &ListForm::Tsv { column }), expected);
    let alone = [json!(["skipped", 0, 0]), json!([1, "http://a/", null])];
    assert_eq!(all_said("url\nhttp://a/\n", &csv("url")), alone);
}

#[test]
fn f9b_a_row_that_does_not_fit_is_a_failure_that_says_so() {
    let text = "url,n\nhttp://a/\nhttp://a/,1,2\n,3\nno url,4\nftp://a/,5\n\"http://a/,6\n";
    let expected = [
        json!(["skipped", 0, 0]),
        json!([1, "bad", "the row has 1 fields, the header row has 2", null]),
        json!([2, "bad", "the row has 3 fields, the header row has 2", null]),
        json!([3, "bad", "the column 'url' is empty", {"n": "3"}]),
        json!([4, "bad", "relative URL without a base", {"n": "4"}]),
        json!([5, "bad", "the scheme 'ftp' is not http or https", {"n": "5"}]),
        json!([6, "bad", "a quoted field has no closing quote", null]),
    ];
    assert_eq!(all_said(text, &csv("url")), expected);

    let bytes = [&b"url\nhttp://a/\xff\n"[..], &b"x".repeat(RECORD_MAX + 1)].concat();
    let (entries, ..) = read_all(list(&bytes, &csv("url")).unwrap(), Resume::default());
    let said: Vec<_> = entries.iter().map(said).collect();
    assert_eq!(said[1][2], "the row is not UTF-8");
    let long = "the line is 1048577 bytes long, the limit is 1048576; is a quote not closed?";
    assert_eq!(said[2][2], long);
}

#[test]
fn f9b_a_column_is_found_by_its_name_or_the_names_are_told() {
    let found = |header: &str, column: &str| list(header.as_bytes(), &csv(column)).map(|_| ());
    assert_eq!(found("a,url", "url"), Ok(()));
    assert_eq!(found("a, Url ", "url"), Ok(()));
    assert_eq!(
        found("URL,url", "url"),
        Ok(()),
        "the very same name comes first"
    );
    let wrong = |header: &str, column: &str| found(header, column).unwrap_err();
    let names = "it has no column 'url'; it has 'a', 'b': name one with --column";
    assert_eq!(wrong("a,b\n1,2", "url"), names);
    assert!(wrong("URL,Url", "url").starts_with("more than one column is called 'url'"));
    assert!(wrong("url,url", "url").starts_with("more than one column is called 'url'"));
    assert!(wrong("", "url").contains("it is empty"));
    assert!(wrong("\nurl\n", "url").contains("its first line is blank"));
    assert!(
        wrong(&format!("\"{}", "x\n".repeat(RECORD_MAX)), "url").contains("header row is longer")
    );
    let many = (0..1000)
        .map(|n| format!("column {n},"))
        .collect::<String>();
    assert!(wrong(&many, "url").ends_with("'column 19' and 981 more: name one with --column"));
    let latin = list(b"url,caf\xe9\n", &csv("url")).unwrap_err();
    assert!(latin.contains("header row is not UTF-8"), "{latin}");
}

#[test]
fn f9b_names_that_repeat_or_are_empty_become_keys_of_their_own() {
    let text = "url,,a,a,a_2,a\nhttp://a/,1,2,3,4,5";
    let columns = json!({"column_2": "1", "a": "2", "a_3": "3", "a_2": "4", "a_4": "5"});
    assert_eq!(
        all_said(text, &csv("url"))[1],
        json!([1, "http://a/", columns])
    );
}

#[test]
fn f9c_an_object_is_its_url_and_its_other_fields_as_they_were() {
    let text = "\u{feff}{\"n\": 1.500000000000000000001, \"url\": \"http:\\/\\/a/\", \"b\":[1,\r2]}\r\n\
                \n\
                \t \r\n\
                {\"url\":\"http://c/\"}\n\
                {\"z\":null,\"a\":{\"x\":\"é\"},\"url\":1,\"url\":\"http://d/\"}";
    let list = list(text.as_bytes(), &jsonl("url")).unwrap();
    let (entries, ..) = read_all(list, Resume::default());
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| match entry {
            Entry::Item(item) => format!("{} {:?}", item.url, item.columns.as_deref()),
            other => said(other).to_string(),
        })
        .collect();
    let expected = [
        r#"http://a/ Some("{\"n\":1.500000000000000000001,\"b\":[1,2]}")"#,
        r#"["skipped",1,2]"#,
        "http://c/ None",
        r#"http://d/ Some("{\"z\":null,\"a\":{\"x\":\"é\"}}")"#,
    ];
    assert_eq!(shown, expected);
}

#[test]
fn f9c_a_line_that_is_no_object_with_a_url_is_a_failure_that_says_so() {
    let said = |line: &str| match all_said(line, &jsonl("url")).swap_remove(0) {
        Value::Array(said) => said[2].as_str().unwrap().to_owned(),
        other => panic!("{other}"),
    };
    assert_eq!(said("http://a/"), "the line is no JSON object");
    assert_eq!(said("[\"http://a/\"]"), "the line is no JSON object");
    assert_eq!(
        said("{\"url\":\"http://a/\""),
        "the line is no JSON: EOF while parsing an object at column 18"
    );
    assert!(said("{\"url\":\"http://a/\"} x").starts_with("the line is no JSON: trailing"));
    assert_eq!(said("{\"link\":1}"), "the object has no field 'url'");
    assert_eq!(
        said("{\"url\":12}"),
        "the field 'url' is a number and no string"
    );
    assert_eq!(
        said("{\"url\":null}"),
        "the field 'url' is null and no string"
    );
    assert_eq!(
        said("{\"url\":{}}"),
        "the field 'url' is an object and no string"
    );
    assert_eq!(said("{\"url\":\" \"}"), "the field 'url' is empty");
    assert_eq!(said("{\"url\":\"a b\"}"), "relative URL without a base");
    let bad = all_said("{\"url\":7,\"n\":1}", &jsonl("url"));
    assert_eq!(bad[0][3], json!({"n": 1}), "its other fields are kept");
    let long = format!("{{\"url\":\"http://a/{}\"}}", "x".repeat(RECORD_MAX));
    assert!(said(&long).contains("bytes long, the limit is 1048576"));
    let deep = format!(
        "{{\"url\":\"http://a/\",\"n\":{}{}}}",
        "[".repeat(9999),
        "]".repeat(9999)
    );
    assert!(matches!(
        list(deep.as_bytes(), &jsonl("url")).map(|list| read_all(list, Resume::default()).0),
        Ok(entries) if matches!(entries[..], [Entry::Item(_)])
    ));
}

#[test]
fn f9d_a_form_is_told_by_the_name_and_written_as_flags() {
    let of = |name: &str| ListForm::of_name(Path::new(name), "x").known(false);
    assert_eq!(of("a.csv"), "csv:x");
    assert_eq!(of("a.tab.zst"), "tsv:x");
    assert_eq!(of("/b/a.JSONL.GZ"), "jsonl:x");
    for lines in ["a.txt", "a", "csv", "a.csv.bak", ".csv", "a.gz"] {
        assert_eq!(of(lines), "lines", "{lines}");
    }
    assert_eq!(flags("lines"), "--input-format lines");
    let odd = csv("dedupe+a:b").known(true);
    assert_eq!(odd, "dedupe+csv:dedupe+a:b");
    assert_eq!(
        flags(&odd),
        "--input-format csv --column 'dedupe+a:b' --dedupe"
    );
}

proptest! {
    #[test]
    fn f9c_any_object_comes_back_with_its_columns(
        names in prop::collection::btree_set("[a-zé\"\\\\\n ]{0,6}", 1..6), numbers: [i64; 6],
    ) {
        let mut object = serde_json::Map::new();
        for (name, number) in names.iter().zip(numbers) {
            object.insert(name.clone(), number.into());
        }
        let columns = Value::Object(object.clone());
        object.insert("the url".into(), "http://a/".into());
        let text = Value::Object(object).to_string();
        let said = all_said(&text, &jsonl("the url"));
        prop_assert_eq!(&said[..], [json!([0, "http://a/", columns])]);
    }

    #[test]
    fn f9b_any_row_comes_back_with_its_columns(
        values in prop::collection::vec("[a-zé\"\n\r, ]{0,8}", 3),
    ) {
        let quoted = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
        let cells: Vec<_> = values.iter().map(quoted).collect();
        let text = format!("a,b,url,c\r\n{},{},http://a/,{}\r\n", cells[0], cells[1], cells[2]);
        let said = all_said(&text, &csv("url"));
        let columns = json!({"a": values[0], "b": values[1], "c": values[2]});
        prop_assert_eq!(&said[1], &json!([1, "http://a/", columns]));
    }
}

#[test]
fn f9b_reading_goes_on_in_the_middle_of_a_table() {
    let mut text = "n,url\n".to_owned();
    for row in 1..5000 {
        text.push_str(&format!("\"{row}\n,\",http://a/{row}\r\n"));
    }
    let form = csv("url");
    let (all, segments, consumed) =
        read_all(list(text.as_bytes(), &form).unwrap(), Resume::default());
    assert_eq!(all.len(), 5000);
    assert_eq!((consumed.lines, consumed.terminated), (5000, true));
    let Entry::Item(item) = &all[4000] else {
        panic!()
    };
    let mut resume = Resume {
        checkpoint: Checkpoint {
            index: 4000,
            offset: item.offset,
        },
        consumed,
        ..Resume::default()
    };
    resume.done.insert_range(0..=4100);
    let (rest, again, end) = read_all(list(text.as_bytes(), &form).unwrap(), resume);
    assert_eq!(rest, all[4101..]);
    assert_eq!((again, end), (segments, consumed));
}

#[test]
fn f9d_what_is_read_of_a_stream_for_its_header_is_put_back() {
    let text = b"url,n\nhttp://a/,1\n".repeat(1000);
    let mut stream: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(text.clone()));
    let (read, form) = header::look(&mut stream, &csv("url")).unwrap();
    assert!(matches!(form, Ok(Some(form::Form::Table(_)))));
    assert!(read.len() < text.len());
    let mut whole = Vec::new();
    header::put_back(read, stream)
        .read_to_end(&mut whole)
        .unwrap();
    assert!(whole == text);
}

#[test]
fn f9f_of_lines_with_the_same_url_the_first_stays_also_if_it_was_done_before() {
    let text = "http://a/\nhttp://b/\nhttp://A/#x\nhttp://c/\nhttp://b/\nhttp://b/?\n";
    let read = |done: &[u64]| {
        let directory = tempfile::tempdir().unwrap();
        let mut list = super::list(text);
        list.seen = Some(Seen::create(&directory.path().join("seen")).unwrap());
        let mut resume = Resume {
            checkpoint: Checkpoint {
                index: 1,
                offset: 10,
            },
            ..Resume::default()
        };
        for line in done {
            resume.done.insert(*line);
        }
        let (entries, ..) = read_all(list, resume);
        entries.iter().map(said).collect::<Vec<_>>()
    };
    let item = |index: u64, url: &str| json!([index, url, null]);
    let double = |index: u64| json!(["duplicates", index, index]);
    let all = [
        item(0, "http://a/"),
        item(1, "http://b/"),
        double(2),
        item(3, "http://c/"),
        double(4),
        item(5, "http://b/?"),
    ];
    assert_eq!(read(&[]), all);
    assert_eq!(read(&[0, 3]), [&all[1..3], &all[4..]].concat());
    assert_eq!(read(&[0, 1, 2, 4]), [all[3].clone(), all[5].clone()]);
}
