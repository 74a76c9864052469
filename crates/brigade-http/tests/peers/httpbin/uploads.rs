//! Bodies that are made while they are sent.

use brigade_http::RequestBody;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::{Httpbin, json, shows};
use crate::{Outcome, close, expect};

/// What gunicorn reads of a body that its application did not ask for, at least.
const BODY_LEFT_MAX: usize = 32 << 10;

pub(crate) async fn h20i_streams_reach_httpbin_whole() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    for (parts, size) in [(0, 0), (1, 1), (1000, 1), (30, 1000), (16, 64 << 10)] {
        let text: String = ('a'..='z').cycle().take(parts * size).collect();
        let chunks = {
            let text = Bytes::from(text.clone());
            move || {
                let text = text.clone();
                let cut = move |part| text.slice(part * size..(part + 1) * size);
                stream::iter((0..parts).map(cut).map(Ok::<_, std::io::Error>))
            }
        };
        let request = client.post("post")?.body(RequestBody::stream(chunks()));
        let sent = json(request.send().await?).await?;
        is(&sent, &text)?;
        shows(&sent, "/headers/Transfer-Encoding", "chunked")?;
        shows(&sent, "/headers/Content-Length", Value::Null)?;

        let length = text.len().to_string();
        let known = RequestBody::stream(chunks()).length(text.len() as u64);
        let sent = client.put("put")?.body(known).send().await?;
        let sent = json(sent).await?;
        is(&sent, &text)?;
        shows(&sent, "/headers/Transfer-Encoding", Value::Null)?;
        shows(&sent, "/headers/Content-Length", length)?;

        // Once more after each redirect. gunicorn redirects without a look at the body, and cuts a
        // connection on which too much of it is left.
        if text.len() <= BODY_LEFT_MAX {
            let again = client.post("redirect-to?url=/anything&status_code=307")?;
            let again = again.body(RequestBody::repeatable(chunks)).send().await?;
            is(&json(again).await?, &text)?;
        }
    }
    close(client).await
}

fn is(answer: &Value, text: &str) -> Outcome {
    let found = answer["data"].as_str().unwrap_or_default();
    expect("bytes", found.len(), text.len())?;
    expect("the same", found == text, true)
}
