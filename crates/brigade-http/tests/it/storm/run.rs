//! Plays scenarios, and judges each at its end.
//!
//! A scenario that fails names its seed. It never ends with a task or a socket left.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, ClientBuilder};
use brigade_testkit::leak::LeakCheck;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::book::Outcome;
use super::plan::{End, Plan, Speech, Weather};
use super::stage::{Stage, identity, name};
use super::watch::Turns;
use super::world::{Loopback, Memory, World};
use super::{ask, asked};

/// How long a scenario may take as a whole, on its own clock.
const RUN_MAX: Duration = Duration::from_secs(600);

/// How long what is over may take to be gone: a goodbye, or a server that never says its first word.
const GONE_MAX: Duration = Duration::from_secs(15);

/// How long a client may take to close: its goodbyes, and some.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// What scenarios came to.
#[derive(Debug, Default)]
pub(super) struct Tally {
    outcomes: BTreeMap<String, usize>,
    /// How often there were as many connections as there may be.
    full: usize,
}

impl Tally {
    /// A storm in which nothing happens proves nothing, unless it was asked for.
    pub(super) fn expect(&self, names: &[&str]) {
        if asked().is_some() {
            return;
        }
        for name in names {
            let some = self.outcomes.contains_key(*name);
            assert!(some, "none ended as {name}: {self:?}");
        }
        assert!(self.full > 0, "no client was full: {self:?}");
    }

    fn note(&mut self, outcomes: &[Outcome], is_full: bool) {
        self.full += usize::from(is_full);
        for outcome in outcomes {
            let name = match outcome {
                Outcome::Failed(kind) => kind.name().to_owned(),
                outcome => format!("{outcome:?}"),
            };
            *self.outcomes.entry(name).or_default() += 1;
        }
    }
}

/// Plays scenarios in memory.
pub(super) fn in_memory(weather: Weather, usual: Range<u64>) -> Tally {
    let unit = Duration::from_millis(5);
    play::<Memory>(weather, usual, |seed| Plan::draw(seed, weather, 400, unit))
}

/// Plays scenarios on loopback.
pub(super) fn on_loopback(weather: Weather, usual: Range<u64>) -> Tally {
    let unit = Duration::from_millis(2);
    play::<Loopback>(weather, usual, |seed| Plan::draw(seed, weather, 100, unit))
}

fn play<W: World>(weather: Weather, usual: Range<u64>, plan: impl Fn(u64) -> Plan) -> Tally {
    let mut tally = Tally::default();
    for seed in asked().unwrap_or(usual) {
        let plan = plan(seed);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .start_paused(W::IN_MEMORY)
            .build();
        // The client draws lots, too.
        fastrand::seed(seed);
        let total = plan.limits.total;
        let run = runtime.unwrap().block_on(run::<W>(plan));
        let (outcomes, peak) = run.unwrap_or_else(|breach| {
            panic!("{weather:?}, BRIGADE_STORM_SEEDS={seed}: {breach}");
        });
        tally.note(&outcomes, peak == total);
    }
    eprintln!("{weather:?}: {tally:?}");
    tally
}

/// Plays one scenario; the end of each request, and the most connections that there were.
async fn run<W: World>(plan: Plan) -> Result<(Vec<Outcome>, usize), String> {
    let leaks = LeakCheck::of_runtime();
    let mut world = W::new(&plan).await;
    let origin = |(host, kind): (usize, &super::plan::Host)| {
        let scheme = if kind.is_tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", name(host), world.port(host))
    };
    let origins: Vec<_> = plan.hosts.iter().enumerate().map(origin).collect();
    let stage = Stage::new(plan, origins.clone(), W::IN_MEMORY);
    let client = world.open(&stage, builder(&stage.plan)).build().unwrap();
    if stage.plan.speech == Speech::Mixed {
        world.warm_up(&client).await;
    }
    stage.watch.begin(client);
    if timeout(RUN_MAX, scenario(&stage, &world, origins))
        .await
        .is_err()
    {
        let stats = stage.watch.stats();
        stage.watch.report(|| format!("it does not end: {stats:?}"));
    }
    stage.watch.forget();
    stage.end().await;
    drop(world);
    if let Some(breach) = stage.watch.breach() {
        return Err(breach);
    }
    let outcomes = stage.book.close(&stage.plan)?;
    let peak = stage.watch.peak();
    drop(stage);
    let leaks = leaks.finish().await;
    leaks.map_err(|leak| format!("something is left: {leak:?}"))?;
    Ok((outcomes, peak))
}

fn builder(plan: &Plan) -> ClientBuilder {
    let client = Client::builder().limits(plan.limits);
    match plan.speech {
        Speech::Http1 => client,
        Speech::Http2 => client.http2_prior_knowledge(),
        Speech::Mixed => {
            let tls = TlsConfig::new().without_platform_roots();
            let tls = tls.add_root_pem(identity().pem.as_bytes());
            client.tls(tls.unwrap())
        }
    }
}

async fn scenario<W: World>(stage: &Arc<Stage>, world: &W, origins: Vec<String>) {
    let mut callers = JoinSet::new();
    for (number, asked) in stage.plan.asks.iter().enumerate() {
        let caller = ask::run(stage.clone(), number, origins[asked.host].clone(), W::LATE);
        let watched = stage.clone();
        callers.spawn(Turns::new(caller, move || watched.check()));
    }
    let (how, middle) = stage.plan.end;
    let finished = async {
        while let Some(ended) = callers.join_next().await {
            if let Err(error) = ended {
                stage.watch.report(|| format!("a caller failed: {error}"));
            }
        }
    };
    if let Some(middle) = middle {
        let ended = async {
            sleep(middle).await;
            // A machine that is slow would otherwise end every client before its first answer.
            while !W::IN_MEMORY && !stage.book.is_under_way() {
                sleep(Duration::from_millis(1)).await;
            }
            end(stage, world, how).await;
        };
        tokio::join!(finished, ended);
    } else {
        finished.await;
        let is_quiet = || {
            let stats = stage.watch.stats().unwrap_or_default();
            stats.waiting == 0 && stats.active == 0
        };
        reach(stage, "requests are left on connections", is_quiet).await;
        end(stage, world, how).await;
    }
    let is_gone = || world.sockets(stage).iter().all(|sockets| *sockets == 0);
    reach(stage, "sockets are left", is_gone).await;
}

/// Waits for what must come, within a bound.
async fn reach(stage: &Stage, otherwise: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + GONE_MAX;
    while !condition() {
        if Instant::now() >= until {
            let stats = stage.watch.stats();
            return stage.watch.report(|| format!("{otherwise}: {stats:?}"));
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Ends the client.
async fn end<W: World>(stage: &Stage, world: &W, how: End) {
    match how {
        End::DropLast => stage.watch.forget(),
        End::Close => {
            let Some(client) = stage.watch.client() else {
                return;
            };
            stage.watch.set_closed();
            if timeout(CLOSE_MAX, client.close()).await.is_err() {
                stage
                    .watch
                    .report(|| format!("close() does not end: {:?}", client.stats()));
            }
            let (stats, sockets) = (client.stats(), world.sockets(stage));
            if stats.total() > 0 || sockets.iter().any(|sockets| *sockets > 0) {
                stage
                    .watch
                    .report(|| format!("close() left {sockets:?}, {stats:?}"));
            }
        }
    }
}
