//! Messages, terms, pings and ends of WebSockets.

use std::time::Duration;

use brigade_http::websocket::{Message, WebSocket};
use brigade_http::{Client, Kind, StatusCode};
use brigade_testkit::wait::until;
use libtest_mimic::Failed;
use serde_json::json;

use super::Aiohttp;
use crate::{Outcome, close, expect};

const LARGEST: usize = 16 << 20;
/// How many are sent while their answers come.
const MANY: u32 = 1000;

async fn open(client: &Client, url: &str) -> Result<WebSocket, Failed> {
    Ok(client.websocket(url)?.connect().await?)
}

async fn next(socket: &mut WebSocket) -> Result<Message, Failed> {
    Ok(socket.next().await.ok_or("it was closed")??)
}

/// Without showing megabytes.
async fn comes_back(socket: &mut WebSocket, message: Message) -> Outcome {
    socket.send(message.clone()).await?;
    let found = next(socket).await?;
    expect("length", found.len(), message.len())?;
    expect("the same", found == message, true)
}

/// A text whose characters have all lengths, and bytes of all values.
fn both(size: usize) -> [Message; 2] {
    let mut text: String = ['a', 'é', '€', '😀']
        .iter()
        .cycle()
        .take(size / 2)
        .collect();
    while text.len() > size {
        text.pop();
    }
    text.extend(std::iter::repeat_n('.', size - text.len()));
    let bytes: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
    [text.into(), bytes.into()]
}

async fn all_sizes_come_back(server: Aiohttp) -> Outcome {
    let client = server.client()?.build()?;
    let mut socket = open(&client, &server.socket("/echo")).await?;
    for size in [0, 1, 125, 126, 127, 4096, 65_535, 65_536, 1 << 20, LARGEST] {
        for message in both(size) {
            comes_back(&mut socket, message).await?;
        }
    }
    // Many at once, in their order.
    let (mut sender, mut receiver) = socket.split();
    let sent = async {
        for number in 0..MANY {
            sender.send_text(number.to_string()).await?;
        }
        Ok::<_, Failed>(())
    };
    let received = async {
        for number in 0..MANY {
            let message = receiver.next().await.ok_or("it was closed")??;
            expect("message", message, number.to_string().into())?;
        }
        Ok::<_, Failed>(())
    };
    let (sent, received) = tokio::join!(sent, received);
    sent?;
    received?;
    sender.close(1000, "").await?;
    drop((sender, receiver));
    close(client).await
}

pub(crate) async fn h20r_messages_of_all_sizes_come_back_from_aiohttp() -> Outcome {
    all_sizes_come_back(Aiohttp::start()?).await
}

pub(crate) async fn h20r_messages_come_back_from_aiohttp_over_tls() -> Outcome {
    all_sizes_come_back(Aiohttp::start_tls()?).await
}

pub(crate) async fn h20r_messages_in_parts_come_from_aiohttp_whole() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    for (size, of) in [(1, 3000), (125, 3000), (1000, 1 << 20), (70_000, LARGEST)] {
        let url = server.socket(&format!("/fragments?size={size}"));
        let mut socket = open(&client, &url).await?;
        for length in [0, 1, of] {
            for message in both(length) {
                comes_back(&mut socket, message).await?;
            }
        }
        let end = socket.close(1000, "").await?;
        expect("end", end.code, Some(1000))?;
    }
    close(client).await
}

pub(crate) async fn h20s_aiohttp_and_the_client_agree_on_terms() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let (v1, v2, v3) = ("chat.v1", "chat.v2", "chat.v3");
    for (offered, agreed) in [
        (vec![], None),
        (vec![v1], Some(v1)),
        (vec![v3, v2, v1], Some(v2)),
        (vec![v3], None),
    ] {
        let socket = client.websocket(server.socket("/terms"))?;
        let mut socket = socket.protocols(offered).connect().await?;
        expect("protocol", socket.protocol(), agreed)?;
        let extensions = socket.headers().get("sec-websocket-extensions");
        expect("extensions", extensions, None)?;
        // No compression, though the server is ready for it: nothing of the kind was offered.
        let said = next(&mut socket).await?;
        let said: serde_json::Value = serde_json::from_slice(said.as_bytes())?;
        expect("terms", said, json!([agreed, 0, null]))?;
        socket.close(1000, "").await?;
    }
    for (name, value) in [
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
        ("Sec-WebSocket-Protocol", v1),
    ] {
        let path = format!("/rogue?name={name}&value={value}");
        let opened = client.websocket(server.socket(&path))?.connect().await;
        expect(
            "kind",
            opened.map(drop).map_err(|error| error.kind()),
            Err(Kind::Protocol),
        )?;
    }
    let none = client.websocket(server.socket("/seen"))?.connect().await;
    expect(
        "kind",
        none.map(drop).map_err(|error| error.kind()),
        Err(Kind::Status(StatusCode::OK)),
    )?;
    close(client).await
}

pub(crate) async fn h20s_pings_of_aiohttp_are_answered() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let mut socket = open(&client, &server.socket("/pings")).await?;
    for _ in 0..3 {
        let said = next(&mut socket).await?;
        expect("answer", said.as_text(), Some("[\"PONG\", true]"))?;
    }
    expect("end", socket.next().await.is_none(), true)?;
    drop(socket);

    // It gives up a client that is silent for a tenth of a second; this one only awaits nothing.
    let mut socket = open(&client, &server.socket("/heartbeat?every=0.1")).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    comes_back(&mut socket, "still there".into()).await?;
    socket.close(1000, "").await?;
    close(client).await
}

pub(crate) async fn h20t_both_sides_hear_why_the_other_closes() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    for (code, text) in [
        (1000, ""),
        (1001, "going"),
        (1011, "failed"),
        (4999, "für dich"),
    ] {
        let url = server.socket(&format!("/close?code={code}&text={text}"));
        let mut socket = open(&client, &url).await?;
        expect("last", next(&mut socket).await?, "last words".into())?;
        expect("end", socket.next().await.is_none(), true)?;
        let reason = socket.close_reason().ok_or("no reason")?;
        expect("code", reason.code, Some(code))?;
        expect("text", reason.text.as_str(), text)?;
    }
    let mut told = Vec::new();
    for (code, text) in [
        (1000, ""),
        (1001, "leaving"),
        (3001, "für dich"),
        (4999, "x"),
    ] {
        let socket = open(&client, &server.socket("/echo")).await?;
        // It confirms whatever code with this one.
        let confirmed = socket.close(code, text).await?;
        expect("code", confirmed.code, Some(1000))?;
        told.push(json!([code, text]));
    }
    let seen = server.seen(&client).await?;
    expect("told", &seen["closed"], &json!(told))?;
    close(client).await
}

pub(crate) async fn h20t_an_aiohttp_that_dies_is_an_error() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    for path in ["/die", "/die?abort", "/die?within", "/die?within&abort"] {
        let mut socket = open(&client, &server.socket(path)).await?;
        expect("last", next(&mut socket).await?, "last words".into())?;
        let end = socket
            .next()
            .await
            .map(|end| end.map_err(|error| error.kind()));
        expect(path, end, Some(Err(Kind::Protocol)))?;
        expect("nothing follows", socket.next().await.is_none(), true)?;
        expect("reason", socket.close_reason(), None)?;
        expect("sent", socket.send("to nobody").await.is_err(), true)?;
    }
    let mut socket = open(&client, &server.socket("/echo")).await?;
    comes_back(&mut socket, "hello".into()).await?;
    server.process.kill_and_start_again()?;
    let end = socket
        .next()
        .await
        .map(|end| end.map_err(|error| error.kind()));
    expect("end", end, Some(Err(Kind::Protocol)))?;
    // The next one goes to its successor.
    let mut socket = open(&client, &server.socket("/echo")).await?;
    comes_back(&mut socket, "hello again".into()).await?;
    socket.close(1000, "").await?;
    until(|| client.stats().total() == 0).await;
    close(client).await
}
