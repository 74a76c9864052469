//! A paginated API as a stream of its items, fetched page by page as they are asked for.
//!
//! Replaces: "Paginated API iteration" (`paginate_users`). The traps that are gone: a server that
//! gives the same cursor again makes the original ask for ever, and a generator that is left early
//! keeps its response open until the garbage collector finds it.

use std::process::ExitCode;

use brigade::stream::{Cursor, Page, PaginateError, Stop, paginate};
use brigade_http::Client;
use brigade_testkit::server::{Reply, Request, Server};
use serde_json::Value;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(api).await?;
        let client = Client::builder().build()?;

        // Three pages hold the first 250 users, so three pages are asked for.
        let users = server.url("/users?limit=100");
        let walk = paginate(Cursor, async |cursor| {
            users_page(&client, &users, cursor).await
        });
        let mut users = walk.items();
        let mut names = Vec::new();
        while names.len() < 250
            && let Some(user) = users.next().await
        {
            names.push(user?);
        }
        drop(users);
        println!(
            "{} users of {} requests",
            names.len(),
            server.requests().len()
        );
        assert_eq!(names[249], "user 249");
        assert_eq!(server.requests().len(), 3);

        // This API gives its first cursor again. What it gave is given, and then the error.
        let circle = server.url("/circle?limit=100");
        let circle = paginate(Cursor, async |cursor| {
            users_page(&client, &circle, cursor).await
        });
        let mut circle = circle.items();
        let mut count = 0;
        let error = loop {
            match circle.next().await {
                Some(Ok(_)) => count += 1,
                Some(Err(error)) => break error,
                None => return Err("the circle has no end".into()),
            }
        };
        println!("after {count} users: {error}");
        assert_eq!(count, 200);
        let PaginateError::Stopped {
            stop: Stop::Repeated(_),
            ..
        } = error
        else {
            return Err(error.into());
        };
        client.close().await;
        Ok::<_, Error>(())
    })
}

/// Asks for one page. An error ends the walk, with the key to go on from.
async fn users_page(
    client: &Client,
    url: &str,
    cursor: Option<String>,
) -> Result<Page<String>, Error> {
    let url = match cursor {
        Some(cursor) => format!("{url}&cursor={cursor}"),
        None => url.to_owned(),
    };
    let response = client.get(&url)?.send().await?;
    if response.status() != 200 {
        return Err(format!("status {}", response.status()).into());
    }
    let data: Value = serde_json::from_slice(&response.bytes().await?)?;
    let users = data["users"].as_array().ok_or("no users")?.iter();
    let names = users.filter_map(|user| user["name"].as_str().map(str::to_owned));
    Ok(Page::new(names.collect()).next(data["next_cursor"].as_str()))
}

/// A thousand users, and a second endpoint that goes in a circle.
fn api(request: &Request) -> Reply {
    let from: u32 = request
        .query("cursor")
        .map_or(0, |cursor| cursor.parse().unwrap_or(0));
    let users = (from..from + 100).map(|n| serde_json::json!({ "name": format!("user {n}") }));
    let next = match request.path() {
        "/circle" => Some(100),
        _ => Some(from + 100).filter(|next| *next < 1000),
    };
    let page = serde_json::json!({
        "users": users.collect::<Vec<_>>(),
        "next_cursor": next.map(|next| next.to_string()),
    });
    Reply::ok(page.to_string())
}
