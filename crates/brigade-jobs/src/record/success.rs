//! A fetched URL on its way to the output.

/// A fetched URL: its line of output, all but encoded.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) index: u64,
    pub(crate) status: u16,
    /// The head of the record (of an archive, the packed exchanges), then the body as it was received: one allocation for both.
    pub(crate) data: Vec<u8>,
    /// Where the body begins.
    pub(crate) body_at: usize,
    /// Where the body is to lie, if it becomes a file.
    pub(crate) place: Option<Box<str>>,
    /// From the request to the last byte of the body; after redirects, of the last request.
    pub(crate) elapsed_us: u64,
    /// Bytes that it holds of the budget.
    pub(crate) budget: usize,
}
