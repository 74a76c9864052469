//! Chunks in, decoded chunks out.
//!
//! The caller pulls: one chunk that is fed may give many pieces, each asked for by itself. So a
//! caller that stops asking stops the unpacking, and a body costs one piece of memory.

use bytes::Bytes;
use http::HeaderMap;

use super::Error;
use super::coding::Coding;
use super::stage::Stage;

/// Takes the content encoding off one body.
///
/// Feed a chunk, take pieces until there are none, feed the next; after the last, ask whether the
/// body was complete. An error is final: it is returned again by every later call.
///
/// # Examples
///
/// ```
/// use brigade_http::decode::Decoder;
/// use bytes::Bytes;
/// use http::{HeaderMap, header::CONTENT_ENCODING};
///
/// // "hello" as a stored block of deflate in gzip.
/// let body: [&[u8]; 3] = [
///     b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x05\x00\xfa\xffhel",
///     b"lo\x86\xa6\x10\x36\x05",
///     b"\x00\x00\x00",
/// ];
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_ENCODING, "gzip".parse()?);
///
/// let mut decoder = Decoder::new(&headers, Some(1_000_000))?;
/// let mut text = Vec::new();
/// for chunk in body {
///     decoder.feed(Bytes::from_static(chunk));
///     while let Some(piece) = decoder.next_chunk()? {
///         text.extend_from_slice(&piece);
///     }
/// }
/// decoder.finish()?;
/// assert_eq!(text, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    /// The coding that was applied last, and so comes off first, is at the front.
    stages: Vec<Stage>,
    fed: Bytes,
    limit: u64,
    made: u64,
    failed: Option<Error>,
}

impl Decoder {
    /// A decoder for a body that came with these headers, and that may have `limit` bytes when
    /// it is decoded.
    ///
    /// A response that has no body (to HEAD, or with status 204 or 304) needs none, whatever its
    /// headers say about the body that it would have.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] and [`Error::TooManyCodings`].
    pub fn new(headers: &HeaderMap, limit: Option<u64>) -> Result<Self, Error> {
        let limit = limit.unwrap_or(u64::MAX);
        let codings = Coding::list(headers)?;
        let mut stages: Vec<_> = codings
            .into_iter()
            .map(|coding| Stage::new(coding, limit))
            .collect();
        // The coding that comes off last gives the body. What the others give is compressed and so
        // should be smaller, but may be a little larger, or full of nothing by malice.
        stages.iter_mut().skip(1).for_each(Stage::widen);
        stages.reverse();
        Ok(Self {
            stages,
            ..Self::identity(Some(limit))
        })
    }

    /// A decoder for a body that passes through unchanged, and that may have `limit` bytes.
    pub fn identity(limit: Option<u64>) -> Self {
        Self {
            stages: Vec::new(),
            fed: Bytes::new(),
            limit: limit.unwrap_or(u64::MAX),
            made: 0,
            failed: None,
        }
    }

    /// Whether the body passes through unchanged.
    pub fn is_identity(&self) -> bool {
        self.stages.is_empty()
    }

    /// How many decoded bytes were handed out.
    pub fn decoded(&self) -> u64 {
        self.made
    }

    /// Gives the next chunk of the encoded body, once [`next_chunk`](Self::next_chunk) has
    /// returned `None`.
    ///
    /// # Panics
    ///
    /// If pieces of the chunk before it were not taken, which would lose them.
    pub fn feed(&mut self, chunk: Bytes) {
        if self.failed.is_some() {
            return;
        }
        let input = match self.stages.first_mut() {
            Some(stage) => stage.input(),
            None => &mut self.fed,
        };
        assert!(input.is_empty(), "the last chunk was not used up");
        *input = chunk;
    }

    /// The next piece of the decoded body, never empty and at most 64 KiB if something was
    /// unpacked; `None` if the next chunk must be fed first.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] as soon as more than the limit would be handed out,
    /// [`Error::Malformed`], [`Error::TrailingData`] and [`Error::WindowTooLarge`] where the bytes
    /// say so.
    pub fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let piece = pull(&mut self.stages, &mut self.fed).and_then(|piece| self.count(piece));
        self.failed = piece.as_ref().err().cloned();
        piece
    }

    fn count(&mut self, piece: Option<Bytes>) -> Result<Option<Bytes>, Error> {
        let made = piece.as_ref().map_or(0, Bytes::len) as u64;
        if made > self.limit - self.made {
            return Err(Error::TooLarge { limit: self.limit });
        }
        self.made += made;
        Ok(piece)
    }

    /// Whether the body was complete, after its last chunk was fed and used up.
    ///
    /// A body of no bytes at all is complete in every encoding: servers send it for empty files.
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`], or the error that the decoder has failed with before.
    pub fn finish(&self) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.stages.first().is_none_or(Stage::is_untouched) {
            return Ok(());
        }
        self.stages.iter().try_for_each(Stage::finish)
    }
}

/// The next piece that leaves the last stage, fetching input for it from those before it.
fn pull(stages: &mut [Stage], fed: &mut Bytes) -> Result<Option<Bytes>, Error> {
    let Some((last, before)) = stages.split_last_mut() else {
        return Ok((!fed.is_empty()).then(|| std::mem::take(fed)));
    };
    loop {
        if let Some(piece) = last.next()? {
            return Ok(Some(piece));
        }
        match pull(before, fed)? {
            Some(piece) => *last.input() = piece,
            None => return Ok(None),
        }
    }
}
