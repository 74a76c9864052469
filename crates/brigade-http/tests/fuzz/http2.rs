//! HTTP/2: whatever a server says, the request ends, and its body.

use super::{http1, stage};

pub(crate) fn run(data: &[u8]) {
    let (settings, said) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    let builder = stage::builder().http2_prior_knowledge();
    http1::spoken(stage::connected(stage::pieces(said, seed), builder));
}
