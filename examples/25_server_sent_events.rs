//! Events that a server sends for as long as it likes, taken up again where the connection broke.
//!
//! Replaces: `aiohttp-sse-client`, `httpx-sse` and a loop around them. The traps that are gone: a
//! connection that breaks loses or doubles events, a server that is down is hammered, a POST is
//! sent a second time by a library that reconnects, an event without an end fills the memory, and
//! a total timeout cuts a stream that is fine.

use std::process::ExitCode;

use brigade_http::Client;
use brigade_http::events::EventSource;
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = Server::start(answer).await?;
        let client = Client::new()?;

        // The connection breaks in the middle of the second price, and the server is busy after
        // that. Nothing is missing and nothing is doubled.
        let mut prices = client.get(server.url("/prices"))?.events();
        let mut seen = Vec::new();
        while let Some(event) = prices.next().await {
            let event = event?;
            println!("{} {}: {}", event.id(), event.kind(), event.data());
            seen.push(event.json::<u32>()?);
        }
        assert_eq!(seen, [101, 102, 103]);
        assert_eq!(prices.reconnected(), 3);

        // Another run goes on behind what this one has seen.
        let last = prices.last_event_id().to_owned();
        let mut later = client.get(server.url("/prices"))?.events();
        later = later.resume_after(&last);
        assert!(later.next().await.is_none());

        // The streamed answer to a POST, as language models give it. It is asked for once: if it
        // breaks, that is an error, and the caller decides.
        let answer = complete(&client, server.url("/complete")).await?;
        println!("{answer}");
        assert_eq!(answer, "one bucket after another");
        let posts = server.requests().into_iter();
        assert_eq!(posts.filter(|r| r.method() == "POST").count(), 1);

        // A page is no stream of events, though its status is 200.
        let page = client.get(server.url("/login"))?.events().next().await;
        let error = page.ok_or("nothing")?.expect_err("it is a page");
        println!("failed to {error}");
        assert!(error.to_string().ends_with("not text/event-stream"));

        // Left early: the connection goes with the source.
        let mut endless = client.get(server.url("/ticks"))?.events();
        assert_eq!(first(&mut endless).await?, "tick");
        assert_eq!(server.exchanges().open, 1);
        drop(endless);
        until(|| server.exchanges().open == 0).await;
        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn first(source: &mut EventSource) -> Result<String, Error> {
    Ok(source.next().await.ok_or("no event")??.into_data())
}

/// Asks for a text and puts its pieces together.
async fn complete(client: &Client, url: String) -> Result<String, Error> {
    let request = client
        .post(url)?
        .body(r#"{"prompt": "what is a brigade?", "stream": true}"#);
    let mut pieces = request.header("content-type", "application/json").events();
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        if piece.data() == "[DONE]" {
            break;
        }
        let piece: serde_json::Value = piece.json()?;
        text.push_str(piece["delta"].as_str().unwrap_or_default());
    }
    Ok(text)
}

fn answer(request: &Request) -> Reply {
    let reply = match (request.path(), request.header("last-event-id")) {
        // Cut off after 60 bytes, which is in the middle of the second event.
        ("/prices", None) => {
            let text =
                "retry: 20\n\nid: 1\nevent: price\ndata: 101\n\nid: 2\nevent: price\ndata: 102\n\n";
            Reply::ok(text).close_after(60)
        }
        ("/prices", Some("1")) => match request.connection() {
            1 => Reply::status(503).then_close(),
            _ => Reply::ok("id: 2\nevent: price\ndata: 102\n\nid: 3\nevent: price\ndata: 103\n\n"),
        },
        ("/prices", Some(_)) => Reply::status(204),
        ("/complete", _) => Reply::ok("").chunked([
            "data: {\"delta\": \"one bucket\"}\n\n: still thinking\n",
            "data: {\"delta\": \" after another\"}\n\ndata: [DONE]\n\n",
        ]),
        ("/login", _) => return Reply::ok("<p>log in").header("content-type", "text/html"),
        _ => Reply::ok("").chunked(["data: tick\n\n"; 9]).hang_after(20),
    };
    reply.header("content-type", "text/event-stream")
}
