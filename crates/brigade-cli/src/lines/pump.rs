//! From a source to stdout, until one of them ends.
//!
//! Lines that come together are written together, and what has come is written as soon as nothing
//! more is there at once. It never asks for more while the page is full.

use super::outlet::Outlet;
use super::page::Page;
use super::reader::Reader;
use brigade::cancel::Reason;
use brigade_http::{Error, Kind, Phase};
use futures_util::{Stream, StreamExt};
use std::cell::RefCell;
use std::future::{Future, pending};
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::Duration;
use tokio::task::yield_now;

/// Why it came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    Done,
    Failed(anyhow::Error),
    Stopped(Reason),
    /// Nobody reads stdout any more.
    ReaderLeft,
    Unwritable(io::Error),
}

/// What ends it though there is more to come.
#[derive(Debug)]
pub(super) struct Until<F> {
    pub(super) stopped: F,
    /// The time that there is for all of it.
    pub(super) total: Option<Duration>,
}

/// Moves what `source` puts on the page to stdout. However it ends, what lies on the page then is
/// written if anybody reads it.
pub(super) async fn pump(
    source: impl Stream<Item = anyhow::Result<()>>,
    page: &RefCell<Page>,
    until: Until<impl Future<Output = Reason>>,
) -> Ended {
    let mut outlet = Outlet::new();
    let ended = {
        let mut source = pin!(source);
        let mut stopped = pin!(until.stopped);
        let mut over = pin!(after(until.total));
        let reader = Reader::watch();
        loop {
            let (is_empty, is_full) = {
                let page = page.borrow();
                (page.text.is_empty(), page.is_full())
            };
            tokio::select! {
                biased;
                reason = &mut stopped => break Ended::Stopped(reason),
                () = reader.left() => break Ended::ReaderLeft,
                written = outlet.written() => if let Err(error) = written {
                    break unwritable(error);
                },
                more = source.next(), if !is_full => match more {
                    Some(Ok(())) => {}
                    Some(Err(error)) => break Ended::Failed(error),
                    None => break Ended::Done,
                },
                () = &mut over => break Ended::Failed(too_late()),
                // One turn for the connection, which may have more.
                () = yield_now(), if !is_empty && !outlet.is_writing() => {
                    outlet.take(&mut page.borrow_mut().text);
                }
            }
        }
    };
    match ended {
        Ended::ReaderLeft | Ended::Unwritable(_) => ended,
        ended => match finish(&mut outlet, page).await {
            Ok(()) => ended,
            Err(error) => unwritable(error),
        },
    }
}

/// Writes what is left.
async fn finish(outlet: &mut Outlet, page: &RefCell<Page>) -> io::Result<()> {
    if outlet.is_writing() {
        outlet.written().await?;
    }
    outlet.take(&mut page.borrow_mut().text);
    outlet.written().await
}

fn unwritable(error: io::Error) -> Ended {
    match error.kind() {
        ErrorKind::BrokenPipe => Ended::ReaderLeft,
        _ => Ended::Unwritable(error),
    }
}

async fn after(total: Option<Duration>) {
    match total {
        Some(total) => tokio::time::sleep(total).await,
        None => pending().await,
    }
}

fn too_late() -> anyhow::Error {
    Error::from(Kind::Timeout(Phase::Total)).into()
}
