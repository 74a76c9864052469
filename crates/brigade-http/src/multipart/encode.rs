//! What a form is on the wire (RFC 2046, section 5.1, and RFC 7578).
//!
//! Names never end a header or begin another one. The boundary is not looked for in the contents,
//! because nobody who wrote one can know it: see [`Boundary`].

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use http::HeaderValue;
use http_body::Body as _;

use super::part::Part;
use crate::answered::BoxError;
use crate::body::{Payload, RequestBody};

/// What separates the parts of one form: 128 bits that are new for each.
///
/// They come from a keyed hash whose key is the process's secret, not from a fast generator: whoever
/// gets forms of this process to see cannot tell the boundary of the next one, and so cannot have it
/// upload a content that ends its own part.
pub(super) struct Boundary(String);

impl Boundary {
    pub(super) fn new() -> Self {
        let keyed = RandomState::new();
        let (high, low) = (keyed.hash_one(0), keyed.hash_one(1));
        Self(format!("brigade-{high:016x}{low:016x}"))
    }

    pub(super) fn mime(&self) -> HeaderValue {
        let mime = format!("multipart/form-data; boundary={}", self.0);
        let mime = HeaderValue::try_from(mime);
        mime.unwrap_or_else(|_| unreachable!("it has hexadecimal digits only"))
    }

    /// All that comes before the content of a part.
    pub(super) fn head(&self, name: &str, part: &Part) -> Vec<u8> {
        let mut head = format!("--{}\r\nContent-Disposition: form-data; name=\"", self.0);
        escape(name, &mut head);
        if let Some(file_name) = &part.file_name {
            head.push_str("\"; filename=\"");
            escape(file_name, &mut head);
        }
        head.push_str("\"\r\n");
        let mut head = head.into_bytes();
        for (name, value) in &part.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// As the standard for forms of HTML says, which leaves other controls as they are.
fn escape(name: &str, head: &mut String) {
    for letter in name.chars() {
        match letter {
            '"' => head.push_str("%22"),
            '\t' => head.push('\t'),
            control if control.is_ascii_control() => {
                head.push_str(&format!("%{:02X}", u32::from(control)));
            }
            other => head.push(other),
        }
    }
}

/// The body of a form, whose files are looked at when it is sent.
pub(super) fn body(boundary: Boundary, parts: Vec<(Vec<u8>, RequestBody)>) -> RequestBody {
    RequestBody::later(async move {
        let mut segments = Vec::with_capacity(2 * parts.len() + 1);
        let mut glue = Vec::new();
        for (head, body) in parts {
            glue.extend_from_slice(&head);
            segments.push(Payload::from(Bytes::from(glue)));
            segments.push(body.settle().await?);
            glue = b"\r\n".to_vec();
        }
        glue.extend_from_slice(format!("--{}--\r\n", boundary.0).as_bytes());
        segments.push(Payload::from(Bytes::from(glue)));
        Ok(joined(segments.into()))
    })
}

/// One body after the other.
fn joined(segments: Arc<[Payload]>) -> RequestBody {
    let lengths = segments.iter().map(Payload::length);
    let length = lengths.sum::<Option<u64>>();
    let body = match segments.iter().all(Payload::is_repeatable) {
        true => RequestBody::repeatable(move || chunks(segments.clone())),
        false => RequestBody::stream(chunks(segments)),
    };
    match length {
        Some(length) => body.length(length),
        None => body,
    }
}

fn chunks(segments: Arc<[Payload]>) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    try_unfold(
        (segments, 0, None),
        |(segments, mut next, mut body)| async move {
            loop {
                let open: &mut RequestBody = match &mut body {
                    Some(open) => open,
                    none => {
                        let Some(segment) = segments.get(next) else {
                            return Ok(None);
                        };
                        next += 1;
                        none.insert(segment.body())
                    }
                };
                let frame = poll_fn(|cx| Pin::new(&mut *open).poll_frame(cx)).await;
                match frame.transpose()?.map(|frame| frame.into_data()) {
                    Some(Ok(chunk)) => return Ok(Some((chunk, (segments, next, body)))),
                    Some(Err(_)) => {}
                    None => body = None,
                }
            }
        },
    )
}
