//! Lists as tables: written by Python, and read by DuckDB beside the results that carry them.

use std::fs;
use std::path::Path;

use brigade::cancel::Token;
use brigade_jobs::{Config, Input, ListForm, State};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::{Failed, Trial};

use crate::programs::{PYTHON, python, said, trial};
use crate::sent::run;

/// Rows of the table; a few of them fail.
const ROWS: u64 = 200;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "f6i_duckdb_finds_the_columns_of_a_csv_list",
            &[PYTHON],
            f6i_duckdb_finds_the_columns_of_a_csv_list,
        ),
        trial(
            "f6i_duckdb_finds_the_columns_of_a_packed_list",
            &[PYTHON],
            f6i_duckdb_finds_the_columns_of_a_packed_list,
        ),
        trial(
            "f6i_duckdb_finds_the_fields_of_a_jsonl_list",
            &[PYTHON],
            f6i_duckdb_finds_the_fields_of_a_jsonl_list,
        ),
    ]
}

fn f6i_duckdb_finds_the_columns_of_a_csv_list() -> Result<(), Failed> {
    table("list.csv")
}

fn f6i_duckdb_finds_the_columns_of_a_packed_list() -> Result<(), Failed> {
    table("list.csv.gz")
}

fn f6i_duckdb_finds_the_fields_of_a_jsonl_list() -> Result<(), Failed> {
    table("list.jsonl")
}

fn table(name: &str) -> Result<(), Failed> {
    let server = Server::start_thread(|request| match request.query("id") {
        Some("13" | "113") => Reply::status(404),
        _ => Reply::ok("fine"),
    })?;
    let folder = tempfile::tempdir()?;
    let list = folder.path().join(name);
    let mut writes = python("with_tables.py");
    writes.arg("write").arg(&list);
    said(writes.args([&server.url("/"), &ROWS.to_string()]))?;
    let out = folder.path().join("out");
    let mut config = Config::new(Input::File(list.clone()), &out);
    config.form = ListForm::of_name(&list, "link");
    let summary = run(config, &Token::new())?;
    let counts = (summary.state, summary.ok, summary.failed);
    assert_eq!(counts, (State::Done, ROWS - 2, 2));
    assert_eq!(same(&list, &out.join("part-*.jsonl"))?, ROWS - 2);
    assert_eq!(same(&list, &out.join("failures.jsonl"))?, 2);
    assert!(fs::read_to_string(out.join("failures.jsonl"))?.contains("columns"));
    Ok(())
}

/// Rows of the list that DuckDB finds in the records with the same columns.
fn same(list: &Path, records: &Path) -> Result<u64, Failed> {
    let mut command = python("with_tables.py");
    let text = said(command.arg("join").arg(list).arg(records))?;
    Ok(text.trim().parse()?)
}
