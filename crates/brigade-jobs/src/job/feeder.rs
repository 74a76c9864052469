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
    loop {
        shared.floor.has_room().await;
        let Some(chunk) = chunks.recv().await else {
            break;
        };
        take(shared, chunk?).await?;
    }
    let mut state = shared.floor.lock();
    state.schedule.complete();
    state.wake_one();
    Ok(())
}

async fn take(shared: &Shared, chunk: Chunk) -> Result<(), Error> {
    let counters = &shared.counters;
    // The writer must know of the lines before it hears how they ended.
    shared.handover.note(|batch| {
        batch.checkpoints.extend(chunk.start);
        batch.segments.extend(chunk.segments);
        batch.consumed = chunk.consumed.or(batch.consumed);
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
    for outcome in settled {
        shared.handover.put(outcome).await?;
    }
    Ok(())
}

/// How a line ends that asks for nothing that can be fetched.
fn outcome(shared: &Shared, entry: Entry) -> Option<Outcome> {
    match entry {
        Entry::Item(_) => None,
        Entry::Skipped(range) => {
            add(&shared.counters.skipped, range.end() - range.start() + 1);
            Some(Outcome::Skipped(range))
        }
        Entry::Bad {
            index,
            offset,
            length,
            shown,
            message,
        } => {
            add(shared.counters.kind(FailureKind::BadUrl), 1);
            add(&shared.counters.finished, 1);
            Some(Outcome::Failure(Failure {
                index,
                offset,
                length,
                url: shown,
                kind: FailureKind::BadUrl,
                status: None,
                message,
                attempts: 0,
                failed_at: wall_ms(),
            }))
        }
    }
}
