//! A plain reqwest loop: 64 requests in flight, a file for each body.
//!
//! This is what people write in an afternoon; it has no limits, no retries and no ledger.

use std::path::Path;

use futures_util::stream::{self, StreamExt};

use crate::Result;

pub(super) async fn run(list: &str, out: &str) -> Result<()> {
    let list = std::fs::read_to_string(list)?;
    // Plain HTTP only: what it costs to read the system's authorities is not what is measured.
    let client = reqwest::Client::builder().tls_certs_only([]).build()?;
    let out = Path::new(out);
    let mut done = stream::iter(list.lines().enumerate())
        .map(|(index, url)| {
            let client = client.clone();
            async move {
                let body = client
                    .get(url)
                    .send()
                    .await?
                    .error_for_status()?
                    .bytes()
                    .await?;
                std::fs::write(out.join(index.to_string()), &body)?;
                Ok::<(), Box<dyn std::error::Error>>(())
            }
        })
        .buffer_unordered(64);
    while let Some(result) = done.next().await {
        result?;
    }
    Ok(())
}
