//! Keys that go before the others.
//!
//! Where the work of one key takes longer than all the rest, that key decides when everything ends,
//! and each turn that it could have had and did not have comes on top. So such keys can have a ring
//! of their own that is asked first. All limits hold for them as for any other. They cannot starve
//! the others, however many they are: while both rings have somebody who may go, at least one turn
//! in [`IN_A_ROW`] + 1 is of the other ring.

use std::hash::Hash;

use super::Admission;
use super::key::Standing;

/// Turns that preferred keys get at most while another key may go.
pub(super) const IN_A_ROW: u32 = 7;

impl<K: Hash + Eq + Clone, T> Admission<K, T> {
    /// Prefers these keys, and no others from now on. Keys that are not remembered are left out.
    /// Takes time in proportion to the number of keys.
    pub fn prefer<'a>(&mut self, keys: impl IntoIterator<Item = &'a K>)
    where
        K: 'a,
    {
        for (_, key) in self.keys.all_mut() {
            key.preferred = false;
        }
        for key in keys {
            if let Some(number) = self.keys.find(key) {
                self.keys.at_mut(number).preferred = true;
            }
        }
        let ready: Vec<_> = self
            .preferred
            .drain(..)
            .chain(self.ring.drain(..))
            .collect();
        for number in ready {
            self.join_ring(number);
        }
    }

    /// Puts a key at the end of its ring.
    pub(super) fn join_ring(&mut self, number: u32) {
        let key = self.keys.at_mut(number);
        key.standing = Standing::Ready;
        match key.preferred {
            true => self.preferred.push_back(number),
            false => self.ring.push_back(number),
        }
    }

    /// Takes note of a turn.
    pub(super) fn count_turn(&mut self, preferred: bool) {
        // Where nobody else waits, nobody is passed over.
        self.in_a_row = match preferred && !self.ring.is_empty() {
            true => self.in_a_row.saturating_add(1),
            false => 0,
        };
    }
}
