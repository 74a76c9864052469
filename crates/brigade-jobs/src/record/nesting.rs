//! The brackets of JSON: which of them belong together, and whether items have names in objects
//! only.
//!
//! It says no to what is JSON by the grammar but not to common readers: nesting deeper than
//! [`DEPTH_MAX`].

use super::marks::parity;

/// Deepest nesting of arrays and objects; common readers stop at 128, the record's own included.
pub(super) const DEPTH_MAX: usize = 120;

/// What in a block depends on the brackets around it. A place between two brackets is the one
/// behind the first of them up to the second, itself included.
pub(super) struct Items {
    /// Shows that an item has a name.
    pub(super) named: u64,
    /// Shows that an item has no name.
    pub(super) unnamed: u64,
    /// Can only be within brackets.
    pub(super) inner: u64,
}

/// The brackets that are open.
pub(super) struct Nesting {
    pub(super) depth: usize,
    /// For each level below the depth 1 if it is an object, else 0. Level 0 is outside of all.
    objects: [u8; 128],
}

impl Default for Nesting {
    fn default() -> Self {
        Self {
            depth: 0,
            objects: [0; 128],
        }
    }
}

impl Nesting {
    /// Takes the brackets of a block; `brace` says which of them are braces, `first` what follows
    /// an opening one at once. None if they show that the text is not JSON.
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        open: u64,
        close: u64,
        brace: u64,
        first: u64,
        items: &Items,
    ) -> Option<()> {
        let brackets = open | close;
        // Between two levels open and close take turns; all else goes one by one.
        let is_closed = u64::from(close & brackets & brackets.wrapping_neg() != 0);
        let within = parity(brackets) ^ is_closed.wrapping_neg();
        let in_turns = open == brackets & within;
        let is_inner = self.depth > is_closed as usize && self.depth < DEPTH_MAX;
        let in_object = if in_turns && is_inner {
            self.turns(open & brace, close & brace, within, is_closed)?
        } else {
            self.one_by_one(open, close, brace, first, items.inner)?
        };
        let wrong = items.unnamed & in_object | items.named & !in_object;
        (wrong == 0).then_some(())
    }

    /// Takes brackets of two levels, of which the inner one is `within`: from a bracket that opens
    /// up to the one that closes. Returns what is in objects.
    #[inline(always)]
    fn turns(&mut self, open: u64, close: u64, within: u64, is_closed: u64) -> Option<u64> {
        let is_object = u64::from(self.object()) & is_closed;
        self.depth -= is_closed as usize;
        let outer = u64::from(self.object());
        // An addition runs from each brace that opens through all that is within it.
        let (sum, is_open) = (open | is_object).overflowing_add(within);
        if sum & !within != close {
            return None;
        }
        self.objects[(self.depth + 1) % 128] = is_open.into();
        self.depth += (within >> 63) as usize;
        let inner = (within & !sum) << 1 | is_object;
        Some(inner | outer.wrapping_neg() & !(within << 1 | is_closed))
    }

    /// The same for any brackets. `inner` can only be within some.
    #[inline(always)]
    fn one_by_one(
        &mut self,
        open: u64,
        close: u64,
        brace: u64,
        first: u64,
        inner: u64,
    ) -> Option<u64> {
        let mut brackets = open | close;
        let mut in_object = u64::from(self.object()).wrapping_neg();
        let mut outside = if self.depth == 0 { u64::MAX } else { 0 };
        while brackets != 0 {
            let bracket = brackets & brackets.wrapping_neg();
            let beyond = (bracket << 1).wrapping_neg();
            let is_object = u8::from(brace & bracket != 0);
            if open & bracket != 0 {
                if self.depth > DEPTH_MAX {
                    return None;
                }
                self.depth += 1;
                self.objects[self.depth % 128] = is_object;
                outside &= !beyond;
            } else {
                // Brackets beyond the limit are taken if there is nothing in them.
                let is_deep = self.depth > DEPTH_MAX && first & bracket == 0;
                if self.depth == 0 || is_deep || self.object() != is_object {
                    return None;
                }
                self.depth -= 1;
                outside |= if self.depth == 0 { beyond } else { 0 };
            }
            let now = u64::from(self.object()).wrapping_neg();
            in_object = in_object & !beyond | now & beyond;
            brackets ^= bracket;
        }
        (inner & outside == 0).then_some(in_object)
    }

    /// 1 in an object, else 0.
    #[inline(always)]
    fn object(&self) -> u8 {
        self.objects[self.depth % 128]
    }
}
