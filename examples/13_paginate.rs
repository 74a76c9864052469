//! A paginated API as a stream of its items, fetched page by page as they are asked for.
//!
//! Replaces: "Paginated API iteration" (`paginate_users`). The traps that are gone: a server that
//! gives the same cursor again makes the original ask for ever, and a generator that is left early
//! keeps its response open until the garbage collector finds it.

use std::process::ExitCode;

use brigade::stream::Stop;
use brigade_http::paging::{Cursor, Page, PaginateError, Place};
use brigade_http::{Client, Response};
use brigade_testkit::server::{Reply, Request, Server};
use serde::Deserialize;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
struct Users {
    users: Vec<User>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct User {
    name: String,
}

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(api).await?;
        let client = Client::builder().base_url(server.url("/")).build()?;

        // Three pages hold the first 250 users, so three pages are asked for.
        let request = client.get("users")?.query(&[("limit", 100)]);
        let mut users = request.paginate(Cursor.param("cursor"), users_page).items();
        let mut names = Vec::new();
        while names.len() < 250
            && let Some(user) = users.next().await
        {
            names.push(user?.name);
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
        let request = client.get("circle")?.query(&[("limit", 100)]);
        let mut circle = request.paginate(Cursor.param("cursor"), users_page).items();
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

/// Reads one page, whose status is no error. What fails here ends the walk, with the key to go on
/// from.
async fn users_page(response: Response) -> brigade_http::Result<Page<User>> {
    let data: Users = response.json().await?;
    Ok(Page::new(data.users).next(data.next_cursor))
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
