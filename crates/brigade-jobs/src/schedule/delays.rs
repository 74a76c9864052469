//! Lines that wait for their next attempt, in memory and on disk.
//!
//! Each has a moment before which it may not be asked for again. Those on disk lie in slots that
//! become due as a whole, and only lines of nearly the same moment share one: so a slot needs no
//! look before it is due. How nearly follows from how long they wait still: moments far away are
//! [`STEP`]s apart that are doubled, so that few slots hold the lines of many hosts. No line waits
//! longer for the sake of the others by more than a sixteenth of that, or one step, and by
//! [`STEP_MAX`] at the most. It never forgets a line and never reads or writes anything itself.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::time::Duration;

use brigade_core::time::Moment;

use super::host::HostId;
use super::spill::{SLOT, Slot};
use crate::input::Item;

/// How much longer a line may wait because it went to disk, if it does not wait for long.
pub(super) const STEP: Duration = Duration::from_millis(250);
/// The same for every line.
pub(super) const STEP_MAX: Duration = Duration::from_secs(4);
/// The part of what it has to wait still by which it may wait longer.
const PART: u32 = 16;

/// A line that waits for its next attempt.
#[derive(Debug)]
pub(super) struct Delayed {
    pub(super) at: Moment,
    pub(super) host: HostId,
    pub(super) item: Item,
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.item.index).cmp(&(other.at, other.item.index))
    }
}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Delays {
    lines: BinaryHeap<Reverse<Delayed>>,
    /// Slots by the moment at which they are due, their host and their number.
    slots: BTreeMap<(Moment, HostId, u32), Slot>,
}

impl Delays {
    pub(super) fn push(&mut self, delayed: Delayed) {
        self.lines.push(Reverse(delayed));
    }

    /// The next line in memory that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Moment) -> Option<Delayed> {
        let first = self.lines.peek_mut()?;
        (first.0.at <= now).then(|| std::collections::binary_heap::PeekMut::pop(first).0)
    }

    /// The next slot whose lines are due at `now`.
    pub(super) fn pop_due_slot(&mut self, now: Moment) -> Option<(HostId, Slot)> {
        let first = self.slots.first_entry()?;
        let (due, host, _) = *first.key();
        (due <= now).then(|| (host, first.remove()))
    }

    /// When the first of them is due.
    pub(super) fn first_at(&self) -> Option<Moment> {
        let line = self.lines.peek().map(|Reverse(first)| first.at);
        let slot = self.slots.first_key_value().map(|((due, ..), _)| *due);
        line.into_iter().chain(slot).min()
    }

    /// Takes the lines in memory that are due last, `most` of them at most and of each host as many
    /// as `quotas` says, which gets smaller by them. Lines that may not begin again stay. Takes time
    /// in proportion to the number of lines.
    pub(super) fn take_last(
        &mut self,
        most: usize,
        quotas: &mut HashMap<HostId, usize>,
    ) -> Vec<Delayed> {
        let mut taken = Vec::new();
        let sorted = std::mem::take(&mut self.lines).into_sorted_vec();
        // Sorted in reverse: those that are due last come first.
        for Reverse(line) in sorted {
            let quota = quotas.get_mut(&line.host).filter(|quota| **quota > 0);
            match quota {
                Some(quota) if taken.len() < most && line.item.may_begin_again() => {
                    *quota -= 1;
                    taken.push(line);
                }
                _ => self.lines.push(Reverse(line)),
            }
        }
        taken
    }

    /// The moment at which a slot is due that holds a line which is due at `at`, if it leaves memory
    /// at `now`.
    pub(super) fn due(at: Moment, now: Moment) -> Moment {
        let step = step(at.since(now)).as_nanos() as u64;
        Moment::from_nanos(at.as_nanos().div_ceil(step).saturating_mul(step))
    }

    /// Takes a slot out that has room for lines of `host` which are due at `due`.
    pub(super) fn take_open(&mut self, due: Moment, host: HostId) -> Option<Slot> {
        let mut slots = self.slots.range((due, host, 0)..=(due, host, u32::MAX));
        let open = slots.find(|(_, slot)| usize::from(slot.end) < SLOT);
        let key = *open?.0;
        self.slots.remove(&key)
    }

    /// Keeps a slot whose lines, all of `host`, are due at `due`.
    pub(super) fn keep(&mut self, due: Moment, host: HostId, slot: Slot) {
        self.slots.insert((due, host, slot.number), slot);
    }
}

/// How much longer a line may wait that has to wait for `wait` still. Each step is twice the one
/// below, so lines that leave memory at other moments share a slot all the same.
fn step(wait: Duration) -> Duration {
    let mut step = STEP;
    while step < STEP_MAX && step * 2 * PART <= wait {
        step *= 2;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2e_a_line_waits_longer_by_a_sixteenth_or_one_step_and_never_by_more_than_the_longest() {
        for millis in (0..200_000).step_by(37) {
            let (now, wait) = (
                Moment::from_nanos(987_654_321),
                Duration::from_millis(millis),
            );
            let late = Delays::due(now + wait, now).since(now + wait);
            assert!(
                late <= (wait / PART).clamp(STEP, STEP_MAX),
                "{wait:?}: {late:?}"
            );
            assert!(step(wait) * 2 > (wait / PART).min(STEP_MAX), "{wait:?}");
        }
        assert_eq!(Delays::due(Moment::MAX, Moment::ZERO), Moment::MAX);
    }
}
