//! Connections that the server gives up, by rule or at the worst moment, lose and repeat nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_http::{Client, Kind, Method, PoolLimits};
use libtest_mimic::Failed;
use tokio::task::JoinSet;

use crate::nginx::{Entry, Nginx};
use crate::{Outcome, close};

const WORKERS: usize = 8;

fn nothing(_: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

pub(crate) async fn connections_that_serve_ten_requests_are_replaced() -> Outcome {
    const REQUESTS: usize = 1000;
    const EACH: usize = 10;
    let directives = "keepalive_requests 10; location / { return 200 ok; }";
    let nginx = Arc::new(Nginx::start(directives, nothing)?);
    let client = Client::builder()
        .limits(PoolLimits::default().per_host(WORKERS / 2))
        .build()?;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let (nginx, client) = (Arc::clone(&nginx), client.clone());
        workers.spawn(async move {
            for number in (worker..REQUESTS).step_by(WORKERS) {
                let url = nginx.url(&format!("/{number}"));
                // Neither kind of request may be sent twice here: the server says when it closes.
                let method = if number % 2 == 0 {
                    Method::GET
                } else {
                    Method::POST
                };
                let response = client.request(method, url)?.send().await?;
                if response.text().await? != "ok" {
                    return Err(format!("request {number} was answered by another").into());
                }
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    let log = nginx.log(REQUESTS)?;
    once_each(&log)?;
    let mut connections = BTreeMap::<_, usize>::new();
    for entry in &log {
        *connections.entry(entry.connection).or_default() += 1;
    }
    let (count, most) = (connections.len(), connections.values().max().copied());
    if log.len() != REQUESTS || most != Some(EACH) || count > REQUESTS / EACH + WORKERS / 2 {
        return Err(format!(
            "{} requests, {count} connections, {most:?} on one",
            log.len()
        )
        .into());
    }
    close(client).await
}

pub(crate) async fn idle_connections_closed_by_the_server_cost_nothing() -> Outcome {
    const ROUNDS: u64 = 60;
    let directives = "keepalive_timeout 20ms; location / { return 200 ok; }";
    let nginx = Arc::new(Nginx::start(directives, nothing)?);
    let client = Client::new()?;
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS as u64 {
        let (nginx, client) = (Arc::clone(&nginx), client.clone());
        workers.spawn(async move {
            let mut posted = 0;
            for round in 0..ROUNDS {
                get(&client, &nginx, worker, round).await?;
                // From well before the server gives the connection up to well after it.
                let gap = 17_000 + (worker * ROUNDS + round) * 7919 % 6_000;
                tokio::time::sleep(Duration::from_micros(gap)).await;
                posted += u64::from(post(&client, &nginx, worker, round).await?);
                tokio::time::sleep(Duration::from_micros(gap)).await;
            }
            Ok::<u64, Failed>(posted)
        });
    }
    let mut posted = 0;
    while let Some(worker) = workers.join_next().await {
        posted += worker??;
    }
    let rounds = WORKERS as u64 * ROUNDS;
    if posted < rounds / 2 {
        return Err(format!("only {posted} of {rounds} POSTs were answered").into());
    }
    let log = nginx.log((rounds + posted) as usize)?;
    once_each(&log)?;
    let logged = log.iter().filter(|entry| entry.method == "POST").count() as u64;
    if logged < posted {
        return Err(format!("{posted} POSTs were answered and {logged} arrived").into());
    }
    close(client).await
}

/// A GET must succeed: it may be sent again on another connection.
async fn get(client: &Client, nginx: &Nginx, worker: u64, round: u64) -> Outcome {
    let url = nginx.url(&format!("/get/{worker}/{round}"));
    let response = client.get(url)?.send().await?;
    response.bytes().await?;
    Ok(())
}

/// Whether a POST was answered. One that meets the closing connection fails, because nobody can
/// know whether the server has acted on it.
async fn post(client: &Client, nginx: &Nginx, worker: u64, round: u64) -> Result<bool, Failed> {
    let url = nginx.url(&format!("/post/{worker}/{round}"));
    match client.post(url)?.body("once").send().await {
        Ok(response) => response.bytes().await.map(|_| true).map_err(Failed::from),
        Err(error) if error.kind() == Kind::Protocol => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Fails if the server was asked for one thing twice.
fn once_each(log: &[Entry]) -> Outcome {
    let mut seen = BTreeMap::<_, usize>::new();
    for entry in log {
        *seen.entry((&entry.method, &entry.target)).or_default() += 1;
    }
    match seen.into_iter().find(|(_, count)| *count > 1) {
        None => Ok(()),
        Some(((method, target), count)) => {
            Err(format!("{method} {target} arrived {count} times").into())
        }
    }
}
