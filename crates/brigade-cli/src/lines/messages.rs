//! Messages of a WebSocket, and what is sent to it.
//!
//! A signal ends it as the standard wants: the client says that it closes, and what the server still
//! says is printed, but for no longer than a second. What is sent comes from flags and lines; the end
//! of those is not the end of the conversation, since answers are still to come.

use super::again::Again;
use super::page::{Page, next};
use super::plan::Ask;
use anyhow::{Context, anyhow};
use brigade::cancel::Token;
use brigade::stream::{TryYielder, read_lines, try_generate};
use brigade_http::Client;
use brigade_http::websocket::{CloseReason, Receiver, Sender};
use futures_util::Stream;
use std::cell::RefCell;
use std::future::pending;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncRead;

/// How long the server may take to confirm that it is over.
const GOODBYE: Duration = Duration::from_secs(1);

type Input = brigade::stream::Lines<brigade::stream::Chunks<Box<dyn AsyncRead + Unpin>>>;

/// Puts messages on the page, and says so.
pub(super) fn messages(
    client: Client,
    ask: Ask,
    page: Rc<RefCell<Page>>,
    stop: Token,
) -> impl Stream<Item = anyhow::Result<()>> {
    try_generate(async move |yielder| {
        let mut again = Again::new(&ask);
        let mut input = match &ask.input {
            Some(path) => Some(open(path).await?),
            None => None,
        };
        while !again.is_over() {
            let before = page.borrow().came();
            let end = tokio::select! {
                biased;
                _ = stop.cancelled() => return Ok(()),
                opened = connect(&client, &ask) => match opened {
                    Ok(halves) => talk(halves, &mut input, &page, yielder, &stop).await,
                    Err(error) => Err(error.into()),
                },
            };
            let has_come = page.borrow().came() > before;
            tokio::select! {
                biased;
                _ = stop.cancelled() => return Ok(()),
                over = again.after(end, has_come) => over?,
            }
        }
        Ok(())
    })
}

/// Opens what is to be sent line by line.
async fn open(path: &Path) -> anyhow::Result<Input> {
    let reader: Box<dyn AsyncRead + Unpin> = match path == Path::new("-") {
        true => Box::new(tokio::io::stdin()),
        false => {
            let file = tokio::fs::File::open(path).await;
            Box::new(file.with_context(|| format!("read '{}'", path.display()))?)
        }
    };
    Ok(read_lines(reader))
}

async fn connect(client: &Client, ask: &Ask) -> brigade_http::Result<(Sender, Receiver)> {
    let mut socket = ask.socket(client)?.connect().await?;
    for text in &ask.send {
        socket.send_text(text.as_str()).await?;
    }
    Ok(socket.split())
}

/// One conversation, to its end or until it is stopped.
async fn talk(
    (mut sender, mut receiver): (Sender, Receiver),
    input: &mut Option<Input>,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
    stop: &Token,
) -> anyhow::Result<()> {
    tokio::select! {
        biased;
        _ = stop.cancelled() => {}
        end = receive(&mut receiver, page, yielder) => return end,
        error = send(&mut sender, input) => return Err(error),
    }
    let goodbye = async {
        sender.close(1000, "").await?;
        receive(&mut receiver, page, yielder).await
    };
    // Whatever comes of it, nobody waits for it any more.
    let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    Ok(())
}

/// Sends line after line, and then waits for ever.
async fn send(sender: &mut Sender, input: &mut Option<Input>) -> anyhow::Error {
    loop {
        let next = match input {
            Some(lines) => lines.next().await,
            None => pending().await,
        };
        let sent = match next {
            Some(Ok(line)) => sender.send_text(line).await.map_err(anyhow::Error::new),
            Some(Err(error)) => Err(anyhow::Error::new(error).context("read what is to be sent")),
            None => {
                *input = None;
                Ok(())
            }
        };
        if let Err(error) = sent {
            return error;
        }
    }
}

async fn receive(
    receiver: &mut Receiver,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
) -> anyhow::Result<()> {
    loop {
        match next(receiver, page, yielder).await {
            Some(message) => page.borrow_mut().message(&message?),
            None => return closed(receiver.close_reason()),
        }
    }
}

/// Whether it was closed because all was said.
fn closed(reason: Option<CloseReason>) -> anyhow::Result<()> {
    let reason = reason.unwrap_or_default();
    match reason.code {
        None | Some(1000 | 1001) => Ok(()),
        Some(code) if reason.text.is_empty() => Err(anyhow!(
            "go on: the server closed the WebSocket with the code {code}"
        )),
        Some(code) => Err(anyhow!(
            "go on: the server closed the WebSocket with the code {code}: {}",
            reason.text
        )),
    }
}
