//! Parts as lines of JSON, read by jq, DuckDB, pandas and Python's own library.
//!
//! What a reader makes of a body is compared with what the server sent, byte for byte or by hash.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::{Failed, Trial};

use crate::programs::{JQ, PYTHON, python, said, trial};
use crate::sent::{MISSING, Sent};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("f6e_jq_reads_every_line", &[JQ], f6e_jq_reads_every_line),
        trial(
            "f6e_duckdb_reads_what_was_sent",
            &[PYTHON],
            f6e_duckdb_reads_what_was_sent,
        ),
        trial(
            "f6e_pandas_reads_what_was_sent",
            &[PYTHON],
            f6e_pandas_reads_what_was_sent,
        ),
        trial(
            "f6e_python_alone_reads_what_was_sent",
            &[PYTHON],
            f6e_python_alone_reads_what_was_sent,
        ),
        trial(
            "f6e_the_failures_are_lines_of_json",
            &[JQ],
            f6e_the_failures_are_lines_of_json,
        ),
        trial(
            "f6g_jq_and_duckdb_find_the_way_in_values",
            &[JQ, PYTHON],
            f6g_jq_and_duckdb_find_the_way_in_values,
        ),
    ]
}

fn f6e_jq_reads_every_line() -> Result<(), Failed> {
    let sent = Sent::new(|_| {})?;
    let program = r#"[.index, .url, (.body_base64 // (.body | @base64))] | @tsv"#;
    let mut command = Command::new("jq");
    let text = said(command.args(["-r", program]).args(sent.parts()?))?;
    let mut indices: Vec<usize> = Vec::new();
    for line in text.lines() {
        let [index, url, body] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(line.into());
        };
        indices.push(index.parse()?);
        let name = &url[url.rfind('/').ok_or("no name")?..];
        let known = sent.body(name)?;
        assert!(STANDARD.decode(body)? == known, "{name} differs");
    }
    indices.sort_unstable();
    assert!(indices.into_iter().eq(0..sent.hashes.len()));
    let mut command = Command::new("jq");
    command.args([
        "-c",
        r#"select(.status == 203 and .headers["set-cookie"][1] == "b=2") | .attempts"#,
    ]);
    assert_eq!(said(command.args(sent.parts()?))?, "1\n1\n");
    Ok(())
}

fn f6e_duckdb_reads_what_was_sent() -> Result<(), Failed> {
    let sent = Sent::new(|_| {})?;
    let parts = sent.directory().join("part-*.jsonl");
    for reader in ["read_json_auto", "read_ndjson"] {
        let ask = |question: &str| {
            let mut command = python("with_duckdb.py");
            said(command.args([question, reader]).arg(&parts))
        };
        assert_eq!(ask("bodies")?, sent.expected());
        assert_eq!(ask("statuses")?, sent.expected_statuses());
    }
    Ok(())
}

fn f6e_pandas_reads_what_was_sent() -> Result<(), Failed> {
    let sent = Sent::new(|_| {})?;
    let ask = |question: &str| {
        let mut command = python("with_pandas.py");
        said(command.arg(question).args(sent.parts()?))
    };
    assert_eq!(ask("bodies")?, sent.expected());
    assert_eq!(ask("statuses")?, sent.expected_statuses());
    Ok(())
}

fn f6e_python_alone_reads_what_was_sent() -> Result<(), Failed> {
    let sent = Sent::new(|_| {})?;
    let text = said(python("with_python.py").args(sent.parts()?))?;
    assert_eq!(text, sent.expected());
    Ok(())
}

fn f6e_the_failures_are_lines_of_json() -> Result<(), Failed> {
    let sent = Sent::new(|_| {})?;
    let mut command = Command::new("jq");
    command.args(["-r", r#"select(.status == 404) | .kind"#]);
    let text = said(command.arg(sent.directory().join("failures.jsonl")))?;
    assert_eq!(text, "http_status\n".repeat(MISSING.try_into()?));
    Ok(())
}

fn f6g_jq_and_duckdb_find_the_way_in_values() -> Result<(), Failed> {
    let sent = Sent::new(|config| config.json_bodies = true)?;
    let mut command = Command::new("jq");
    command.args([
        "-r",
        "select(.body_json.id? >= 100) | .body_json.maker.city",
    ]);
    let text = said(command.args(sent.parts()?))?;
    assert_eq!(text, "Ulm\n".repeat(400));
    let mut command = python("with_duckdb.py");
    let parts = sent.directory().join("part-*.jsonl");
    let text = said(command.args(["values", "read_ndjson"]).arg(parts))?;
    let litres: u32 = (100..500).map(|id| id % 7).sum();
    assert_eq!(text, format!("Ulm {litres} 400 b\n"));
    Ok(())
}
