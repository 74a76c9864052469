//! The payloads that an archive has already, so that one that comes again is told and not kept twice.
//!
//! What was not met for long is forgotten: what a site sends again and again (the page that says
//! that there is none, a picture in place of a picture) is met all the time, so a bounded memory
//! holds what is worth it. A payload is known from when its record lies in its part, before any that
//! could refer to it, so what is cut off behind a commit is never referred to by what is left. A
//! later run begins with nothing, and writes each payload once more; it never trusts what it has not
//! written itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Bytes of memory that it takes at most: some ten thousands of payloads.
const BYTES_MAX: usize = 8 << 20;

/// What a payload is known by. Not by the SHA-1 of archives, of which anybody can make two bodies: the
/// second would be lost. And whether it came in chunks: a response is put together again from its own
/// head, which says so, and the body of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Payload {
    pub(super) sha256: [u8; 32],
    pub(super) is_chunked: bool,
}

/// The record that has a payload.
#[derive(Debug)]
pub(crate) struct Original {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) at: SystemTime,
}

/// The records of some payloads.
pub(crate) type Originals = HashMap<Payload, Arc<Original>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Revisits {
    generations: Mutex<Generations>,
}

/// What was met lately, and before that; when the first is large, the second is forgotten.
#[derive(Debug)]
struct Generations {
    young: Originals,
    old: Originals,
    /// Of the young ones.
    bytes: usize,
    bytes_max: usize,
}

impl Revisits {
    pub(crate) fn new() -> Self {
        Self::of(BYTES_MAX)
    }

    fn of(bytes_max: usize) -> Self {
        let generations = Generations {
            young: HashMap::new(),
            old: HashMap::new(),
            bytes: 0,
            bytes_max,
        };
        Self {
            generations: Mutex::new(generations),
        }
    }

    /// The record that has this payload, if it is known.
    pub(crate) fn find(&self, payload: &Payload) -> Option<Arc<Original>> {
        let mut generations = self.lock();
        if let Some(found) = generations.young.get(payload) {
            return Some(found.clone());
        }
        let (payload, found) = generations.old.remove_entry(payload)?;
        generations.enter(payload, found.clone());
        Some(found)
    }

    /// Takes note of records that lie in their part now.
    pub(crate) fn learn(&self, originals: Originals) {
        let mut generations = self.lock();
        for (payload, original) in originals {
            let is_known = generations.old.contains_key(&payload);
            if !is_known && !generations.young.contains_key(&payload) {
                generations.enter(payload, original);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        let generations = self.generations.lock();
        generations.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn enter(&mut self, payload: Payload, original: Arc<Original>) {
        let texts = original.id.len() + original.url.len();
        // A table is half empty at worst.
        let entry = 2 * size_of::<(Payload, Arc<Original>)>() + size_of::<Original>();
        self.bytes += texts + entry;
        self.young.insert(payload, original);
        if self.bytes > self.bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(number: usize) -> Payload {
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&number.to_le_bytes());
        Payload {
            sha256,
            is_chunked: false,
        }
    }

    fn original(number: usize) -> Arc<Original> {
        Arc::new(Original {
            id: String::new(),
            url: format!("http://a.test/{number}"),
            at: SystemTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn f8j_what_is_met_stays_and_what_is_not_is_forgotten_in_bounded_memory() {
        let revisits = Revisits::of(100_000);
        for number in 0..10_000 {
            revisits.learn([(payload(number), original(number))].into());
            let known = revisits.find(&payload(0)).unwrap();
            assert_eq!(known.url, "http://a.test/0");
            let generations = revisits.lock();
            let count = generations.young.len() + generations.old.len();
            // Each takes about 200 bytes.
            assert!(count < 600, "{count} payloads are held");
        }
        let found = |number| revisits.find(&payload(number)).is_some();
        assert!(found(9_999) && found(9_990));
        assert!(!found(1));
    }

    #[test]
    fn f8j_the_first_record_of_a_payload_is_the_one_that_counts() {
        let revisits = Revisits::new();
        revisits.learn([(payload(1), original(1))].into());
        revisits.learn([(payload(1), original(2))].into());
        assert_eq!(revisits.find(&payload(1)).unwrap().url, "http://a.test/1");
        let chunked = Payload {
            is_chunked: true,
            ..payload(1)
        };
        assert!(revisits.find(&chunked).is_none());
    }
}
