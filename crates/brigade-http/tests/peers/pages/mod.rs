//! Paginated APIs that others have written, each walked to its end in its own style and compared
//! with the rows that were put in.
//!
//! The number of rows is no multiple of any size of a page here. Rows are never changed during a
//! walk, but for the one that proves what cursors are for.

mod datasette;
mod django;

use std::fmt::{Debug, Display};
use std::fs;
use std::path::Path;

use brigade::stream::{items, prefetch};
use brigade::task_group;
use brigade_http::Error;
use brigade_http::paging::{Fetched, PaginateError};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use libtest_mimic::{Failed, Trial};
use serde::{Deserialize, Serialize};

use crate::python::{DATASETTE, GUNICORN, PYTHON};
use crate::{Outcome, expect, named};

/// How many rows there are.
const TOTAL: u64 = 2503;

pub(crate) fn trials() -> Vec<Trial> {
    let datasette = || vec![DATASETTE, PYTHON];
    let django = || vec![GUNICORN];
    vec![
        named(
            datasette(),
            datasette::h20l_tokens_of_datasette_lead_to_its_end,
        ),
        named(
            datasette(),
            datasette::h20l_urls_of_datasette_lead_to_its_end,
        ),
        named(
            datasette(),
            datasette::h20l_links_of_datasette_lead_to_its_end,
        ),
        named(datasette(), datasette::h20l_lines_of_datasette_are_its_rows),
        named(
            django(),
            django::h20m_numbered_pages_of_django_lead_to_its_end,
        ),
        named(django(), django::h20m_offsets_of_django_lead_to_its_end),
        named(django(), django::h20m_cursors_of_django_lead_to_its_end),
        named(django(), django::h20m_urls_of_django_lead_to_its_end),
        named(django(), django::h20m_links_of_django_lead_to_its_end),
        named(
            django(),
            django::h20n_rows_that_come_during_a_walk_do_not_disturb_it,
        ),
    ]
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Row {
    id: u64,
    name: String,
}

/// What is put in. The names repeat, and have what must be escaped in a URL.
fn rows() -> Vec<Row> {
    let row = |id| Row {
        id,
        name: format!("{}, 100%+ä&/#~", id % 97),
    };
    (1..=TOTAL).map(row).collect()
}

fn write_rows(folder: &Path) -> std::io::Result<()> {
    fs::write(folder.join("rows.json"), serde_json::to_string(&rows())?)
}

type Pages<K> = BoxStream<'static, Result<Fetched<Row, K>, PaginateError<Error, K>>>;

/// The pages of a walk, from a key or from the first.
macro_rules! pages {
    ($walk:expr, $key:expr) => {{
        let walk = $walk;
        Ok(match $key {
            Some(key) => Box::pin(walk.resume(key).pages()) as super::Pages<_>,
            None => Box::pin(walk.pages()),
        })
    }};
}
use pages;

/// Walks three times: page by page, broken off within a page and taken up again, and with pages
/// that are asked for ahead. Each time the rows must be `expected`.
async fn walk<K>(
    expected: &[Row],
    size: usize,
    pages: impl Fn(Option<K>) -> Result<Pages<K>, Failed>,
) -> Outcome
where
    K: Clone + Debug + Send + 'static,
{
    let mut whole = pages(None)?;
    let (mut found, mut count) = (Vec::new(), 0);
    while let Some(page) = whole.next().await {
        found.extend(page?.items);
        count += 1;
    }
    is("the whole", &found, expected)?;
    expect("pages", count, expected.len().div_ceil(size))?;

    let cut = expected.len() / 2;
    let mut first = items(pages(None)?);
    let mut found = Vec::new();
    while found.len() < cut {
        found.push(first.next().await.ok_or("it ends early")??);
    }
    let bookmark = first.bookmark().ok_or("nothing is left to go on with")?;
    drop(first);
    found.truncate(found.len() - bookmark.given);
    let mut rest = items(pages(Some(bookmark.key))?);
    while let Some(row) = rest.next().await {
        found.push(row?);
    }
    is("both parts", &found, expected)?;

    let pages = pages(None)?;
    let ahead = task_group(async |group| {
        let mut rows = items(prefetch(group, pages, 3));
        let mut found = Vec::new();
        while let Some(row) = rows.next().await {
            found.push(row.map_err(text)?);
        }
        Ok::<_, String>(found)
    });
    is("those ahead", &ahead.await.map_err(text)?, expected)
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// Without showing thousands of rows.
fn is(what: &str, found: &[Row], expected: &[Row]) -> Outcome {
    let same = found
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b)
        .count();
    if found.len() == expected.len() && same == found.len() {
        return Ok(());
    }
    let (count, other) = (found.len(), found.get(same));
    Err(format!("{what}: {count} rows, of which number {same} is {other:?}").into())
}
