//! Random pipelines: whatever stages there are, and whatever fails, panics, drains or cancels when,
//! the run ends, nothing is left alive, and every item has exactly one end.

use std::panic::AssertUnwindSafe;

use super::*;

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
}

/// An item that counts as alive until it is dropped.
#[derive(Clone)]
struct Item {
    number: u64,
    _alive: Arc<AliveItem>,
}

/// What happens to an item in a stage, by its number and the stage's seed.
async fn work(item: Vec<Item>, seed: u64, mild: bool) -> Result<Vec<Item>, String> {
    let mut dice = Dice(seed ^ item[0].number.wrapping_mul(0x9E37_79B9));
    dice.roll(2);
    match dice.roll(if mild { 6 } else { 40 }) {
        0 => sleep(millis(dice.roll(20))).await,
        1..5 => tokio::task::yield_now().await,
        5 if !mild => return Err("failed".into()),
        // Without the hook, which would print it.
        6 if !mild => std::panic::resume_unwind(Box::new("panicked")),
        7 => defer(sleep(millis(dice.roll(5)))),
        8 => shield(sleep(millis(dice.roll(9)))).await,
        _ => {}
    }
    Ok(item)
}

fn build(
    dice: &mut Dice,
    alive: &Peak,
    contained: bool,
    expands: bool,
) -> Pipeline<Vec<Item>, String> {
    let alive = alive.clone();
    let mut source = Dice(dice.0 ^ 0xABCD);
    let many = dice.roll(120);
    let mut pipeline = Pipeline::source(move |out| async move {
        for number in 0..many {
            match source.roll(12) {
                0 => sleep(millis(source.roll(15))).await,
                1 => tokio::task::yield_now().await,
                _ => {}
            }
            let _alive: Arc<AliveItem> = Arc::new(AliveItem(alive.clone()));
            alive.0.0.fetch_add(1, Ordering::SeqCst);
            out.emit(vec![Item { number, _alive }]).await;
        }
        Ok(())
    });
    for stage in 0..1 + dice.roll(4) {
        if expands && dice.roll(2) == 0 {
            let mut options = Stage::new().concurrency(1 + dice.roll(3) as usize);
            if dice.roll(2) == 0 {
                options = options.ordered();
            }
            let seed = dice.0;
            pipeline = pipeline.expand("copy", options, move |item: Vec<Item>| async move {
                let mut dice = Dice(seed ^ item[0].number);
                dice.roll(2);
                let copies = dice.roll(4);
                Ok((0..copies).map(move |_| item.clone()))
            });
            continue;
        }
        if dice.roll(4) == 0 {
            let mut batch = Batch::of(1 + dice.roll(9) as usize);
            if dice.roll(2) == 0 {
                batch = batch.bytes(4, |items: &Vec<Item>| items.len());
            }
            if dice.roll(2) == 0 {
                batch = batch.every(millis(dice.roll(30)));
            }
            pipeline = pipeline.batch("pack", batch).stage(
                "flatten",
                Stage::new(),
                |batch: Vec<Vec<Item>>| async move { Ok(batch.concat()) },
            );
            continue;
        }
        let mut options = Stage::new()
            .concurrency(1 + dice.roll(5) as usize)
            .capacity(1 + dice.roll(8) as usize);
        if dice.roll(2) == 0 {
            options = options.ordered();
        }
        if dice.roll(2) == 0 {
            options = options.by_key(|items: &Vec<Item>| items[0].number % 3);
        }
        if dice.roll(3) == 0 {
            options = options.keep_items();
        }
        let (seed, mild) = (dice.0, !contained && dice.roll(2) == 0);
        pipeline = pipeline.stage(format!("stage {stage}"), options, move |item| {
            work(item, seed, mild)
        });
    }
    match contained {
        true => pipeline.dead_letters(|_| async {
            tokio::task::yield_now().await;
            Ok(())
        }),
        false => pipeline,
    }
}

struct AliveItem(Peak);

impl Drop for AliveItem {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs the pipeline and interferes; whether it ended without a failure.
async fn ride(
    pipeline: Pipeline<Vec<Item>, String>,
    mut dice: Dice,
    expands: bool,
) -> Result<u64, String> {
    let handle = pipeline.handle();
    let when = millis(dice.roll(60));
    let interfere = async move {
        sleep(when).await;
        match dice.roll(5) {
            0 => handle.drain(),
            1 => handle.cancel(),
            2 => {
                handle.drain();
                sleep(millis(dice.roll(10))).await;
                handle.cancel();
            }
            _ => {}
        }
        dice
    };
    match Dice(when.as_millis() as u64).roll(3) {
        0 => {
            let mut output = pipeline.into_stream();
            let read = async {
                let mut read = 0;
                while let Some(item) = output.next().await {
                    read += item.map_err(|error| error.to_string())?.len() as u64;
                }
                Ok(read)
            };
            tokio::join!(read, interfere).0
        }
        1 => {
            let (result, _) = tokio::join!(pipeline.collect(), interfere);
            let (list, stats) = result.map_err(|error| error.to_string())?;
            let items = list.concat().len() as u64;
            assert!(expands || stats.counts.delivered == items);
            Ok(items)
        }
        _ => {
            let (run, late) = (pipeline.run(), when * 2);
            let timed = tokio::time::timeout(late, run);
            let (result, _) = tokio::join!(timed, interfere);
            let result = result.map_err(|_| "timeout".to_owned())?;
            result
                .map(|stats| stats.counts.delivered)
                .map_err(|e| e.to_string())
        }
    }
}

/// One seed, in a task of a group whose end is waited for.
async fn storm(seed: u64) {
    let mut dice = Dice(seed);
    dice.roll(2);
    let alive = Peak::default();
    let contained = dice.roll(3) > 0;
    let expands = dice.roll(3) == 0;
    let pipeline = build(&mut dice, &alive, contained, expands);
    let handle = pipeline.handle();
    let delivered = Arc::new(Mutex::new(None));
    let result = delivered.clone();
    let root = task_group(async |g| {
        g.spawn(async move {
            *result.lock().unwrap() = Some(ride(pipeline, dice, expands).await);
            Ok::<_, String>(())
        });
        Ok::<_, String>(())
    });
    let mut root = Box::pin(tokio::time::timeout(Duration::from_secs(60), root));
    let ended = std::future::poll_fn(move |cx| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| root.as_mut().poll(cx))) {
            Ok(polled) => polled.map(|ended| ended.is_ok()),
            Err(_) => std::task::Poll::Ready(true),
        }
    })
    .await;
    let stats = handle.stats();
    assert!(ended, "seed {seed} hangs: {stats:#?}");
    assert_eq!(stats.counts.in_flight(), 0, "seed {seed}: {stats:?}");
    assert_balanced(stats.counts);
    assert_eq!(alive.now(), 0, "seed {seed}: items are alive");
    if let Some(Ok(delivered)) = *delivered.lock().unwrap() {
        assert!(
            expands || delivered == stats.counts.delivered,
            "seed {seed}: {delivered} of {stats:?}"
        );
        assert_eq!(stats.counts.cancelled, 0, "seed {seed}: {stats:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn q4a_every_item_has_exactly_one_end_in_a_storm() {
    for seed in 0..1000 {
        storm(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q4a_every_item_has_exactly_one_end_in_a_storm_on_many_threads() {
    for seed in 0..60 {
        storm(seed).await;
    }
}
