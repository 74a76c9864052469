//! Tables and lines of JSON, from the list to the records.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use brigade_jobs::{Config, Error, Input, Job, ListForm, State};
use brigade_testkit::server::{Reply, Server};
use serde_json::json;

use crate::support::{Output, ask, config, run, run_until, urls};

fn csv() -> ListForm {
    let column = "url".to_owned();
    ListForm::Csv { column }
}

fn jsonl() -> ListForm {
    let column = "url".to_owned();
    ListForm::Jsonl { column }
}

fn job(directory: &Path, text: &str, form: ListForm) -> (Config, PathBuf) {
    let list = directory.join("list");
    fs::write(&list, text).unwrap();
    let out = directory.join("out");
    let mut config = config(Input::File(list), &out);
    config.form = form;
    (config, out)
}

#[test]
fn f9g_the_other_columns_reach_results_failures_and_the_ledger() {
    static HEALED: AtomicBool = AtomicBool::new(false);
    let server = Server::start_thread(|request| match request.path() {
        "/lost" if !HEALED.load(Ordering::SeqCst) => Reply::status(404),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let table = format!(
        "caption,URL,n\r\n\"Größe,\n \"\"1\"\"\",{},1\r\nb,{},\r\nc,nowhere,3\r\nd\r\n",
        server.url("/ok"),
        server.url("/lost"),
    );
    let lines = format!(
        "\n{{\"caption\":\"Größe,\\n \\\"1\\\"\",\"url\":\"{}\",\"n\":1}}\n\
         {{\"url\":\"{}\",\"caption\":\"b\",\"n\":\"\"}}\n\
         {{\"url\":\"nowhere\",\"caption\":\"c\",\"n\":[3]}}\nd\n",
        server.url("/ok"),
        server.url("/lost"),
    );
    for (text, form, known) in [(table, csv(), "csv:url"), (lines, jsonl(), "jsonl:url")] {
        HEALED.store(false, Ordering::SeqCst);
        let directory = tempfile::tempdir().unwrap();
        let (mut config, out) = job(directory.path(), &text, form.clone());
        let summary = run(config.clone()).unwrap();
        assert_eq!((summary.input, summary.skipped), (5, 1));
        assert_eq!((summary.ok, summary.failed), (1, 3));
        let output = Output::read(&out);
        let (one, three) = match form {
            ListForm::Csv { .. } => (json!("1"), json!("3")),
            _ => (json!(1), json!([3])),
        };
        let caption = "Größe,\n \"1\"";
        assert_eq!(
            output.results[&1]["columns"],
            json!({"caption": caption, "n": one})
        );
        assert_eq!(
            output.failures[&2]["columns"],
            json!({"caption": "b", "n": ""})
        );
        assert_eq!(
            output.failures[&3]["columns"],
            json!({"caption": "c", "n": three})
        );
        assert_eq!(output.kind(3), "bad_url");
        assert_eq!(output.kind(4), "bad_url");
        assert_eq!(output.failures[&4].get("columns"), None);
        let sql = "SELECT columns ->> 'caption' FROM failure WHERE line = 2";
        assert_eq!(ask::<String>(&out, sql), "b");
        assert_eq!(ask::<String>(&out, "SELECT list_form FROM job"), known);
        // The part has `columns` right behind the URL.
        let part = fs::read_to_string(out.join("part-00000.jsonl")).unwrap();
        let start = format!(
            "{{\"index\":1,\"url\":\"{}\",\"columns\":{{",
            server.url("/ok")
        );
        assert!(part.starts_with(&start), "{part}");

        HEALED.store(true, Ordering::SeqCst);
        config.retry_failed = true;
        assert_eq!(run(config).unwrap().ok, 2);
        let output = Output::read(&out);
        assert_eq!(
            output.results[&2]["columns"],
            json!({"caption": "b", "n": ""})
        );
    }
}

#[test]
fn f9g_columns_survive_the_disk_and_a_stop_in_the_middle_of_a_table() {
    let blocked = AtomicBool::new(true);
    let server = Server::start_thread(move |request| match request.path() {
        // The first answer stops the host for a second: its rows go to disk and come back.
        "/1" if blocked.swap(false, Ordering::SeqCst) => {
            Reply::status(429).header("retry-after", "1")
        }
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let mut text = "url,text\n".to_owned();
    for row in 1..=600 {
        text.push_str(&format!(
            "{},\"a\n{row}\"\n",
            server.url(&format!("/{row}"))
        ));
    }
    let directory = tempfile::tempdir().unwrap();
    let (mut config, out) = job(directory.path(), &text, csv());
    config.window = 16;
    config.per_host = 1;
    let summary = run_until(config.clone(), |now| now.ok >= 100).unwrap();
    assert_eq!(summary.state, State::Interrupted);
    assert!(summary.skipped == 1 && summary.pending > 0);
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.input), (600, 601));
    let output = Output::read(&out);
    output.assert_complete(1..=600);
    for (row, line) in &output.results {
        assert_eq!(line["columns"]["text"], format!("a\n{row}"));
    }
}

#[test]
fn f9d_a_wrong_column_is_refused_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let (config, out) = job(directory.path(), "id,link\n1,http://a/\n", csv());
    let error = Job::open(config.clone()).unwrap_err().to_string();
    let names = "it has no column 'url'; it has 'id', 'link': name one with --column";
    assert!(error.contains("list'") && error.contains(names), "{error}");
    assert!(!out.exists());

    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, b"id,link\n1,http://a/\n").unwrap();
    let mut piped = config;
    piped.input = Input::File(format!("/proc/self/fd/{}", reader.as_raw_fd()).into());
    let error = Job::open(piped).unwrap_err().to_string();
    assert!(error.contains(names), "{error}");
    assert!(!out.exists());
}

#[test]
fn f9d_a_job_continues_with_its_own_form_and_no_other() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let text = format!("url,link\n{},{}\n", server.url("/1"), server.url("/2"));
    let (config, _) = job(directory.path(), &text, csv());
    assert_eq!(run(config.clone()).unwrap().ok, 1);
    let link = ListForm::Csv {
        column: "link".into(),
    };
    for (form, dedupe, now) in [
        (ListForm::Lines, false, "--input-format lines"),
        (jsonl(), false, "--input-format jsonl --column 'url'"),
        (link, false, "--input-format csv --column 'link'"),
        (csv(), true, "--input-format csv --column 'url' --dedupe"),
    ] {
        let mut other = config.clone();
        (other.form, other.dedupe) = (form, dedupe);
        let error = Job::open(other).unwrap_err();
        assert!(matches!(error, Error::FormChanged { .. }), "{error}");
        let error = error.to_string();
        assert!(!error.contains('\n'), "{error}");
        let said = format!("'--input-format csv --column 'url'', not with '{now}'");
        assert!(error.contains(&said), "{error}");
    }
    assert_eq!(run(config).unwrap().state, State::Done);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn f9d_given_urls_have_no_columns() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(["http://a/"]), &directory.path().join("out"));
    config.form = csv();
    assert!(matches!(Job::open(config.clone()), Err(Error::Config(_))));
    config.form = ListForm::Jsonl {
        column: String::new(),
    };
    let error = Job::open(config).unwrap_err().to_string();
    assert!(error.contains("the column needs a name"), "{error}");
}

#[test]
fn f9b_a_table_that_grew_continues_and_one_whose_header_changed_does_not() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let text = format!("url,n\n{},1\n", server.url("/1"));
    let (config, out) = job(directory.path(), &text, csv());
    assert_eq!(run(config.clone()).unwrap().ok, 1);
    let more = format!("{text}{},2\n", server.url("/2"));
    fs::write(directory.path().join("list"), &more).unwrap();
    assert_eq!(run(config.clone()).unwrap().ok, 2);
    assert_eq!(Output::read(&out).results[&2]["columns"], json!({"n": "2"}));
    fs::write(directory.path().join("list"), more.replace(",n", ",m")).unwrap();
    let error = run(config).unwrap_err().to_string();
    assert!(error.contains("it differs within lines 1 to"), "{error}");
}
