//! Responses: any headers and any body are text, JSON, typed lines, or an error.
//!
//! The first line gives the seed of the cuts. Then come headers, one a line, up to a blank line, and
//! the body behind it.

use serde_json::Value;

use super::stage;

pub(crate) fn run(data: &[u8]) {
    let (settings, rest) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    let (headers, body) = split(rest);
    let client = stage::answered(headers, stage::pieces(body, seed), stage::builder());
    stage::run(async {
        let ask = async || {
            let request = client.get("http://a.test/b").expect("a URL").max_body(1 << 16);
            request.redirects(3).send().await
        };
        if let Ok(response) = ask().await {
            let _ = response.link("next");
            if let Ok(text) = response.text().await {
                assert!(text.len() <= 3 << 16);
            }
        }
        if let Ok(response) = ask().await {
            let _ = response.json::<Value>().await;
        }
        if let Ok(response) = ask().await {
            let mut values = response.ndjson::<Value>();
            let mut count = 0;
            while let Some(value) = values.next().await {
                let _ = value;
                count += 1;
                assert!(count <= (1 << 16) + 2);
            }
        }
    });
}

/// Headers, as names and values, and the body.
type Parts<'a> = (Vec<(String, Vec<u8>)>, &'a [u8]);

pub(crate) fn split(mut rest: &[u8]) -> Parts<'_> {
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let (line, after) = stage::settings(rest);
        if after.len() == rest.len() {
            // A last line without an end.
            return (headers, rest);
        }
        rest = after;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        if let Some(colon) = colon
            && let Ok(name) = std::str::from_utf8(&line[..colon])
        {
            headers.push((name.to_owned(), line[colon + 1..].trim_ascii().to_vec()));
        }
    }
    (headers, rest)
}
