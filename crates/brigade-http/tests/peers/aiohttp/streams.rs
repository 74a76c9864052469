//! WebSockets of which one side does not keep up.

use std::time::Duration;

use brigade_http::Client;
use brigade_http::websocket::Message;
use libtest_mimic::Failed;
use serde_json::json;

use super::Aiohttp;
use crate::{Outcome, close, expect};

const SIZE: usize = 64 << 10;
const COUNT: usize = 1024;
/// What may lie in the buffers of both systems and of both programs, of 64 MiB.
const BUFFERED_MAX: u64 = 32 << 20;

/// The message with this number.
fn numbered(number: usize) -> Message {
    (number as u64).to_be_bytes().repeat(SIZE / 8).into()
}

/// How much was sent when nothing has moved for a while.
async fn stalled(moved: impl AsyncFn() -> Result<u64, Failed>) -> Result<u64, Failed> {
    const LOOKS_MAX: usize = 100;
    let mut last = moved().await?;
    for _ in 0..LOOKS_MAX {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = moved().await?;
        if now == last && now > 0 {
            return Ok(now);
        }
        last = now;
    }
    Err(format!("{last} bytes were sent, and it goes on").into())
}

fn is_bounded(sent: u64) -> Outcome {
    match sent <= BUFFERED_MAX {
        true => Ok(()),
        false => Err(format!("{sent} bytes were sent to nobody").into()),
    }
}

pub(crate) async fn h20u_a_slow_reader_makes_aiohttp_wait() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let url = server.socket(&format!("/flood?count={COUNT}&size={SIZE}"));
    let mut socket = client.websocket(url)?.connect().await?;
    let sent = stalled(async || flooded(&server, &client).await).await?;
    is_bounded(sent)?;
    for number in 0..COUNT {
        let message = socket.next().await.ok_or("it ends early")??;
        expect("the message", message == numbered(number), true)?;
    }
    expect("end", socket.next().await.is_none(), true)?;
    let all = flooded(&server, &client).await?;
    expect("all", all, (COUNT * SIZE) as u64)?;
    drop(socket);
    close(client).await
}

async fn flooded(server: &Aiohttp, client: &Client) -> Result<u64, Failed> {
    let seen = server.seen(client).await?;
    Ok(seen["flooded"].as_u64().unwrap_or_default())
}

pub(crate) async fn h20u_a_slow_aiohttp_makes_the_sender_wait() -> Outcome {
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let socket = client.websocket(server.socket("/sink"))?.connect().await?;
    let (mut sender, mut receiver) = socket.split();
    let sent = std::cell::Cell::new(0);
    let send = async {
        for number in 0..COUNT {
            sender.send(numbered(number)).await?;
            sent.set(sent.get() + SIZE as u64);
        }
        sender.send("and now?").await?;
        Ok::<_, Failed>(())
    };
    let watch = async {
        is_bounded(stalled(async || Ok(sent.get())).await?)?;
        let go = client.post(server.url("/go"))?.send().await?;
        go.error_for_status()?.bytes().await?;
        let said = receiver.next().await.ok_or("it was closed")??;
        let expected = json!([COUNT * SIZE, true]).to_string();
        expect("taken", said.as_text(), Some(expected.as_str()))
    };
    let (sent, watched) = tokio::join!(send, watch);
    sent?;
    watched?;
    drop((sender, receiver));
    close(client).await
}
