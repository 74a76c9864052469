//! Lists in other forms than plain lines: tables, lines of JSON, compressed, with duplicates.

use crate::kit::{Place, records, summary};
use brigade_testkit::server::{Reply, Server};
use insta::assert_snapshot;
use std::fs;

fn page() -> Server {
    Server::start_thread(|request| Reply::ok(format!("page {}", request.path()))).unwrap()
}

#[test]
fn f9b_bad_rows_are_failures_with_their_columns_and_the_others_are_fetched() {
    let server = page();
    let place = Place::new();
    let good = server.url("/good");
    let rows = format!(
        "id,url\r\n1,{good}\r\n2,not a url\r\n3\r\n4,{good},more\r\n5,\r\n\
         \"6\n\"\"\",{good}\r\n7,\"{good}\r\n"
    );
    place.file("urls.csv", &rows);
    let run = place.run(&["fetch", "-i", "urls.csv", "-o", "out"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let records = records(&place.path("out"));
    assert_eq!(
        records.keys().copied().collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7]
    );
    assert_eq!(records[&1]["columns"]["id"], "1");
    assert_eq!(records[&6]["columns"]["id"], "6\n\"");
    for (row, message) in [
        (2, "relative URL without a base"),
        (3, "the row has 1 fields, the header row has 2"),
        (4, "the row has 3 fields, the header row has 2"),
        (5, "the column 'url' is empty"),
        (7, "a quoted field has no closing quote"),
    ] {
        assert_eq!(records[&row]["kind"], "bad_url");
        assert_eq!(records[&row]["message"], message);
    }
    assert_eq!(records[&2]["columns"]["id"], "2");
}

#[test]
fn f9c_bad_lines_of_json_are_failures_and_the_others_are_fetched() {
    let server = page();
    let place = Place::new();
    let good = server.url("/good");
    let long = "x".repeat(2 << 20);
    let lines = [
        format!("{{\"id\":1,\"link\":\"{good}\"}}"),
        "{\"id\":2,\"link\":".to_owned(),
        format!("\"{good}\""),
        "{\"id\":4}".to_owned(),
        String::new(),
        format!("{{\"id\":6,\"link\":\"{good}\",\"text\":\"{long}\"}}"),
        format!("{{\"link\":\"{good}\"}}"),
    ];
    place.file("urls.ndjson", lines.join("\n"));
    let arguments = [
        "fetch",
        "-i",
        "urls.ndjson",
        "--column",
        "link",
        "-o",
        "out",
    ];
    let run = place.run(&arguments);
    assert_eq!(run.code, Some(1), "{run:?}");
    let records = records(&place.path("out"));
    assert_eq!(records.len(), 6);
    for (line, message) in [
        (
            1,
            "the line is no JSON: EOF while parsing a value at column 15",
        ),
        (2, "the line is no JSON object"),
        (3, "the object has no field 'link'"),
        (5, "the limit is 1048576"),
    ] {
        assert_eq!(records[&line]["kind"], "bad_url");
        let said = records[&line]["message"].as_str().unwrap();
        assert!(said.ends_with(message), "{said}");
    }
    assert_eq!(records[&0]["columns"]["id"], 1);
    assert!(records[&6].get("columns").is_none());
}

#[test]
fn f9d_a_list_that_cannot_be_read_as_it_should_is_one_line() {
    let server = page();
    let place = Place::new().knows(&server, "SERVER");
    let row = server.url("/1");
    place.file("links.csv", format!("id,link\n1,{row}\n"));
    place.file("twice.csv", format!("url,url\n{row},{row}\n"));
    place.file("empty.csv", "");
    place.file("latin.tsv", &b"url\tcaf\xe9\n"[..]);
    place.file("list.xz", &b"\xfd7zXZ\0rest"[..]);
    place.file("broken.gz", &b"\x1f\x8b\x08\0\0\0\0\0\0\x03garbage"[..]);
    place.file("cut.zst", &b"\x28\xb5\x2f\xfd\x04"[..]);
    let mut said = String::new();
    for list in [
        "links.csv",
        "twice.csv",
        "empty.csv",
        "latin.tsv",
        "list.xz",
        "broken.gz",
        "cut.zst",
    ] {
        let run = place.run(&["fetch", "-i", list, "-o", "out"]);
        run.assert_one_line_error(2);
        let begun = list == "broken.gz" || list == "cut.zst";
        assert_eq!(place.path("out").exists(), begun, "{list}");
        said.push_str(&format!("$ brigade fetch -i {list}\n{}", run.stderr));
        let _ = fs::remove_dir_all(place.path("out"));
    }
    let again = ["fetch", "-i", "links.csv", "--column", "LINK", "-o", "out"];
    let run = place.run(&again);
    assert_eq!(run.code, Some(0), "{run:?}");
    for more in [&["--dedupe"][..], &["--input-format", "jsonl"]] {
        let run = place.run(&[&again[..], more].concat());
        run.assert_one_line_error(2);
        said.push_str(&format!(
            "$ brigade fetch -i links.csv {}\n{}",
            more.join(" "),
            run.stderr
        ));
    }
    assert_snapshot!("forms", said);
    assert_eq!(server.exchanges().total, 1);
}

#[test]
fn f9f_duplicates_are_counted_and_not_fetched() {
    let server = page();
    let place = Place::new();
    place.list(["/1", "/2", "/1", "/1#x"].map(|path| server.url(path)));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--dedupe"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stdout.starts_with("2 ok, 0 failed, duplicates 2, "),
        "{run:?}"
    );
    assert_eq!(summary(&place.path("out"))["duplicates"], 2);
    assert_eq!(server.exchanges().total, 2);
}
