//! `brigade lines`: what a server streams, on stdout, one a line.
//!
//! Where the lines come from is a source of its own, a stream that says when there is something
//! new; what has come lies on the `page`, checked and in its final form; the `pump` moves it to
//! stdout, which the `outlet` writes. Nothing is read while the page is full, so a slow reader slows
//! the server down. Nothing here ever holds more than a page, the longest line and one chunk.
//!
//! * `plan`: what the flags mean together.
//! * `plain`, `again`: lines, and connecting again.
//! * `events`, `messages`: server-sent events, and WebSockets.
//! * `page`, `pump`, `outlet`, `reader`: from there to stdout.

mod again;
mod events;
mod messages;
mod outlet;
mod page;
mod plain;
mod plan;
mod pump;
mod reader;

pub(crate) use plan::LinesPlan;

use crate::exit::End;
use crate::message;
use anyhow::{Context, anyhow};
use brigade::cancel::{self, Reason};
use page::Page;
use pump::{Ended, Until, pump};
use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

/// Streams to stdout until the stream ends, the reader leaves, or it is stopped.
pub(crate) async fn run(plan: LinesPlan) -> anyhow::Result<End> {
    let stop = cancel::current();
    let client = plan.client.build().map_err(in_words)?;
    // What is wrong with the request itself is wrong usage, and known before anything is sent.
    plan.ask.check(&client).map_err(in_words)?;
    let page = Rc::new(RefCell::new(Page::new(plan.form)));
    let (total, at, ask) = (plan.total, page.clone(), plan.ask);
    let ended = match ask.is_websocket() {
        true => {
            let source = messages::messages(client.clone(), ask, at, stop.clone());
            // It ends by itself when it is stopped, with a last word to the server.
            let stopped = pending();
            pump(source, &page, Until { stopped, total }).await
        }
        false => {
            let source = plain::lines(client.clone(), ask, at);
            let stopped = stop.cancelled();
            pump(source, &page, Until { stopped, total }).await
        }
    };
    client.close().await;
    match ended {
        Ended::Stopped(reason) => Ok(End::Stopped(match reason {
            Reason::Signal(signal) => signal,
            _ => End::SIGINT,
        })),
        Ended::Unwritable(error) => Err(error).context("cannot write to the standard output"),
        Ended::ReaderLeft => Ok(End::Done),
        Ended::Failed(error) => {
            message::say(in_words(error));
            Ok(End::ItemsFailed)
        }
        Ended::Done if page.borrow().bad() > 0 => Ok(End::ItemsFailed),
        Ended::Done => Ok(End::Done),
    }
}

/// As a whole sentence, its causes included.
fn in_words(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error: anyhow::Error = error.into();
    anyhow!("failed to {error:#}")
}
