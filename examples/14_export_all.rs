//! All items of a paginated API, with pages fetched ahead, and a walk that goes on after a failure.
//!
//! Replaces: "Consume with async for" (`export_all_users`). The traps that are gone: the original
//! waits for each page while it could work on the last one, and a failure on the last page loses
//! everything, since nobody knows where to go on.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use brigade::stream::{items, prefetch};
use brigade::task_group;
use brigade_http::paging::{NextLink, Page};
use brigade_http::{Client, Response};
use brigade_testkit::server::{Reply, Request, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let fails = AtomicBool::new(true);
        let server = Server::start(move |request| api(request, &fails)).await?;
        let client = Client::builder().base_url(server.url("/")).build()?;
        let mut exported = Vec::new();

        let mut from = Some("users?page=0".to_owned());
        while let Some(url) = from {
            from = task_group(async |group| {
                // While the users of one page are written, the next two are on their way.
                let walk = client.get(&url)?.paginate(NextLink, names).pages_max(1000);
                let mut users = items(prefetch(group, walk.pages(), 2));
                loop {
                    // A page is exported whole or not at all, so the walk goes on at its key.
                    match users.next().await {
                        Some(Ok(user)) => exported.push(user),
                        Some(Err(error)) => {
                            println!("failed to fetch {error}; going on there");
                            return Ok(users.bookmark().map(|bookmark| bookmark.key));
                        }
                        None => return Ok::<_, Error>(None),
                    }
                }
            })
            .await?;
        }

        println!(
            "{} users in {} requests",
            exported.len(),
            server.requests().len()
        );
        let expected = (0..500).map(|n| format!("user {n}"));
        assert!(exported.into_iter().eq(expected));
        assert_eq!(server.requests().len(), 11);
        client.close().await;
        Ok::<_, Error>(())
    })
}

/// The next page is in the `Link` header, which is read without being asked for.
async fn names(response: Response) -> brigade_http::Result<Page<String>> {
    Ok(Page::new(response.json().await?))
}

/// Ten pages of fifty users; the seventh is broken when it is asked for the first time.
fn api(request: &Request, fails: &AtomicBool) -> Reply {
    let page: u32 = request
        .query("page")
        .map_or(0, |page| page.parse().unwrap_or(0));
    if page == 6 && fails.swap(false, Ordering::SeqCst) {
        return Reply::status(500);
    }
    let names: Vec<String> = (page * 50..page * 50 + 50)
        .map(|n| format!("user {n}"))
        .collect();
    let reply = Reply::ok(serde_json::json!(names).to_string());
    match page {
        9 => reply,
        _ => {
            let first = "</users?page=0>; rel=\"first\"";
            let next = format!("{first}, </users?page={}>; rel=\"next\"", page + 1);
            reply.header("link", next)
        }
    }
}
