//! Fan out: requests that belong together run at once, and fail together.
//!
//! Replaces: "Fan-out requests". The trap that is gone: results are read from the tasks after the
//! group, where only its success says that they are there. Here a child's value is had by awaiting
//! its handle inside the group; if one child fails, the others are cancelled and waited for, and
//! the error names the task that failed.

use std::process::ExitCode;

use brigade::group::{self, task_group};
use brigade_http::Client;
use brigade_testkit::server::{Reply, Request, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(answer).await?;
        let client = Client::builder().base_url(server.url("/")).build()?;

        let pages = fetch_all(&client, ["a", "bb", "ccc"]).await?;
        let lengths = pages.map(|page| page.length);
        println!("lengths: {lengths:?}");
        assert_eq!(lengths, [2, 3, 4]);

        let error = fetch_all(&client, ["a", "missing", "ccc"]).await.map(drop);
        let error = error.expect_err("one of the pages is missing");
        println!("{error}");
        assert!(error.to_string().contains("404"));

        client.close().await;
        Ok::<_, Error>(())
    })
}

struct Page {
    length: usize,
}

async fn fetch(client: Client, path: &str) -> Result<Page, Error> {
    let response = client.get(path)?.send().await?.error_for_status()?;
    let length = response.bytes().await?.len();
    Ok(Page { length })
}

async fn fetch_all(
    client: &Client,
    paths: [&'static str; 3],
) -> Result<[Page; 3], group::Error<Error>> {
    task_group(async |g| {
        // All three are running before the first is awaited.
        let [a, b, c] = paths.map(|path| g.spawn(fetch(client.clone(), path)));
        Ok([a.await, b.await, c.await])
    })
    .await
}

fn answer(request: &Request) -> Reply {
    match request.path() {
        "/missing" => Reply::status(404),
        path => Reply::ok(path.to_string()),
    }
}
