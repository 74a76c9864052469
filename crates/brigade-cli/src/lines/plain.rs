//! What an http or https URL streams: lines of a response, and of the next one when it ends, if that
//! is wished for; or its events.
//!
//! A line that broke off is never given: what was cut is not what the server meant.

use super::again::Again;
use super::events::events;
use super::page::Page;
use super::plan::{Ask, Opened};
use brigade::stream::{TryYielder, try_generate};
use brigade_http::{Client, Response};
use futures_util::Stream;
use std::cell::RefCell;
use std::rc::Rc;

/// Puts lines on the page, and says so.
pub(super) fn lines(
    client: Client,
    ask: Ask,
    page: Rc<RefCell<Page>>,
) -> impl Stream<Item = anyhow::Result<()>> {
    try_generate(async move |yielder| {
        let mut again = Again::new(&ask);
        loop {
            let before = page.borrow().came();
            let end = match ask.open(&client).await {
                Ok(Opened::Lines(response)) => of_response(response, &page, yielder).await,
                Ok(Opened::Events(source)) => return Ok(events(*source, &page, yielder).await?),
                Err(error) => Err(error),
            };
            let has_come = page.borrow().came() > before;
            again.after(end.map_err(Into::into), has_come).await?;
            if again.is_over() {
                return Ok(());
            }
        }
    })
}

async fn of_response(
    response: Response,
    page: &RefCell<Page>,
    yielder: &TryYielder<(), anyhow::Error>,
) -> brigade_http::Result<()> {
    let form = page.borrow().form();
    let mut lines = response.lines().bytes().max_length(form.max_line);
    if form.skip_blank || form.json {
        lines = lines.skip_blank();
    }
    while let Some(mut batch) = lines.next_batch().await? {
        {
            let mut page = page.borrow_mut();
            while let Some(line) = batch.next() {
                match line {
                    Ok(line) => page.line(batch.line(), line),
                    Err(error) => page.bad_line(error),
                }
            }
        }
        yielder.yield_item(()).await;
    }
    Ok(())
}
