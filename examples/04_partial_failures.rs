//! Partial failure: of ten requests one fails, and that is nine results and one error.
//!
//! Replaces: "Handling partial failures". The trap that is gone: the first failure of a task group
//! cancels the other requests, which are then counted neither as results nor as errors. `collect`
//! is for items that do not depend on each other: every item ends as exactly one of ok, failed,
//! cancelled or panicked, and the counts add up.

use std::process::ExitCode;

use brigade::group::{Collect, Outcome, collect};
use brigade_http::Client;
use brigade_testkit::server::{Reply, Request, Server};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(answer).await?;
        let client = Client::builder().base_url(server.url("/")).build()?;
        let urls: Vec<_> = (0..10).map(|n| format!("items/{n}")).collect();

        // At most four at once, however long the list is.
        let all = collect(&urls, 4, |url| fetch(client.clone(), url.clone())).await;
        println!("{}", all.counts);
        for (index, error) in all.errors() {
            println!("{}: {error}", urls[index as usize]);
        }
        assert_eq!((all.values().count(), all.errors().count()), (9, 1));

        // A list of any length in bounded memory: each record is used as it comes.
        let mut total = 0;
        let stream = Collect::new(&urls, 4, |url| fetch(client.clone(), url.clone()));
        let counts = stream
            .in_order()
            .for_each(async |record| match record.outcome {
                Outcome::Ok(length) => total += length,
                other => println!("item {} has no length: {other:?}", record.index),
            });
        let counts = counts.await;
        println!("{total} bytes from {counts}");
        assert_eq!(counts.ok + counts.failed, counts.taken);
        assert_eq!(total, 9 * "/items/0".len());

        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn fetch(client: Client, url: String) -> Result<usize, Error> {
    let response = client.get(url)?.send().await?.error_for_status()?;
    Ok(response.bytes().await?.len())
}

fn answer(request: &Request) -> Reply {
    match request.path() {
        "/items/3" => Reply::status(500),
        path => Reply::ok(path.to_string()),
    }
}
