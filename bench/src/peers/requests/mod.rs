//! The GET requests of a plan by one of the clients, the bodies read and dropped.
//!
//! All clients run on one current-thread runtime with the same loop of workers, each of which
//! sends its next request when it has read its last response. A URL is parsed once where the
//! client takes a parsed one; reqwest is given a string, as its users do. An answer that is not
//! what the plan expects ends the run.

mod bare;
mod pooled;
mod tls;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::plan::{Done, Plan};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One worker's hold on a client.
trait Client: Sized + Send + 'static {
    type Url: Send + Sync + 'static;

    fn url(text: &str) -> Result<Self::Url>;

    fn for_worker(&self, worker: usize) -> Self;

    /// The status of the response and the length of its body.
    fn get(&mut self, url: &Self::Url) -> impl Future<Output = Result<(u16, u64)>> + Send;
}

/// Runs the plan that is given as JSON, and prints what was done.
pub(super) async fn run(plan: &str) -> crate::Result<()> {
    let done = play(Arc::new(serde_json::from_str(plan)?)).await;
    let done = done.map_err(|error| error as Box<dyn std::error::Error>)?;
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

async fn play(plan: Arc<Plan>) -> Result<Done> {
    match (plan.client.as_str(), plan.protocol.is_h2()) {
        ("bare-hyper", false) => work(bare::Http1::new(&plan)?, &plan).await,
        ("bare-hyper", true) => work(bare::Http2::connect(&plan).await?, &plan).await,
        ("hyper-util", _) if plan.protocol.is_tls() => {
            work(pooled::legacy_tls(&plan)?, &plan).await
        }
        ("hyper-util", _) => work(pooled::legacy(&plan), &plan).await,
        ("reqwest", _) => work(pooled::reqwest(&plan)?, &plan).await,
        ("brigade", _) => work(pooled::brigade(&plan)?, &plan).await,
        (other, _) => Err(format!("no such client: {other}").into()),
    }
}

async fn work<C: Client>(client: C, plan: &Arc<Plan>) -> Result<Done> {
    let mut workers = JoinSet::new();
    for worker in 0..plan.in_flight {
        workers.spawn(turns(client.for_worker(worker), plan.clone(), worker));
    }
    let mut requests = 0;
    while let Some(done) = workers.join_next().await {
        requests += done??;
    }
    Ok(Done {
        requests,
        start_seconds: 0.0,
        peak_kib: peak_kib()?,
    })
}

async fn turns<C: Client>(mut client: C, plan: Arc<Plan>, worker: usize) -> Result<usize> {
    let urls: Result<Vec<C::Url>> = plan.urls_of(worker).map(|url| C::url(url)).collect();
    let urls = urls?;
    let share = plan.share();
    for url in urls.iter().cycle().take(share) {
        let (status, length) = client.get(url).await?;
        if (status, length) != (200, plan.body) {
            return Err(format!("status {status} with {length} bytes").into());
        }
    }
    Ok(share)
}

/// The most memory that this process had resident since its program was started.
fn peak_kib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("the kernel tells no VmHWM")?.parse()?)
}
