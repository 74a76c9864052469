//! Waiting lines: first come, first served, with leaving and stepping aside in between.
//!
//! Semaphores, buckets, queues and admissions all keep people waiting. Each needs a line from
//! whose middle one can leave in O(1) (a cancelled waiter), in which one can step aside and later
//! come back to one's old place (a waiter that nobody polls), and that does not allocate per
//! waiter in steady state. Many lines can share one [`Room`], which keeps the entries.
//!
//! Entries are named by [`Place`]s that are never given out twice, so a stale one is harmless.

const NONE: u32 = u32::MAX;

/// The name of one entry of a [`Room`], unique within it for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    slot: u32,
    age: u64,
}

#[derive(Debug)]
struct Slot<T> {
    age: u64,
    previous: u32,
    next: u32,
    linked: bool,
    value: Option<T>,
}

/// Where the entries of any number of lines are kept.
#[derive(Debug)]
pub struct Room<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    next_age: u64,
    occupied: usize,
}

/// One line of entries, oldest first. All its entries are in one [`Room`]; the caller passes
/// that room, and only that, to every call.
#[derive(Debug)]
pub struct Line {
    head: u32,
    tail: u32,
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            length: 0,
        }
    }
}

impl Line {
    /// How many stand in the line; those who stepped aside are not counted.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nobody stands in the line.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            next_age: 0,
            occupied: 0,
        }
    }
}

impl<T> Room<T> {
    /// How many entries the room holds, in lines and aside.
    pub fn len(&self) -> usize {
        self.occupied
    }

    /// Whether the room holds no entry.
    pub fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// Makes room for `count` more entries at once, instead of step by step with copies.
    pub fn reserve(&mut self, count: usize) {
        self.slots.reserve(count);
    }

    /// Puts `value` at the end of `line`.
    ///
    /// # Panics
    ///
    /// If the room already holds 2^32 - 1 entries.
    pub fn push(&mut self, line: &mut Line, value: T) -> Place {
        let place = self.occupy(value);
        self.link_after(line, line.tail, place.slot);
        place
    }

    /// Puts `value` into `line` behind `before`, or at its front if that does not stand there.
    ///
    /// # Panics
    ///
    /// If the room already holds 2^32 - 1 entries.
    pub fn push_behind(&mut self, line: &mut Line, before: Option<Place>, value: T) -> Place {
        let before = before.filter(|before| self.stands(*before));
        let place = self.occupy(value);
        self.link_after(line, before.map_or(NONE, |before| before.slot), place.slot);
        place
    }

    /// Keeps `value`, which stands in no line yet.
    fn occupy(&mut self, value: T) -> Place {
        let age = self.next_age;
        self.next_age += 1;
        let filled = Slot {
            age,
            previous: NONE,
            next: NONE,
            linked: false,
            value: Some(value),
        };
        let slot = if self.free == NONE {
            let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
            assert!(slot != NONE, "a room of 2^32 - 1 entries is full");
            self.slots.push(filled);
            slot
        } else {
            let slot = self.free;
            self.free = self.slots[slot as usize].next;
            self.slots[slot as usize] = filled;
            slot
        };
        self.occupied += 1;
        Place { slot, age }
    }

    /// The oldest entry of `line`.
    pub fn front(&self, line: &Line) -> Option<Place> {
        (line.head != NONE).then(|| self.place(line.head))
    }

    /// The newest entry of `line`.
    pub fn back(&self, line: &Line) -> Option<Place> {
        (line.tail != NONE).then(|| self.place(line.tail))
    }

    /// The entry behind `place` in its line.
    pub fn behind(&self, place: Place) -> Option<Place> {
        let next = self.slot(place).filter(|slot| slot.linked)?.next;
        (next != NONE).then(|| self.place(next))
    }

    /// The value at `place`, unless it was removed.
    pub fn get(&self, place: Place) -> Option<&T> {
        self.slot(place)?.value.as_ref()
    }

    /// The value at `place`, unless it was removed.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        let slot = self.slots.get_mut(place.slot as usize)?;
        if slot.age == place.age {
            slot.value.as_mut()
        } else {
            None
        }
    }

    /// Whether `place` stands in its line, rather than aside or nowhere.
    pub fn stands(&self, place: Place) -> bool {
        self.slot(place).is_some_and(|slot| slot.linked)
    }

    /// Takes `place` out of `line` and keeps its entry, so that it can come back later.
    pub fn step_aside(&mut self, line: &mut Line, place: Place) {
        if self.stands(place) {
            self.unlink(line, place.slot);
        }
    }

    /// Puts `place` back into `line` by its age: before all that came after it.
    ///
    /// It takes as long as there are older entries in the line; those are few, as whoever came
    /// back earlier is the only one that can be older.
    pub fn step_back(&mut self, line: &mut Line, place: Place) {
        if self.slot(place).is_none_or(|slot| slot.linked) {
            return;
        }
        let (mut after, mut next) = (NONE, line.head);
        while next != NONE && self.slots[next as usize].age < place.age {
            after = next;
            next = self.slots[next as usize].next;
        }
        self.link_after(line, after, place.slot);
    }

    /// Removes the entry at `place` from the room, and from `line` if it stands there.
    pub fn remove(&mut self, line: &mut Line, place: Place) -> Option<T> {
        let linked = self.slot(place)?.linked;
        if linked {
            self.unlink(line, place.slot);
        }
        let free = self.free;
        let slot = &mut self.slots[place.slot as usize];
        let value = slot.value.take();
        slot.next = free;
        self.free = place.slot;
        self.occupied -= 1;
        value
    }

    fn slot(&self, place: Place) -> Option<&Slot<T>> {
        self.slots
            .get(place.slot as usize)
            .filter(|slot| slot.age == place.age && slot.value.is_some())
    }

    fn place(&self, slot: u32) -> Place {
        Place {
            slot,
            age: self.slots[slot as usize].age,
        }
    }

    /// Links `slot` behind `after`, or at the front if `after` is none.
    fn link_after(&mut self, line: &mut Line, after: u32, slot: u32) {
        let next = if after == NONE {
            std::mem::replace(&mut line.head, slot)
        } else {
            std::mem::replace(&mut self.slots[after as usize].next, slot)
        };
        if next == NONE {
            line.tail = slot;
        } else {
            self.slots[next as usize].previous = slot;
        }
        let linked = &mut self.slots[slot as usize];
        (linked.previous, linked.next, linked.linked) = (after, next, true);
        line.length += 1;
    }

    fn unlink(&mut self, line: &mut Line, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        let (previous, next) = (entry.previous, entry.next);
        (entry.previous, entry.next, entry.linked) = (NONE, NONE, false);
        if previous == NONE {
            line.head = next;
        } else {
            self.slots[previous as usize].next = next;
        }
        if next == NONE {
            line.tail = previous;
        } else {
            self.slots[next as usize].previous = previous;
        }
        line.length -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Act {
        Push,
        Remove(usize),
        Aside(usize),
        Back(usize),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            3 => Just(Act::Push),
            1 => any::<usize>().prop_map(Act::Remove),
            1 => any::<usize>().prop_map(Act::Aside),
            1 => any::<usize>().prop_map(Act::Back),
        ];
        proptest::collection::vec(act, 1..200)
    }

    fn contents(room: &Room<u64>, line: &Line) -> Vec<u64> {
        let mut seen = Vec::new();
        let mut next = room.front(line);
        while let Some(place) = next {
            seen.extend(room.get(place));
            next = room.behind(place);
        }
        seen
    }

    proptest! {
        #[test]
        fn a_line_is_its_standing_entries_by_age(acts in acts()) {
            let (mut room, mut line) = (Room::default(), Line::default());
            let mut model: Vec<(Place, u64, bool)> = Vec::new();
            for (number, act) in acts.into_iter().enumerate() {
                let pick = |index: usize| (!model.is_empty()).then(|| index % model.len());
                match act {
                    Act::Push => {
                        let number = number as u64;
                        model.push((room.push(&mut line, number), number, true));
                    }
                    Act::Remove(index) => if let Some(index) = pick(index) {
                        let (place, value, _) = model.remove(index);
                        prop_assert_eq!(room.remove(&mut line, place), Some(value));
                        prop_assert_eq!(room.remove(&mut line, place), None);
                    },
                    Act::Aside(index) => if let Some(index) = pick(index) {
                        room.step_aside(&mut line, model[index].0);
                        model[index].2 = false;
                    },
                    Act::Back(index) => if let Some(index) = pick(index) {
                        room.step_back(&mut line, model[index].0);
                        model[index].2 = true;
                    },
                }
                let standing: Vec<u64> = model.iter().filter(|e| e.2).map(|e| e.1).collect();
                prop_assert_eq!(contents(&room, &line), standing.clone());
                prop_assert_eq!(line.len(), standing.len());
                prop_assert_eq!(room.len(), model.len());
            }
        }
    }
}
