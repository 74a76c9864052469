//! Streams of events that break, and streams that are packed.

use std::time::Duration;

use brigade_http::{Backoff, Timeouts};
use serde_json::json;
use tokio::time::Instant;

use super::Aiohttp;
use crate::{Outcome, close, expect};

pub(crate) async fn h20q_events_of_aiohttp_are_one_sequence() -> Outcome {
    const TOTAL: u64 = 200;
    const EACH: u64 = 7;
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let url = server.url(&format!("/events?total={TOTAL}&each={EACH}&retry=20"));
    let at_once = Backoff {
        base: Duration::from_millis(1),
        cap: Duration::from_millis(1),
        ..Backoff::default()
    };
    let mut events = client.get(&url)?.events().backoff(at_once);
    let mut count = 0;
    while let Some(event) = events.next().await {
        count += 1;
        let event = event?;
        expect("id", event.id(), count.to_string().as_str())?;
        expect("kind", event.kind(), "count")?;
        expect("data", event.data(), format!("number\n{count}").as_str())?;
    }
    expect("events", count, TOTAL)?;
    let breaks = TOTAL.div_ceil(EACH);
    expect("breaks", events.reconnected(), breaks)?;
    drop(events);

    // Each time it was asked for what comes after the last one.
    let mut resumed = vec![json!(null)];
    let ends = (1..=breaks).map(|number| (number * EACH).min(TOTAL));
    resumed.extend(ends.map(|last| json!(last.to_string())));
    let seen = server.seen(&client).await?;
    expect("resumed", &seen["resumed"], &json!(resumed))?;
    close(client).await
}

pub(crate) async fn h20q_aiohttp_is_given_the_time_that_it_wants() -> Outcome {
    const RETRY: Duration = Duration::from_millis(300);
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let url = server.url(&format!(
        "/events?total=3&each=1&retry={}",
        RETRY.as_millis()
    ));
    let begun = Instant::now();
    let mut events = client.get(url)?.events();
    while let Some(event) = events.next().await {
        event?;
    }
    // Once before each event but the first, and once before the end.
    expect("reconnected", events.reconnected(), 3)?;
    if begun.elapsed() < 3 * RETRY {
        return Err(format!("it was over after {:?}", begun.elapsed()).into());
    }
    drop(events);

    // A heartbeat is a sign of life, though no event.
    let patience = Timeouts::default().read(Duration::from_millis(700));
    let quiet = client.get(server.url("/quiet-events?beats=15"))?;
    let mut events = quiet.timeouts(patience).events();
    let event = events.next().await.ok_or("it ends early")??;
    expect("id", event.id(), "1")?;
    expect("reconnected", events.reconnected(), 0)?;
    drop(events);
    close(client).await
}

pub(crate) async fn h20q_packed_events_of_aiohttp_come_one_by_one() -> Outcome {
    const TOTAL: u64 = 50;
    let server = Aiohttp::start()?;
    let client = server.client()?.build()?;
    let url = server.url(&format!("/packed-events?total={TOTAL}"));
    let request = client.get(url)?.timeout(None);
    let mut events = request.send().await?.events()?;
    // It sends the next one only when it knows that the last one has arrived.
    for number in 1..=TOTAL {
        let event = events.next().await.ok_or("it ends early")??;
        expect("id", event.id(), number.to_string().as_str())?;
        let go = client.post(server.url("/go"))?.send().await?;
        go.error_for_status()?.bytes().await?;
    }
    expect("end", events.next().await.is_none(), true)?;
    drop(events);
    close(client).await
}
