//! Server-sent events, which the client takes up again where they broke off.
//!
//! Events that are there together are put on the page together.

use super::page::Page;
use brigade::stream::TryYielder;
use brigade_http::events::EventSource;
use futures_util::FutureExt;
use std::cell::RefCell;

/// Puts events on the page, and says so, until there are no more.
pub(super) async fn events(
    mut source: EventSource,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
) -> brigade_http::Result<()> {
    loop {
        let is_full = page.borrow().is_full();
        let ready = if is_full {
            None
        } else {
            source.next().now_or_never()
        };
        let next = match ready {
            Some(next) => next,
            None => {
                yielder.yield_item(()).await;
                source.next().await
            }
        };
        match next {
            Some(event) => page.borrow_mut().event(&event?),
            None => return Ok(()),
        }
    }
}
