//! What the bytes of a line are taken for.

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use bytes::Bytes;

/// What the bytes of a line are taken for: [`Utf8`], [`Lossy`] or [`Raw`].
pub trait Encoding: sealed::Sealed {
    /// A line that was lent.
    type Line<'l>: Debug;
    /// A line of its own.
    type Owned: Debug;
}

/// Text; a line that is not UTF-8 is an error.
#[derive(Clone, Copy, Debug)]
pub struct Utf8(());

/// Text; what is not UTF-8 is replaced by U+FFFD.
#[derive(Clone, Copy, Debug)]
pub struct Lossy(());

/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
pub struct Raw(());

impl Encoding for Utf8 {
    type Line<'l> = &'l str;
    type Owned = String;
}

impl Encoding for Lossy {
    type Line<'l> = Cow<'l, str>;
    type Owned = String;
}

impl Encoding for Raw {
    type Line<'l> = &'l [u8];
    type Owned = Bytes;
}

pub(super) mod sealed {
    use super::*;

    /// What is in the way of a line, in bytes from its beginning.
    pub(super) type Valid = usize;

    pub trait Sealed {
        /// The bytes of many lines, as far as they can be checked at once.
        type Block<'l>: Copy + Debug;

        fn check(bytes: &[u8]) -> Self::Block<'_>;

        /// One line of a block.
        fn cut<'l>(
            block: Self::Block<'l>,
            bytes: &'l [u8],
            span: Range<usize>,
        ) -> Result<<Self as Encoding>::Line<'l>, Valid>
        where
            Self: Encoding;

        /// One line by itself.
        fn view(bytes: &[u8]) -> Result<<Self as Encoding>::Line<'_>, Valid>
        where
            Self: Encoding;

        /// One line to keep.
        fn own(bytes: &Bytes, span: Range<usize>) -> Result<<Self as Encoding>::Owned, Valid>
        where
            Self: Encoding;
    }

    impl Sealed for Utf8 {
        type Block<'l> = Option<&'l str>;

        fn check(bytes: &[u8]) -> Option<&str> {
            std::str::from_utf8(bytes).ok()
        }

        #[inline]
        fn cut<'l>(
            block: Option<&'l str>,
            bytes: &'l [u8],
            span: Range<usize>,
        ) -> Result<&'l str, Valid> {
            match block {
                Some(text) => Ok(&text[span]),
                None => Self::view(&bytes[span]),
            }
        }

        fn view(bytes: &[u8]) -> Result<&str, Valid> {
            std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())
        }

        fn own(bytes: &Bytes, span: Range<usize>) -> Result<String, Valid> {
            Self::view(&bytes[span]).map(str::to_owned)
        }
    }

    impl Sealed for Lossy {
        type Block<'l> = Option<&'l str>;

        fn check(bytes: &[u8]) -> Option<&str> {
            Utf8::check(bytes)
        }

        fn cut<'l>(
            block: Option<&'l str>,
            bytes: &'l [u8],
            span: Range<usize>,
        ) -> Result<Cow<'l, str>, Valid> {
            match block {
                Some(text) => Ok(Cow::Borrowed(&text[span])),
                None => Self::view(&bytes[span]),
            }
        }

        fn view(bytes: &[u8]) -> Result<Cow<'_, str>, Valid> {
            Ok(String::from_utf8_lossy(bytes))
        }

        fn own(bytes: &Bytes, span: Range<usize>) -> Result<String, Valid> {
            Ok(String::from_utf8_lossy(&bytes[span]).into_owned())
        }
    }

    impl Sealed for Raw {
        type Block<'l> = ();

        fn check(_bytes: &[u8]) {}

        #[inline]
        fn cut(_block: (), bytes: &[u8], span: Range<usize>) -> Result<&[u8], Valid> {
            Ok(&bytes[span])
        }

        fn view(bytes: &[u8]) -> Result<&[u8], Valid> {
            Ok(bytes)
        }

        fn own(bytes: &Bytes, span: Range<usize>) -> Result<Bytes, Valid> {
            Ok(bytes.slice(span))
        }
    }
}
