//! The lines that are there now, lent one after the other.

use std::fmt;

use brigade_core::split::Block;

use super::encoding::Encoding;
use super::encoding::sealed::Sealed;
use super::error::LineError;

/// Lines that are there now; see [`Lines::next_batch`](super::Lines::next_batch).
///
/// Those that are not taken are in the next batch.
pub struct Batch<'l, C: Encoding> {
    block: Block<'l>,
    checked: <C as Sealed>::Block<'l>,
}

impl<'l, C: Encoding> Batch<'l, C> {
    pub(super) fn new(block: Block<'l>) -> Self {
        let checked = C::check(block.bytes());
        Self { block, checked }
    }

    /// The number of the line that was given last; 0 before the first of the whole stream.
    pub fn line(&self) -> u64 {
        self.block.line()
    }
}

impl<'l, C: Encoding> Iterator for Batch<'l, C> {
    type Item = Result<C::Line<'l>, LineError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let span = match self.block.next_span()? {
            Ok(span) => span,
            Err(error) => return Some(Err(error.into())),
        };
        let line = C::cut(self.checked, self.block.bytes(), span);
        Some(line.map_err(|valid| LineError::NotUtf8 {
            line: self.block.line(),
            valid,
        }))
    }
}

impl<C: Encoding> fmt::Debug for Batch<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Batch");
        shown.field("line", &self.line());
        shown.finish_non_exhaustive()
    }
}
