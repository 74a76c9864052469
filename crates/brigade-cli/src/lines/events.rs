//! Server-sent events, which the client takes up again where they broke off.
//!
//! Events that are there together are put on the page together.

use super::page::{Page, next};
use brigade::stream::TryYielder;
use brigade_http::events::EventSource;
use std::cell::RefCell;

/// Puts events on the page, and says so, until there are no more.
pub(super) async fn events(
    mut source: EventSource,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
) -> brigade_http::Result<()> {
    loop {
        match next(&mut source, page, yielder).await {
            Some(event) => page.borrow_mut().event(&event?),
            None => return Ok(()),
        }
    }
}
