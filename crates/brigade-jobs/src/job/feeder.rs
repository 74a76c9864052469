//! The feeder: takes chunks of the list and fills the window.

use tokio::sync::mpsc;

use super::run::Shared;
use crate::error::Error;
use crate::input::{Chunk, Entry};
use crate::ledger::Failure;
use crate::meter::wall_ms;
use crate::progress::{add, set, sub};
use crate::sink::Outcome;

use brigade_core::verdict::FailureKind;

/// Feeds the schedule until the list ends.
pub(super) async fn feed(
    shared: &Shared,
    mut chunks: mpsc::Receiver<Result<Chunk, Error>>,
) -> Result<(), Error> {
    let mut ended = false;
    loop {
        shared.floor.has_room().await;
        if let Some((turns, limit)) = &shared.turns {
            if !turns.has_fewer_than(*limit) {
                // The end of those that wait may lie in a batch that nobody else will send.
                shared.handover.send(false).await?;
            }
            turns.fewer_than(*limit).await;
        }
        let Some(chunk) = chunks.recv().await else {
            break;
        };
        let chunk = chunk?;
        ended = chunk.consumed.is_some_and(|consumed| consumed.complete);
        take(shared, chunk).await?;
    }
    // A reader that died must not make the rest of the list look done.
    if !ended {
        return Err(Error::Stopped("the reader of the list"));
    }
    let mut state = shared.floor.lock();
    state.schedule.complete();
    state.wake_one();
    drop(state);
    shared.floor.read.notify_one();
    Ok(())
}

async fn take(shared: &Shared, chunk: Chunk) -> Result<(), Error> {
    let counters = &shared.counters;
    let expected = expected(shared, &chunk);
    // The writer must know of the lines before it hears how they ended.
    shared.handover.note(|batch| {
        batch.checkpoints.extend(chunk.start);
        batch.segments.extend(chunk.segments);
        batch.consumed = chunk.consumed.or(batch.consumed);
        batch.expected.extend(expected);
    });
    if let Some(consumed) = chunk.consumed {
        set(&counters.input, consumed.lines);
        set(&counters.input_bytes, consumed.bytes);
        let complete = std::sync::atomic::Ordering::Relaxed;
        counters.input_complete.store(consumed.complete, complete);
    }
    for kind in chunk.failed {
        sub(counters.kind(kind), 1);
    }
    let mut settled = Vec::new();
    {
        let mut state = shared.floor.lock();
        for entry in chunk.entries {
            match entry {
                Entry::Item(item) => state.schedule.add(item),
                other => settled.extend(outcome(shared, other)),
            }
        }
        state.wake_one();
    }
    shared.floor.read.notify_one();
    for outcome in settled {
        shared.handover.put(outcome).await?;
    }
    Ok(())
}

/// The lines of a chunk that have a turn, if turns matter.
fn expected(shared: &Shared, chunk: &Chunk) -> Vec<u64> {
    let Some((turns, _)) = &shared.turns else {
        return Vec::new();
    };
    let lines = chunk.entries.iter().filter_map(|entry| match entry {
        Entry::Item(item) => Some(item.index),
        Entry::Bad { index, .. } => Some(*index),
        _ => None,
    });
    let lines: Vec<_> = lines.collect();
    turns.begin(lines.len());
    lines
}

/// How a line ends that asks for nothing that can be fetched.
fn outcome(shared: &Shared, entry: Entry) -> Option<Outcome> {
    match entry {
        Entry::Item(_) => None,
        Entry::Skipped(range) => {
            add(&shared.counters.skipped, range.end() - range.start() + 1);
            Some(Outcome::Skipped(range))
        }
        Entry::Duplicates(range) => {
            let count = range.end() - range.start() + 1;
            add(&shared.counters.duplicates, count);
            Some(Outcome::Duplicates(range))
        }
        Entry::Bad {
            index,
            offset,
            length,
            bad,
        } => {
            add(shared.counters.kind(FailureKind::BadUrl), 1);
            shared.brake.failed(FailureKind::BadUrl);
            add(&shared.counters.finished, 1);
            Some(Outcome::Failure(Failure {
                index,
                offset,
                length,
                url: bad.shown,
                kind: FailureKind::BadUrl,
                status: None,
                message: bad.message,
                attempts: 0,
                failed_at: wall_ms(),
                columns: bad.columns,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_core::admission::Limits;
    use brigade_core::backoff::HostRule;

    use super::super::floor::Floor;
    use super::super::handover::{BYTES, Handover};
    use super::*;
    use crate::input::Consumed;
    use crate::schedule::{Schedule, Settings};

    fn shared() -> Shared {
        let schedule = Schedule::new(Settings {
            limits: Limits::default(),
            window: 10,
            host_rule: HostRule::default(),
        });
        Shared {
            client: brigade_http::Client::builder().build().unwrap(),
            retries: brigade_core::verdict::Retries::new(0),
            redirects: 0,
            backoff: brigade_core::backoff::Backoff::default(),
            max_pause: std::time::Duration::MAX,
            archive: None,
            files: false,
            continued: false,
            turns: None,
            floor: Floor::new(schedule, 1),
            handover: Handover::new(mpsc::channel(1).0, BYTES),
            budget: Arc::new(crate::budget::Budget::new(1)),
            counters: Arc::default(),
            brake: Arc::new(crate::brake::Brake::new(None)),
        }
    }

    #[tokio::test]
    async fn f1a_a_list_whose_reader_died_is_not_taken_for_a_list_at_its_end() {
        for complete in [false, true] {
            let (send, chunks) = mpsc::channel(1);
            let consumed = Consumed {
                complete,
                ..Consumed::default()
            };
            let chunk = Chunk {
                consumed: Some(consumed),
                ..Chunk::default()
            };
            send.send(Ok(chunk)).await.unwrap();
            drop(send);
            let fed = feed(&shared(), chunks).await;
            assert_eq!(fed.is_ok(), complete, "{fed:?}");
        }
    }

    #[tokio::test]
    async fn f4h_who_doubts_that_a_line_was_the_last_hears_of_another_and_of_the_end() {
        let text: Arc<[u8]> = b"http://a/".as_slice().into();
        let list = crate::input::Origin::lines(crate::input::Bytes::Memory(text));
        let item = list.reread(0, 0, 9).unwrap().unwrap();
        for entries in [vec![Entry::Item(item)], Vec::new()] {
            let consumed = Consumed {
                complete: entries.is_empty(),
                ..Consumed::default()
            };
            let chunk = Chunk {
                consumed: Some(consumed),
                entries,
                ..Chunk::default()
            };
            let (shared, (send, chunks)) = (shared(), mpsc::channel(1));
            // Whoever sent the last chunk goes; the others may take their time.
            let _stays = (!consumed.complete).then(|| send.clone());
            let both = async {
                let sent = async move { send.send(Ok(chunk)).await.unwrap() };
                tokio::select! {
                    biased;
                    () = shared.floor.hears_of_list() => {}
                    _ = async { tokio::join!(feed(&shared, chunks), sent, std::future::pending::<()>()) } => {}
                }
            };
            let heard = tokio::time::timeout(std::time::Duration::from_secs(20), both).await;
            heard.expect("it is said");
        }
    }

    #[tokio::test]
    async fn f7i_what_the_reader_waits_for_is_not_left_in_a_batch() {
        let turns = Arc::new(crate::sink::Turns::default());
        let (batches, mut to_write) = mpsc::channel(8);
        let shared = Shared {
            turns: Some((turns.clone(), 2)),
            handover: Handover::new(batches, BYTES),
            ..shared()
        };
        let (send, chunks) = mpsc::channel(2);
        let bad = |index| Entry::Bad {
            index,
            offset: 0,
            length: 1,
            bad: crate::input::Bad {
                shown: String::new(),
                message: String::new(),
                columns: None,
            },
        };
        let chunk = Chunk {
            entries: vec![bad(0), bad(1)],
            ..Chunk::default()
        };
        let last = Chunk {
            consumed: Some(Consumed {
                complete: true,
                ..Consumed::default()
            }),
            ..Chunk::default()
        };
        send.send(Ok(chunk)).await.unwrap();
        send.send(Ok(last)).await.unwrap();
        drop(send);
        let written = async {
            let batch = to_write.recv().await.unwrap();
            // A line that is no URL has a turn like any other, or it would be kept for ever.
            assert_eq!((batch.expected, batch.outcomes.len()), (vec![0, 1], 2));
            turns.end(2);
        };
        let both = async { tokio::join!(feed(&shared, chunks), written).0 };
        let fed = tokio::time::timeout(std::time::Duration::from_secs(20), both).await;
        fed.expect("nobody waits for the other").unwrap();
    }
}
