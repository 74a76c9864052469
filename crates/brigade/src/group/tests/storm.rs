//! Random trees of groups on several threads: whatever is dropped, cancelled, forgotten, failed or
//! late, nothing is alive when the outermost group returns, and it does return.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::*;

struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A small generator with a seed, so that a failing storm can be raised again.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }

    fn fork(&mut self) -> Self {
        self.roll(2);
        Self(self.0 ^ 0x9E37_79B9_7F4A_7C15)
    }
}

/// A finaliser that counts as alive until it has run to its end: being dropped is not enough.
fn defer_one(alive: &Arc<AtomicUsize>) {
    alive.fetch_add(1, Ordering::SeqCst);
    let alive = alive.clone();
    defer(async move {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        alive.fetch_sub(1, Ordering::SeqCst);
    });
}

type Work = Pin<Box<dyn Future<Output = Fine> + Send>>;

fn work(depth: u64, mut dice: Dice, alive: Arc<AtomicUsize>) -> Work {
    Box::pin(async move {
        let _alive = Alive::new(&alive);
        if dice.roll(3) == 0 {
            defer_one(&alive);
        }
        match dice.roll(10) {
            0 => return Err("failed".into()),
            1 => shield(tokio::task::yield_now()).await,
            2 => current().cancelled().await.hash_away(),
            3 => pending().await,
            _ => {}
        }
        if depth > 0 {
            let group = group(depth, dice.fork(), alive.clone());
            match dice.roll(4) {
                0 => drop(timeout(Duration::from_micros(dice.roll(300)), group).await),
                1 => drop(timeout(Duration::from_micros(dice.roll(300)), shield(group)).await),
                _ => group.await?,
            }
        }
        Ok(())
    })
}

trait HashAway {
    fn hash_away(self);
}

impl HashAway for Reason {
    fn hash_away(self) {}
}

async fn group(depth: u64, mut dice: Dice, alive: Arc<AtomicUsize>) -> Fine {
    let body_alive = Alive::new(&alive);
    let group = task_group(async |g| {
        let _alive = body_alive;
        if dice.roll(3) == 0 {
            defer_one(&alive);
        }
        let spawner = g.spawner();
        for _ in 0..dice.roll(5) {
            let task = g.spawn(work(depth - 1, dice.fork(), alive.clone()));
            match dice.roll(6) {
                0 => drop(task.cancel()),
                1 => task.await,
                2 => drop(spawner.spawn(work(depth - 1, dice.fork(), alive.clone()))),
                _ => {}
            }
        }
        if dice.roll(2) == 0 {
            g.cancel();
        }
        tokio::task::yield_now().await;
        Ok::<_, String>(())
    });
    group.await.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g3h_nothing_survives_the_outermost_group_in_a_storm() {
    for seed in 0..400 {
        let alive = Arc::new(AtomicUsize::new(0));
        let root = task_group(async |g| {
            g.spawn(work(4, Dice(seed), alive.clone()));
            // Long enough for most of the storm, and then the hard way.
            tokio::time::sleep(Duration::from_millis(2)).await;
            g.cancel();
            Ok::<_, String>(())
        });
        let ended = timeout(Duration::from_secs(20), root).await;
        assert!(
            ended.is_ok(),
            "seed {seed} hangs: {:#?}",
            crate::living::list()
        );
        assert_eq!(alive.load(Ordering::SeqCst), 0, "seed {seed}");
    }
}
