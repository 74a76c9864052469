//! Doubly linked lists through a slab, so that an idle connection is in two orders at once.
//!
//! Every operation is O(1) and allocates nothing, because a pool links and unlinks a connection
//! for every request. A list never owns its entries.

/// The index that stands for "none".
pub(super) const NONE: u32 = u32::MAX;

/// The neighbours of an entry in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    previous: u32,
    next: u32,
}

impl Link {
    pub(super) const UNLINKED: Self = Self {
        previous: NONE,
        next: NONE,
    };
}

/// The ends of a list. The oldest entry is first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
    length: usize,
}

impl List {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        length: 0,
    };

    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    pub(super) fn last(&self) -> Option<u32> {
        (self.last != NONE).then_some(self.last)
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    /// Appends `index`; `link` finds the link that an entry has for this list.
    pub(super) fn push<E>(
        &mut self,
        slab: &mut [E],
        index: u32,
        link: impl Fn(&mut E) -> &mut Link,
    ) {
        *link(&mut slab[index as usize]) = Link {
            previous: self.last,
            next: NONE,
        };
        match self.last {
            NONE => self.first = index,
            last => link(&mut slab[last as usize]).next = index,
        }
        self.last = index;
        self.length += 1;
    }

    /// Takes `index`, which is in this list, out of it.
    pub(super) fn unlink<E>(
        &mut self,
        slab: &mut [E],
        index: u32,
        link: impl Fn(&mut E) -> &mut Link,
    ) {
        let unlinked = link(&mut slab[index as usize]);
        let Link { previous, next } = std::mem::replace(unlinked, Link::UNLINKED);
        match previous {
            NONE => self.first = next,
            previous => link(&mut slab[previous as usize]).next = next,
        }
        match next {
            NONE => self.last = previous,
            next => link(&mut slab[next as usize]).previous = previous,
        }
        self.length -= 1;
    }
}
