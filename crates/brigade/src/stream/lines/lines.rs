//! The stream of lines.
//!
//! It asks its source for a chunk only when no line is left, and lets go of it at its end. It
//! never holds more than the longest line and one chunk.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use brigade_core::split::Splitter;
use bytes::Bytes;
use futures_core::Stream;
use tokio::io::AsyncRead;

use super::batch::Batch;
use super::chunks::Chunks;
use super::encoding::{Encoding, Lossy, Raw, Utf8};
use super::error::{LineError, LinesError};
use super::parsed::Parsed;

/// The greatest length of a line, unless it is set: 1 MiB.
const LIMIT: usize = 1 << 20;

/// Cuts a stream of chunks into lines of text.
///
/// A line ends with LF or CRLF, which are not part of it; the last one needs no end.
///
/// # Examples
///
/// ```
/// use brigade::stream::{lines, try_generate};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let chunks = try_generate(async |yielder| {
///     for chunk in ["one\r\ntw", "o\n\n", "three"] {
///         yielder.yield_item(chunk).await;
///     }
///     Ok::<_, std::io::Error>(())
/// });
/// let mut lines = lines(chunks).skip_blank();
/// let mut all = Vec::new();
/// while let Some(line) = lines.next().await {
///     all.push(line.unwrap());
/// }
/// assert_eq!(all, ["one", "two", "three"]);
/// # });
/// ```
pub fn lines<S, B, E>(chunks: S) -> Lines<S>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Into<Bytes>,
{
    Lines::new(chunks)
}

/// Cuts what a reader gives into lines of text; see [`lines()`].
///
/// It reads in chunks of up to 64 KiB, so the reader needs no buffer of its own.
///
/// # Examples
///
/// ```
/// use brigade::stream::read_lines;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut lines = read_lines(&b"one\ntwo"[..]);
/// let mut bytes = 0;
/// while let Some(batch) = lines.next_batch().await.unwrap() {
///     for line in batch {
///         bytes += line.unwrap().len();
///     }
/// }
/// assert_eq!(bytes, 6);
/// # });
/// ```
pub fn read_lines<R: AsyncRead + Unpin>(reader: R) -> Lines<Chunks<R>> {
    Lines::new(Chunks::new(reader))
}

/// The lines of a byte stream; made by [`lines()`] and [`read_lines`].
///
/// As a stream, each item is a line or what is wrong with it. A line is at most 1 MiB long unless
/// [`max_length`](Self::max_length) says otherwise.
#[must_use = "a stream does nothing unless it is read"]
pub struct Lines<S, C = Utf8> {
    /// Gone at its end, so that its connection is free.
    source: Option<S>,
    splitter: Splitter,
    encoding: PhantomData<fn() -> C>,
}

impl<S> Lines<S> {
    fn new(source: S) -> Self {
        Self {
            source: Some(source),
            splitter: Splitter::new(LIMIT),
            encoding: PhantomData,
        }
    }

    /// Replaces what is not UTF-8 instead of taking it for an error.
    pub fn lossy(self) -> Lines<S, Lossy> {
        self.with_encoding()
    }

    /// Gives the bytes as they are. A line that lies within one chunk shares its memory.
    pub fn bytes(self) -> Lines<S, Raw> {
        self.with_encoding()
    }

    fn with_encoding<C>(self) -> Lines<S, C> {
        Lines {
            source: self.source,
            splitter: self.splitter,
            encoding: PhantomData,
        }
    }
}

impl<S, C> Lines<S, C> {
    /// The greatest length of a line in bytes, its end not counted; 1 MiB by default.
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.splitter.set_limit(bytes);
        self
    }

    /// Leaves out lines of white space only. They count in the numbers of lines.
    pub fn skip_blank(mut self) -> Self {
        self.splitter.set_skip_blank(true);
        self
    }

    /// The number of the line that was given last; 0 before the first.
    pub fn line(&self) -> u64 {
        self.splitter.lines()
    }

    pub(super) fn splitter(&mut self) -> &mut Splitter {
        &mut self.splitter
    }
}

impl<S, B, E, C> Lines<S, C>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Into<Bytes>,
    C: Encoding,
{
    /// The next line, or what is wrong with it; `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was read and not returned is there for the next call.
    pub async fn next(&mut self) -> Option<Result<C::Owned, LinesError<E>>> {
        poll_fn(|cx| self.poll_line(cx)).await
    }

    /// The lines that are there now, at least one unless blank ones are left out; `None` at the
    /// end.
    ///
    /// It waits for the source only if no line is left. Walk through a batch before asking for the
    /// next, since each is checked as a whole.
    ///
    /// # Errors
    ///
    /// The source failed. The stream has ended then, and what was read of a line is not given.
    ///
    /// # Cancel safety
    ///
    /// Safe: what was read and not returned is there for the next call.
    pub async fn next_batch(&mut self) -> Result<Option<Batch<'_, C>>, E> {
        poll_fn(|cx| self.poll_fill(cx)).await?;
        Ok(self.splitter.block().map(Batch::new))
    }

    /// Parses each line, as JSON for example. A line that is refused is an error with its number,
    /// and the next one is read.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::stream::read_lines;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let input = &b"[1,2]\n\nnonsense\n[3]"[..];
    /// let mut rows = read_lines(input)
    ///     .skip_blank()
    ///     .parse(|line| serde_json::from_str::<Vec<u8>>(line));
    /// assert_eq!(rows.next().await.unwrap().unwrap(), [1, 2]);
    /// let error = rows.next().await.unwrap().unwrap_err();
    /// assert!(error.to_string().starts_with("line 3: expected"));
    /// assert_eq!(rows.next().await.unwrap().unwrap(), [3]);
    /// assert!(rows.next().await.is_none());
    /// # });
    /// ```
    pub fn parse<T, P, F>(self, parser: F) -> Parsed<S, C, F, T, P>
    where
        F: FnMut(C::Line<'_>) -> Result<T, P>,
    {
        Parsed::new(self, parser)
    }

    /// Makes sure that a line is there, if there is another.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        while !self.splitter.has_line() {
            let Some(source) = &mut self.source else {
                break;
            };
            match std::task::ready!(Pin::new(source).poll_next(cx)) {
                Some(Ok(chunk)) => self.splitter.feed(chunk),
                Some(Err(error)) => {
                    self.source = None;
                    self.splitter.clear();
                    return Poll::Ready(Err(error));
                }
                None => {
                    self.source = None;
                    self.splitter.finish();
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<C::Owned, LinesError<E>>>> {
        loop {
            if let Err(error) = std::task::ready!(self.poll_fill(cx)) {
                return Poll::Ready(Some(Err(LinesError::Source(error))));
            }
            let Some(mut block) = self.splitter.block() else {
                return Poll::Ready(None);
            };
            let line = match block.next_span() {
                Some(Ok(span)) => C::own(block.shared(), span).map_err(|valid| {
                    let line = block.line();
                    LineError::NotUtf8 { line, valid }
                }),
                Some(Err(error)) => Err(error.into()),
                // Blank lines were left out.
                None => continue,
            };
            return Poll::Ready(Some(line.map_err(LinesError::Line)));
        }
    }
}

impl<S, B, E, C> Stream for Lines<S, C>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: Into<Bytes>,
    C: Encoding,
{
    type Item = Result<C::Owned, LinesError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_line(cx)
    }
}

impl<S, C> fmt::Debug for Lines<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Lines");
        shown.field("line", &self.line());
        shown.field("ended", &self.source.is_none());
        shown.finish_non_exhaustive()
    }
}
