//! The lines of a response while it arrives, and typed values of them.
//!
//! Replaces: "Streaming lines from a response" (`stream_lines`). The traps that are gone: a line
//! without an end fills the memory of the original, a bad line ends it without its number, and
//! leaving the loop early leaves the connection to the garbage collector.

use std::process::ExitCode;

use brigade::stream::Lines;
use brigade_http::{Chunks, Client};
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(log).await?;
        let client = Client::builder().base_url(server.url("/")).build()?;

        // One line after the other, as text.
        let mut short = stream_lines(&client, "short").await?.skip_blank();
        let mut seen = Vec::new();
        while let Some(line) = short.next().await {
            seen.push(line?);
        }
        println!("{seen:?}");
        assert_eq!(seen, ["one", "two", "three"]);

        // All lines that are there at once: no allocation for each.
        let mut long = stream_lines(&client, "long").await?;
        let (mut count, mut bytes) = (0, 0);
        while let Some(batch) = long.next_batch().await? {
            for line in batch {
                (count, bytes) = (count + 1, bytes + line?.len());
            }
        }
        println!("{count} lines, {bytes} bytes");
        assert_eq!((count, bytes), (50_000, 50_000 * 20));

        // JSON lines: a bad one is an error with its number, and the next is read.
        let mut events = stream_lines(&client, "events")
            .await?
            .max_length(64)
            .parse(|line| serde_json::from_str::<Vec<u32>>(line));
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => good.push(event),
                Err(error) => bad.push(error.to_string()),
            }
        }
        println!("{good:?}, {bad:?}");
        assert_eq!(good, [vec![1], vec![2, 3]]);
        assert!(bad[0].starts_with("line 2: expected"));
        assert_eq!(bad[1], "line 3 is longer than 64 bytes");

        // Left early: the response goes with the stream, and its connection with it.
        let mut large = stream_lines(&client, "large").await?;
        assert_eq!(large.next().await.ok_or("no line")??, "again");
        assert_eq!(server.exchanges().open, 1);
        drop(large);
        until(|| server.exchanges().open == 0).await;
        client.close().await;
        Ok::<_, Error>(())
    })
}

/// The lines of a response, which goes on arriving while they are read.
async fn stream_lines(client: &Client, path: &str) -> Result<Lines<Chunks>, Error> {
    let response = client.get(path)?.send().await?.error_for_status()?;
    Ok(response.lines())
}

fn log(request: &Request) -> Reply {
    match request.path() {
        "/short" => Reply::ok("one\r\n\r\ntw").chunked(["one\r\n\r", "\ntw", "o\n  \nthree"]),
        "/long" => Reply::ok("twenty bytes of text\n".repeat(50_000)),
        "/events" => Reply::ok(format!("[1]\nnonsense\n{}\n[2,3]\n", "x".repeat(1000))),
        _ => Reply::ok("again\n".repeat(5_000_000)),
    }
}
