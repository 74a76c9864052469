//! Answers that take their time, or come only sometimes.

use std::time::Duration;

use brigade_http::{Backoff, Client, Error, Kind, Method, Phase, RetryPolicy, Timeouts};
use brigade_testkit::wait::until;
use serde_json::Value;
use tokio::time::Instant;

use super::{Httpbin, json, shows};
use crate::{Outcome, close, expect};

pub(crate) async fn h20f_lines_of_httpbin_arrive_one_by_one() -> Outcome {
    const LINES: u64 = 100;
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    let mut lines = client
        .get(format!("stream/{LINES}?x=1"))?
        .send()
        .await?
        .error_for_status()?
        .ndjson::<Value>();
    let mut count = 0;
    while let Some(line) = lines.next().await {
        let line = line?;
        shows(&line, "/id", count)?;
        shows(&line, "/args/x", "1")?;
        count += 1;
    }
    expect("lines", count, LINES)?;
    drop(lines);

    // The first is there long before the last, and whoever leaves then leaves nothing behind.
    let drip = "drip?numbytes=4&duration=2";
    let begun = Instant::now();
    let mut response = client.get(drip)?.send().await?;
    let first = response.chunk().await?.ok_or("nothing drips")?;
    let first_at = begun.elapsed();
    expect("first", first.as_ref(), b"*")?;
    expect("rest", response.bytes().await?.as_ref(), b"***")?;
    let all_at = begun.elapsed();
    if all_at < first_at + Duration::from_secs(1) {
        return Err(format!("the first came after {first_at:?}, all after {all_at:?}").into());
    }
    let mut left = client.get("drip?numbytes=60&duration=60")?.send().await?;
    left.chunk().await?.ok_or("nothing drips")?;
    drop(left);
    until(|| client.stats().total() == 0).await;
    close(client).await
}

pub(crate) async fn h20g_a_slow_httpbin_meets_the_timeout_that_it_exceeds() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    // It is up once it has answered.
    json(client.get("get")?.send().await?).await?;
    let short = Duration::from_millis(300);
    let none = Timeouts::NONE;

    let slow = ask(&client, "delay/3", none.total(short)).await;
    ran_out(slow, Phase::Total)?;
    let slow = ask(&client, "delay/3", none.read(short)).await;
    ran_out(slow, Phase::Read)?;
    let drip = "drip?numbytes=3&duration=3";
    let slow = ask(&client, drip, none.total(Duration::from_millis(1500))).await;
    ran_out(slow, Phase::Total)?;
    let slow = ask(&client, drip, none.read(short)).await;
    ran_out(slow, Phase::Read)?;
    expect("connections", client.stats().total(), 0)?;

    // The read timeout bounds each wait, not their sum.
    let patient = none.read(Duration::from_millis(2500));
    expect("drip", ask(&client, drip, patient).await?, 3)?;
    let enough = none.total(Duration::from_secs(20));
    ask(&client, "delay/1", enough).await?;
    close(client).await
}

/// The size of the answer.
async fn ask(client: &Client, path: &str, timeouts: Timeouts) -> Result<usize, Error> {
    let response = client.get(path)?.timeouts(timeouts).send().await?;
    Ok(response.error_for_status()?.bytes().await?.len())
}

fn ran_out(found: Result<usize, Error>, phase: Phase) -> Outcome {
    match found {
        Err(error) if error.kind() == Kind::Timeout(phase) => Ok(()),
        other => Err(format!("{other:?} instead of a timeout in {phase:?}").into()),
    }
}

pub(crate) async fn h20j_an_httpbin_that_fails_at_random_is_asked_again() -> Outcome {
    const REQUESTS: usize = 50;
    let httpbin = Httpbin::start()?;
    let at_once = Backoff {
        cap: Duration::from_millis(1),
        ..Backoff::default()
    };
    // More of its answers are failures than any budget bears.
    let policy = RetryPolicy::default().attempts(40).backoff(at_once);
    let policy = policy.budget(None);
    let client = httpbin.client().retry(policy.clone()).build()?;
    let path = "status/200:0.4,503:0.6";
    for _ in 0..REQUESTS {
        let response = client.get(path)?.send().await?;
        expect("status", response.status().as_u16(), 200)?;
    }
    let good = format!("GET /{path} 200");
    expect("good ones", httpbin.answered(&good, REQUESTS)?, REQUESTS)?;
    let bad = httpbin.answered(&format!("GET /{path} 503"), 1)?;
    expect("that some were bad", bad > 0, true)?;

    // The last answer stands, and what is not idempotent is sent again only if that was said.
    let three = policy.attempts(3);
    for (method, path, policy, sent) in [
        (Method::PUT, "status/503", three.clone(), 3),
        (Method::POST, "status/502", three.clone(), 1),
        (Method::POST, "status/504", three.any_method(), 3),
    ] {
        let request = client.request(method.clone(), path)?.retry(policy);
        let status = request.send().await?.status();
        let line = format!("{method} /{path} {}", status.as_u16());
        expect(&line, httpbin.answered(&line, sent)?, sent)?;
    }
    close(client).await
}
