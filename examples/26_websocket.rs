//! WebSocket: a conversation of which both sides speak when they like, in a group of two tasks.
//!
//! Replaces: "aiohttp" with `session.ws_connect`. The trap that is gone: a server that dies without a
//! word leaves a reader that waits for ever, a peer that floods fills the memory, and a connection
//! outside the pool's limits is counted nowhere.
//!
//! The server here sends prices without being asked, and takes orders meanwhile. The client reads in
//! one child and writes in the other; then it says goodbye, and both sides know why.

use std::io;
use std::process::ExitCode;

use brigade::group::task_group;
use brigade_http::websocket::{Receiver, Sender};
use brigade_http::{Client, ConnectionState, Error};
use brigade_testkit::websocket::{WsConn, WsServer, kind};

const PRICES: u32 = 1_000;
const ORDERS: u32 = 100;

fn main() -> ExitCode {
    brigade::run(async {
        let server = WsServer::start(market)?;
        let client = Client::new()?;
        let socket = client.websocket(server.url("/market"))?;
        let socket = socket
            .protocols(["prices.v2", "prices.v1"])
            .connect()
            .await?;
        println!("it speaks {}", socket.protocol().unwrap_or("anything"));
        assert_eq!(socket.protocol(), Some("prices.v1"));
        assert_eq!(
            client.stats().connections[0].state,
            ConnectionState::Upgraded
        );

        let (sender, receiver) = socket.split();
        let heard = task_group(async |group| {
            let watching = group.spawn(watch(receiver));
            group.spawn(order(sender));
            Ok::<_, Error>(watching.await)
        });
        let (prices, confirmed) = heard.await?;
        println!("{prices} prices, {confirmed} orders confirmed");
        assert_eq!((prices, confirmed), (PRICES, ORDERS));
        client.close().await;
        assert_eq!(client.stats().total(), 0);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })
}

/// Hears everything until the server has confirmed that it is over.
async fn watch(mut receiver: Receiver) -> Result<(u32, u32), Error> {
    let (mut prices, mut confirmed) = (0, 0);
    while let Some(message) = receiver.next().await {
        match message?.as_text() {
            Some(text) if text.starts_with("price") => prices += 1,
            _ => confirmed += 1,
        }
    }
    let reason = receiver.close_reason().unwrap_or_default();
    assert_eq!((reason.code, &*reason.text), (Some(1000), "sold out"));
    Ok((prices, confirmed))
}

async fn order(mut sender: Sender) -> Result<(), Error> {
    for number in 0..ORDERS {
        sender.send_text(format!("order {number}")).await?;
    }
    sender.close(1000, "sold out").await
}

/// Sends all prices first, so that the orders meet them on the way.
async fn market(mut conn: WsConn) -> io::Result<()> {
    conn.agree("sec-websocket-protocol: prices.v1\r\n").await?;
    for number in 0..PRICES {
        conn.send(kind::TEXT, format!("price {number}")).await?;
    }
    while let Some(order) = conn.message().await? {
        conn.send(kind::TEXT, order).await?;
    }
    Ok(())
}
