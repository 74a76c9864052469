//! Django REST framework, with each of its paginations and those of a package that sends `Link`
//! headers.

use brigade_http::paging::{Cursor, NextLink, Offset, Page, PageNumber, Place};
use brigade_http::{Client, RequestBuilder, Response, Url};
use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::json;

use super::{Row, TOTAL, is, pages, rows, walk, write_rows};
use crate::python::GUNICORN;
use crate::servers::process::Process;
use crate::{Outcome, close, expect};

#[derive(Deserialize)]
struct Listed {
    results: Vec<Row>,
    next: Option<String>,
    count: Option<u64>,
}

struct Django {
    process: Process,
}

impl Django {
    fn start() -> Result<Self, Failed> {
        let process = Process::start(GUNICORN.0, |folder, port| {
            write_rows(folder)?;
            std::fs::write(folder.join("project.py"), include_str!("django.py"))?;
            let bind = format!("127.0.0.1:{port}");
            let arguments = ["--bind", &bind, "--threads=4", "--no-control-socket"];
            let all = arguments.into_iter().chain(["project"]);
            Ok(all.map(str::to_owned).collect())
        })?;
        Ok(Self { process })
    }

    fn client(&self) -> Result<Client, Failed> {
        let url = format!("http://127.0.0.1:{}/", self.process.port());
        Ok(Client::builder().no_proxy().base_url(url).build()?)
    }
}

/// A list in pages of this size.
fn list(client: &Client, path: &str, size: usize) -> Result<RequestBuilder, Failed> {
    Ok(client.get(path)?.query(&[("size", size)]))
}

pub(crate) async fn h20m_numbered_pages_of_django_lead_to_its_end() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    for size in [100, 999] {
        // It answers 404 behind its last page, so whether there is one must be heard from it.
        let numbered = async |response: Response| {
            let list: Listed = response.json().await?;
            Ok(Page::new(list.results).more(list.next.is_some()))
        };
        walk(&rows(), size, |key| {
            let list = list(&client, "pages", size)?;
            pages!(list.paginate(PageNumber(1).param("page"), numbered), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20m_offsets_of_django_lead_to_its_end() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    let counted = async |response: Response| {
        let list: Listed = response.json().await?;
        let count = list.count.unwrap_or_default();
        Ok(Page::new(list.results).total(count))
    };
    for size in [100_usize, 999] {
        walk(&rows(), size, |key| {
            let list = client.get("offsets")?.query(&[("limit", size)]);
            let style = Offset::by_items().param("offset");
            pages!(list.paginate(style, counted), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20m_cursors_of_django_lead_to_its_end() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    // What it gives are URLs, with the token in the query.
    let token = async |response: Response| {
        let list: Listed = response.json().await?;
        let next = list.next.and_then(|next| Url::parse(&next).ok());
        let pair = next.as_ref().and_then(|next| {
            let mut pairs = next.query_pairs();
            pairs.find(|(name, _)| name == "cursor")
        });
        Ok(Page::new(list.results).next(pair.map(|(_, value)| value)))
    };
    for size in [100, 90] {
        walk(&rows(), size, |key| {
            let list = list(&client, "cursors", size)?;
            pages!(list.paginate(Cursor.param("cursor"), token), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20m_urls_of_django_lead_to_its_end() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    for path in ["pages", "offsets", "cursors"] {
        let url = async |response: Response| {
            let list: Listed = response.json().await?;
            Ok(Page::new(list.results).next(list.next))
        };
        walk(&rows(), 100, |key| {
            pages!(list(&client, path, 100)?.paginate(NextLink, url), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20m_links_of_django_lead_to_its_end() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    for path in ["links/pages", "links/offsets", "links/cursors"] {
        let bare = async |response: Response| Ok(Page::new(response.json().await?));
        walk(&rows(), 100, |key| {
            pages!(list(&client, path, 100)?.paginate(NextLink, bare), key)
        })
        .await?;
    }
    close(client).await
}

pub(crate) async fn h20n_rows_that_come_during_a_walk_do_not_disturb_it() -> Outcome {
    let django = Django::start()?;
    let client = django.client()?;
    let url = async |response: Response| {
        let list: Listed = response.json().await?;
        Ok(Page::new(list.results).next(list.next))
    };
    let newest = list(&client, "newest", 100)?.paginate(NextLink, url);
    let mut pages = newest.pages();
    let (mut found, mut added) = (Vec::new(), TOTAL);
    while let Some(page) = pages.next().await {
        found.extend(page?.items);
        let new = json!({ "name": "new" });
        let new = client.post("newest")?.json(&new).send().await?;
        added += 1;
        expect("id", new.error_for_status()?.json::<Row>().await?.id, added)?;
    }
    drop(pages);
    let mut expected = rows();
    expected.reverse();
    is("the newest first", &found, &expected)?;
    close(client).await
}
