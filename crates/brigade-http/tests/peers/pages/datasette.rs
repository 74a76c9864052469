//! datasette in front of a database of SQLite: tokens, URLs in the body, and `Link` headers.

use std::process::Command;

use brigade_http::paging::{Cursor, NextLink, Page, Place};
use brigade_http::{Client, RequestBuilder, Response};
use libtest_mimic::Failed;
use serde::Deserialize;

use super::{Row, pages, rows, walk, write_rows};
use crate::nginx::find;
use crate::python::{DATASETTE, PYTHON};
use crate::servers::process::Process;
use crate::{Outcome, close, expect};

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
    next: Option<String>,
    next_url: Option<String>,
}

struct Datasette {
    process: Process,
}

impl Datasette {
    fn start() -> Result<Self, Failed> {
        let process = Process::start(DATASETTE.0, |folder, port| {
            write_rows(folder)?;
            let python = find(PYTHON.0).ok_or(std::io::ErrorKind::NotFound)?;
            let mut fill = Command::new(python);
            fill.args(["-c", include_str!("fill.py")])
                .current_dir(folder);
            if !fill.status()?.success() {
                return Err(std::io::Error::other("the rows could not be written"));
            }
            let port = port.to_string();
            Ok(["rows.db", "--port", &port].map(str::to_owned).to_vec())
        })?;
        Ok(Self { process })
    }

    fn client(&self) -> Result<Client, Failed> {
        let url = format!("http://127.0.0.1:{}/rows/", self.process.port());
        Ok(Client::builder().no_proxy().base_url(url).build()?)
    }
}

/// The rows as objects, in pages of this size.
fn table(client: &Client, size: usize) -> Result<RequestBuilder, Failed> {
    let query = [("_shape", "objects"), ("_size", &size.to_string())];
    Ok(client.get("rows.json")?.query(&query))
}

/// By name, and by number within a name.
fn by_name() -> Vec<Row> {
    let mut rows = rows();
    rows.sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
    rows
}

pub(crate) async fn h20l_tokens_of_datasette_lead_to_its_end() -> Outcome {
    let datasette = Datasette::start()?;
    let client = datasette.client()?;
    let token = async |response: Response| {
        let table: Table = response.json().await?;
        Ok(Page::new(table.rows).next(table.next))
    };
    let style = || Cursor.param("_next");
    for size in [100, 999] {
        walk(&rows(), size, |key| {
            pages!(table(&client, size)?.paginate(style(), token), key)
        })
        .await?;
    }
    // These tokens have the last name in them.
    walk(&by_name(), 100, |key| {
        let table = table(&client, 100)?.query(&[("_sort", "name")]);
        pages!(table.paginate(style(), token), key)
    })
    .await?;
    close(client).await
}

pub(crate) async fn h20l_urls_of_datasette_lead_to_its_end() -> Outcome {
    let datasette = Datasette::start()?;
    let client = datasette.client()?;
    let url = async |response: Response| {
        let table: Table = response.json().await?;
        Ok(Page::new(table.rows).next(table.next_url))
    };
    walk(&rows(), 100, |key| {
        pages!(table(&client, 100)?.paginate(NextLink, url), key)
    })
    .await?;
    walk(&by_name(), 90, |key| {
        let table = table(&client, 90)?.query(&[("_sort", "name")]);
        pages!(table.paginate(NextLink, url), key)
    })
    .await?;
    close(client).await
}

pub(crate) async fn h20l_links_of_datasette_lead_to_its_end() -> Outcome {
    let datasette = Datasette::start()?;
    let client = datasette.client()?;
    let array = async |response: Response| Ok(Page::new(response.json().await?));
    for (sort, rows) in [("id", rows()), ("name", by_name())] {
        walk(&rows, 100, |key| {
            let query = [("_shape", "array"), ("_size", "100"), ("_sort", sort)];
            let array_of = client.get("rows.json")?.query(&query);
            pages!(array_of.paginate(NextLink, array), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20l_lines_of_datasette_are_its_rows() -> Outcome {
    let datasette = Datasette::start()?;
    let client = datasette.client()?;
    let query = [("_shape", "array"), ("_nl", "on"), ("_size", "max")];
    let response = client.get("rows.json")?.query(&query).send().await?;
    let mut lines = response.error_for_status()?.ndjson::<Row>();
    let mut all = rows().into_iter();
    while let Some(row) = lines.next().await {
        expect("row", Some(row?), all.next())?;
    }
    expect("rows that are left", all.len(), rows().len() - 1000)?;

    // All of them, which it streams a thousand at a time.
    let csv = client.get("rows.csv")?.query(&[("_stream", "on")]);
    let mut lines = csv.send().await?.error_for_status()?.lines();
    let head = lines.next().await.ok_or("no head")??;
    expect("head", head.as_str(), "id,name")?;
    for Row { id, name } in rows() {
        let line = lines.next().await.ok_or("it ends early")??;
        expect("line", line, format!("{id},\"{name}\""))?;
    }
    expect("end", lines.next().await.is_none(), true)?;
    close(client).await
}
