//! An exchange as it went over the wire, on its way into an archive.
//!
//! It never holds a header's value that was given to the job, or a user name or password: those are
//! taken out before it is made.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use bytes::Bytes;

/// One exchange, all but encoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    /// The URL that was asked for, without user name, password and fragment.
    pub(crate) url: String,
    /// When it was asked for.
    pub(crate) at: SystemTime,
    /// Who was asked, if by an address.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) is_http2: bool,
    pub(crate) request: Vec<u8>,
    /// The head of the response.
    pub(crate) head: Bytes,
    /// What came after the head, of an exchange whose body is no result.
    pub(crate) body: Vec<u8>,
    /// Whether there was more of it.
    pub(crate) is_cut: bool,
}

impl Capture {
    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.url.len() + self.request.len() + self.head.len() + self.body.len();
        size_of::<Self>() + texts
    }
}

/// Without the bytes, of which there are many.
impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("url", &self.url)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
