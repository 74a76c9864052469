//! H16 about forms with files, which are read back by a parser of somebody else's making.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::multipart::{Multipart, Part};
use brigade_http::{Client, Kind, RequestBody, RequestBuilder};
use brigade_testkit::server::{Reply, Server};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::BodyExt;
use multer::parse_boundary;
use proptest::prelude::{Strategy, any, prop_assert_eq, proptest};
use proptest::{collection, option};
use tower::service_fn;

use super::{builder, client, tell};

/// A part as the other side reads it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Read {
    name: Option<String>,
    file_name: Option<String>,
    mime: Option<String>,
    content: Vec<u8>,
}

async fn parse(mime: &str, body: Bytes) -> Result<Vec<Read>, multer::Error> {
    let once = stream::iter([Ok::<_, Infallible>(body)]);
    let mut form = multer::Multipart::new(once, parse_boundary(mime)?);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await? {
        parts.push(Read {
            name: field.name().map(str::to_owned),
            file_name: field.file_name().map(str::to_owned),
            mime: field
                .headers()
                .get("content-type")
                .map(|mime| mime.to_str().unwrap().into()),
            content: field.bytes().await?.into(),
        });
    }
    Ok(parts)
}

/// What came: the type, the length if it was announced, and the body.
type Came = Arc<Mutex<Vec<(String, Option<u64>, Bytes)>>>;

/// A client without a network, and what it was asked to send.
fn catching() -> (Client, Came) {
    let came = Came::default();
    let keep = came.clone();
    let service = service_fn(move |request: Request<RequestBody>| {
        let keep = keep.clone();
        async move {
            let text = |name| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
            let mime = text("content-type").unwrap();
            let length = text("content-length").map(|length| length.parse().unwrap());
            let body = request.into_body().collect().await?.to_bytes();
            keep.lock().unwrap().push((mime, length, body));
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::new(String::new()))
        }
    });
    (builder().service(service).build().unwrap(), came)
}

fn post(client: &Client) -> RequestBuilder {
    client.post("http://a/").unwrap()
}

/// Sends a form, and reads it back.
async fn back(form: Multipart) -> Vec<Read> {
    let (client, came) = catching();
    post(&client).multipart(form).send().await.unwrap();
    let (mime, length, body) = came.lock().unwrap().remove(0);
    assert!(length.is_none_or(|length| length == body.len() as u64));
    parse(&mime, body).await.unwrap()
}

#[tokio::test]
async fn h16m_a_form_arrives_part_by_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.bin");
    std::fs::write(&path, [0, 13, 10, 45, 45, 255]).unwrap();
    let lines = stream::iter(["1\n", "2\n"].map(Ok::<_, io::Error>));
    let lines = Part::new(RequestBody::stream(lines)).file_name("lines.txt");
    let lines = lines.mime("text/plain").header("x-kind", "wood");
    let form = Multipart::new()
        .text("title", "Über allem")
        .text("empty", "");
    let parts = back(form.file("file", &path).part("lines", lines)).await;
    let text = |text: &str| Some(text.to_owned());
    let plain = |name, content: &str| Read {
        name: text(name),
        content: content.into(),
        ..Read::default()
    };
    let file = Read {
        name: text("file"),
        file_name: text("data.bin"),
        mime: text("application/octet-stream"),
        content: vec![0, 13, 10, 45, 45, 255],
    };
    let lines = Read {
        file_name: text("lines.txt"),
        mime: text("text/plain"),
        ..plain("lines", "1\n2\n")
    };
    assert_eq!(
        parts,
        [
            plain("title", "Über allem"),
            plain("empty", ""),
            file,
            lines
        ]
    );
    assert_eq!(back(Multipart::new()).await, []);
}

#[tokio::test]
async fn h16m_a_form_has_a_boundary_of_its_own() {
    let (client, came) = catching();
    for _ in 0..100 {
        post(&client)
            .multipart(Multipart::new().text("a", "b"))
            .send()
            .await
            .unwrap();
    }
    let came = came.lock().unwrap();
    let mimes = came.iter().map(|(mime, ..)| mime.clone());
    assert_eq!(mimes.collect::<std::collections::HashSet<_>>().len(), 100);
}

#[test]
fn h16n_names_cannot_end_a_header() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let evil = "a\"\r\nContent-Type: text/html\r\n\r\n<b>\0\u{7f}";
    let part = Part::new("x").file_name(evil);
    let parts = runtime.block_on(back(Multipart::new().part(evil, part)));
    let escaped = "a%22%0D%0AContent-Type: text/html%0D%0A%0D%0A<b>%00%7F".to_owned();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].name.as_ref(), Some(&escaped));
    assert_eq!(parts[0].file_name.as_ref(), Some(&escaped));
    assert_eq!(parts[0].mime, None);
}

#[tokio::test]
async fn h16n_a_header_that_cannot_be_sent_is_an_error_of_the_request() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let bad = [
        Part::new("x").mime("text/plain\r\nevil: 1"),
        Part::new("x").header("x y", "1"),
        Part::new("x").header("content-disposition", "form-data; name=other"),
    ];
    for part in bad {
        let form = Multipart::new().text("a", "b").part("bad", part);
        let request = client().post(server.url("/")).unwrap().multipart(form);
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{}", tell(&error));
    }
    assert_eq!(server.connections().total, 0);
}

/// What the parser makes of a name. It takes a backslash before a quotation mark for a part of the
/// name, which the standard for forms does not know.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for letter in name.chars() {
        match letter {
            '"' => escaped.push_str("%22"),
            '\t' => escaped.push('\t'),
            letter if letter.is_ascii_control() => {
                escaped.push_str(&format!("%{:02X}", letter as u32));
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

fn name() -> impl Strategy<Value = String> {
    let hostile = collection::vec("[\"\r\n;=%-]|\\PC|\\p{Cc}|[ a-z]", 1..12);
    hostile.prop_map(|pieces| {
        pieces
            .concat()
            .trim()
            .replace('\\', "")
            .replace("filename", "file")
    })
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let hostile = "(--|\r\n|\r|\n|-|brigade-|[a-f0-9]{1,8}|x){0,20}";
    let bytes = collection::vec(any::<u8>(), 0..200);
    proptest::prop_oneof![hostile.prop_map(String::into_bytes), bytes]
}

proptest! {
    #[test]
    fn h16n_whatever_names_and_contents_are_the_parts_are_the_same(
        parts in collection::vec((name(), option::of(name()), content(), any::<bool>()), 0..6)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut form = Multipart::new();
        for (name, file_name, content, in_pieces) in &parts {
            let pieces = content.chunks(7).map(<[u8]>::to_vec).map(Ok::<_, Infallible>);
            let pieces: Vec<_> = pieces.collect();
            let mut part = match in_pieces {
                true => Part::new(RequestBody::stream(stream::iter(pieces))),
                false => Part::new(content.clone()),
            };
            if let Some(file_name) = file_name {
                part = part.file_name(file_name);
            }
            form = form.part(name, part);
        }
        let expected = parts.iter().map(|(name, file_name, content, _)| Read {
            name: Some(escaped(name)),
            file_name: file_name.as_deref().map(escaped),
            mime: None,
            content: content.clone(),
        });
        prop_assert_eq!(runtime.block_on(back(form)), expected.collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn h16o_a_form_announces_its_length_if_its_parts_know_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, vec![b'x'; 300_000]).unwrap();
    let (client, came) = catching();
    let stream = || RequestBody::stream(stream::iter([Ok::<_, io::Error>("12345")]));
    let form = || Multipart::new().text("a", "b").file("f", &path);
    let sized = form().part("s", Part::new(stream().length(5)));
    for (form, is_known) in [
        (form(), true),
        (sized, true),
        (form().part("s", Part::new(stream())), false),
    ] {
        post(&client).multipart(form).send().await.unwrap();
        let (_, length, body) = came.lock().unwrap().remove(0);
        assert_eq!(length, is_known.then_some(body.len() as u64));
    }
    let wrong = form().part("s", Part::new(stream().length(6)));
    let error = post(&client).multipart(wrong).send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::RequestBody);
    assert!(tell(&error).contains("5 of 6 bytes"), "{}", tell(&error));
    let missing = form().file("f", folder.path().join("missing"));
    let error = post(&client).multipart(missing).send().await.unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn h16o_a_form_is_sent_again_if_all_of_its_parts_can_be() {
    let server = Server::start(|request| match request.path() {
        "/old" => Reply::redirect(307, "/new"),
        _ => Reply::ok(request.body().clone())
            .header("x-mime", request.header("content-type").unwrap().to_owned()),
    });
    let server = server.await.unwrap();
    let repeatable = || stream::iter([Ok::<_, io::Error>("12345")]);
    let form = Multipart::new().file("f", "Cargo.toml");
    let form = form.part("s", Part::new(RequestBody::repeatable(repeatable)));
    let request = client().post(server.url("/old")).unwrap().multipart(form);
    let response = request
        .timeout(Duration::from_secs(10))
        .send()
        .await
        .unwrap();
    let mime = response.headers()["x-mime"].to_str().unwrap().to_owned();
    let parts = parse(&mime, response.bytes().await.unwrap()).await.unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[1].content, b"12345");
    let once = Multipart::new().part("s", Part::new(RequestBody::stream(repeatable())));
    let request = client().post(server.url("/old")).unwrap().multipart(once);
    assert_eq!(request.send().await.unwrap_err().kind(), Kind::RequestBody);
}
