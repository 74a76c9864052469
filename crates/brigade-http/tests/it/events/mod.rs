//! H14: events from servers that end, break, refuse, fall silent and come back.
//!
//! What waits runs over connections in memory and in paused time.

mod again;
mod alive;
mod ends;

use std::collections::VecDeque;
use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::Client;
use brigade_http::events::EventSource;
use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_testkit::peer::{Peer, Script};
use brigade_testkit::server::Reply;
use tokio::time::Instant;

use super::builder;

const URL: &str = "http://events.example/live";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// Plays a script to each connection, in order; `None` refuses it, and so does the end of the line.
#[derive(Clone, Debug, Default)]
struct Line(Arc<Mutex<World>>);

#[derive(Debug, Default)]
struct World {
    scripts: VecDeque<Option<Script>>,
    peers: Vec<Peer>,
    dials: Vec<Instant>,
}

impl Line {
    fn new(scripts: impl IntoIterator<Item = Option<Script>>) -> Self {
        let scripts = scripts.into_iter().collect();
        let world = World {
            scripts,
            ..World::default()
        };
        Self(Arc::new(Mutex::new(world)))
    }

    fn client(&self) -> Client {
        builder().connector(self.clone()).build().unwrap()
    }

    fn source(&self) -> EventSource {
        self.client().get(URL).unwrap().events()
    }

    /// The time between the dials, in seconds.
    fn waits(&self) -> Vec<u64> {
        let world = self.0.lock().unwrap();
        let pairs = world.dials.windows(2);
        pairs.map(|pair| (pair[1] - pair[0]).as_secs()).collect()
    }

    fn dials(&self) -> usize {
        self.0.lock().unwrap().dials.len()
    }

    /// What came on each connection, once all are played.
    async fn received(&self) -> Vec<String> {
        let peers = std::mem::take(&mut self.0.lock().unwrap().peers);
        let mut received = Vec::new();
        for peer in peers {
            let bytes = peer.finish().await.unwrap();
            received.push(String::from_utf8_lossy(&bytes.concat()).to_lowercase());
        }
        received
    }
}

impl Connect for Line {
    fn connect(&self, _to: Destination) -> Connecting {
        let mut world = self.0.lock().unwrap();
        world.dials.push(Instant::now());
        let Some(Some(script)) = world.scripts.pop_front() else {
            return Box::pin(ready(Err(io::ErrorKind::ConnectionRefused.into())));
        };
        let (stream, peer) = script.in_memory();
        world.peers.push(peer);
        Box::pin(ready(Ok(Box::new(stream) as _)))
    }
}

/// Answers with this body, and the end of the connection ends it.
fn answer(body: &str) -> Option<Script> {
    Some(open(body))
}

/// The same, with more to come.
fn open(body: &str) -> Script {
    reply(&format!(
        "200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}"
    ))
}

/// Answers with a status and whatever follows it.
fn reply(text: &str) -> Script {
    let script = Script::new().patience(HOUR).expect_head("GET /live");
    script.send(format!("HTTP/1.1 {text}"))
}

fn status(text: &str) -> Option<Script> {
    Some(reply(&format!("{text}\r\ncontent-length: 0\r\n\r\n")))
}

/// The end of all events.
fn done() -> Option<Script> {
    status("204 No Content")
}

/// The data of all events, and the error at their end.
async fn drain(source: &mut EventSource) -> (Vec<String>, Option<brigade_http::Error>) {
    let mut seen = Vec::new();
    while let Some(event) = source.next().await {
        match event {
            Ok(event) => seen.push(event.into_data()),
            Err(error) => {
                assert!(source.next().await.is_none(), "nothing follows an error");
                return (seen, Some(error));
            }
        }
    }
    (seen, None)
}

/// The error of a source that gives nothing else.
async fn fails(source: &mut EventSource) -> brigade_http::Error {
    let (seen, error) = drain(source).await;
    assert_eq!(seen, [""; 0]);
    error.unwrap()
}

/// A reply of a server with sockets.
fn stream_of(text: &'static str) -> Reply {
    Reply::ok(text).header("content-type", "text/event-stream")
}
