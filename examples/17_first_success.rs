//! First success: several mirrors have the same file, and one answer is enough.
//!
//! Beyond the snippets: `asyncio.wait(..., FIRST_COMPLETED)`. The trap that is gone: the first to
//! complete may be a failure, and the losers run on until somebody cancels and awaits them. Here the
//! first success counts, the losers have ended before it is returned, and if all fail, the error has
//! all of their failures.

use std::process::ExitCode;
use std::time::Duration;

use brigade::cancel;
use brigade::group::{self, RaceOk, race_ok};
use brigade_http::Client;
use brigade_testkit::server::{Reply, Request, Server};
use tokio::sync::mpsc;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(answer).await?;
        let client = Client::new()?;
        let mirrors = ["/down", "/slow", "/fast"].map(|path| server.url(path));

        // All at once. Each candidate says when it has cleaned up, however it ends.
        let (cleaned, mut all_cleaned) = mpsc::channel(mirrors.len());
        let winner = race_ok(mirrors.iter().map(|url| {
            let (client, url, cleaned) = (client.clone(), url.clone(), cleaned.clone());
            async move {
                cancel::defer(async move {
                    let _ = cleaned.send(()).await;
                });
                fetch(client, url).await
            }
        }));
        println!("the first answer: {}", winner.await?);
        drop(cleaned);
        let mut count = 0;
        while all_cleaned.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, mirrors.len(), "a loser is still running");

        // One after the other: the next starts when one has failed, or after a while.
        let asked = server.requests().len();
        let polite = RaceOk::new([&mirrors[0], &mirrors[2], &mirrors[1]].map(|url| {
            let (client, url) = (client.clone(), url.clone());
            async move { fetch(client, url).await }
        }));
        let polite = polite.stagger(Duration::from_secs(5)).run().await?;
        assert_eq!(polite, "/fast");
        assert_eq!(
            server.requests().len(),
            asked + 2,
            "the slow one was not needed"
        );

        // All fail, and the error says how each of them did.
        let down = (0..2).map(|_| fetch(client.clone(), mirrors[0].clone()));
        let error = race_ok(down).await.map(drop).expect_err("all are down");
        println!("{error:#}");
        assert_eq!(error.group().map(group::ErrorGroup::len), Some(2));

        // A timeout that waits until what it cut off is gone.
        let slow = fetch(client.clone(), mirrors[1].clone());
        let error = group::timeout(Duration::from_millis(50), slow).await;
        let error = error.map(drop).expect_err("it is too slow");
        assert_eq!(error.to_string(), "timeout: not finished after 50ms");

        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn fetch(client: Client, url: String) -> Result<String, Error> {
    let response = client.get(&url)?.send().await?;
    if !response.status().is_success() {
        return Err(response.status().to_string().into());
    }
    Ok(String::from_utf8(response.bytes().await?.to_vec())?)
}

fn answer(request: &Request) -> Reply {
    match request.path() {
        "/down" => Reply::status(503),
        "/slow" => Reply::ok("/slow").delay(Duration::from_secs(30)),
        path => Reply::ok(path.to_string()),
    }
}
