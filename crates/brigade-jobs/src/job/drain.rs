//! The end of a body that nobody wants: that of a redirect, or of an answer that is no result.
//!
//! Read to its end it leaves a connection that can be used again, which is worth a little. A server
//! that sends it slowly or without end must gain nothing by that, so bytes and time are bounded, and
//! beyond them the connection is given up. It never fails.

use std::time::Duration;

use brigade_http::{Error, Kind, Response};
use tokio::time::timeout;

use super::attempt::announced;
use crate::record::Cut;

/// So much of such a body is read, for so long at most.
const BYTES: usize = 64 << 10;
const TIME: Duration = Duration::from_millis(500);

/// Reads such a body to its end, if that is near. Returns its first `kept` bytes, and why they are
/// not all of it, if they are not.
pub(super) async fn drain(response: &mut Response, kept: usize) -> (Vec<u8>, Option<Cut>) {
    let (mut first, mut read) = (Vec::new(), 0);
    let most = match announced(response) {
        0..=BYTES => BYTES,
        _ => kept,
    };
    let reading = async {
        while read < most {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return None,
                Err(error) => return Some(reason(&error)),
            };
            let room = kept - first.len();
            first.extend_from_slice(&chunk[..chunk.len().min(room)]);
            read += chunk.len();
        }
        Some(Cut::Length)
    };
    let cut = timeout(TIME, reading).await.unwrap_or(Some(Cut::Time));
    // Whatever came of the rest.
    let cut = if read > kept { Some(Cut::Length) } else { cut };
    (first, cut)
}

/// Why a body ends that cannot be read on.
fn reason(error: &Error) -> Cut {
    match error.kind() {
        Kind::TooLarge => Cut::Length,
        Kind::Timeout(_) => Cut::Time,
        _ => Cut::Disconnect,
    }
}
