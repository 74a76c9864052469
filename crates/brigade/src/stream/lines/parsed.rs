//! Values parsed of lines.
//!
//! The parser borrows the line where it lies, so nothing is copied that it does not copy itself.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::encoding::Encoding;
use super::error::{LineError, ParseError};
use super::lines::Lines;

/// Values parsed of lines; made by [`Lines::parse`].
#[must_use = "a stream does nothing unless it is read"]
pub struct Parsed<S, C, F, T, P> {
    lines: Lines<S, C>,
    parser: F,
    gives: PhantomData<fn() -> (T, P)>,
}

impl<S, C, F, T, P> Unpin for Parsed<S, C, F, T, P> {}

impl<S, C, F, T, P> Parsed<S, C, F, T, P> {
    pub(super) fn new(lines: Lines<S, C>, parser: F) -> Self {
        Self {
            lines,
            parser,
            gives: PhantomData,
        }
    }

    /// The number of the line that was parsed last; 0 before the first.
    pub fn line(&self) -> u64 {
        self.lines.line()
    }
}

impl<S, B, E, C, F, T, P> Parsed<S, C, F, T, P>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Into<Bytes>,
    C: Encoding,
    F: FnMut(C::Line<'_>) -> Result<T, P>,
{
    /// The next value, or what is wrong with its line; `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was read and not returned is there for the next call.
    pub async fn next(&mut self) -> Option<Result<T, ParseError<P, E>>> {
        poll_fn(|cx| self.poll_value(cx)).await
    }

    fn poll_value(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, ParseError<P, E>>>> {
        loop {
            if let Err(error) = std::task::ready!(self.lines.poll_fill(cx)) {
                return Poll::Ready(Some(Err(ParseError::Source(error))));
            }
            let Some(mut block) = self.lines.splitter().block() else {
                return Poll::Ready(None);
            };
            let Some(span) = block.next_span() else {
                // Blank lines were left out.
                continue;
            };
            let line = block.line();
            let refused = |error| ParseError::Line(error);
            let value = span
                .map_err(|error| refused(error.into()))
                .and_then(|span| {
                    let bytes = &block.bytes()[span];
                    let text = C::view(bytes);
                    let text = text.map_err(|valid| refused(LineError::NotUtf8 { line, valid }))?;
                    (self.parser)(text).map_err(|error| ParseError::Parse { line, error })
                });
            return Poll::Ready(Some(value));
        }
    }
}

impl<S, B, E, C, F, T, P> Stream for Parsed<S, C, F, T, P>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Into<Bytes>,
    C: Encoding,
    F: FnMut(C::Line<'_>) -> Result<T, P>,
{
    type Item = Result<T, ParseError<P, E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_value(cx)
    }
}

impl<S, C, F, T, P> fmt::Debug for Parsed<S, C, F, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Parsed");
        shown.field("line", &self.line());
        shown.finish_non_exhaustive()
    }
}
