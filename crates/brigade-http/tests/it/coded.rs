//! H6 for compressed bodies, through the whole client.

use std::io::Write;

use brigade_http::{Kind, Method};
use brigade_testkit::server::{Reply, Server};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::{builder, client, tell};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn brotli(mut text: &[u8]) -> Vec<u8> {
    let parameters = BrotliEncoderParams {
        quality: 2,
        ..BrotliEncoderParams::default()
    };
    let mut body = Vec::new();
    brotli::BrotliCompress(&mut text, &mut body, &parameters).unwrap();
    body
}

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut body, text, 3).unwrap();
    body
}

async fn serve(coding: &'static str, body: Vec<u8>) -> Server {
    let reply = Reply::ok(body).header("content-encoding", coding);
    Server::start(move |_| reply.clone()).await.unwrap()
}

#[tokio::test]
async fn h6h_compressed_bodies_are_asked_for_and_unpacked() {
    let text = b"many buckets make a stream ".repeat(10_000);
    let members = [gzip(&text[..100]), gzip(&text[100..])].concat();
    let frames = [zstd(&text[..100]), zstd(&text[100..])].concat();
    let bodies = [
        ("gzip", gzip(&text)),
        ("gzip", members),
        ("deflate", zlib(&text)),
        ("deflate", deflate(&text)),
        ("br", brotli(&text)),
        ("zstd", zstd(&text)),
        ("zstd", frames),
        ("gzip, deflate", zlib(&gzip(&text))),
        (
            "zstd, gzip, deflate, br",
            brotli(&zlib(&gzip(&zstd(&text)))),
        ),
        ("identity", text.clone()),
    ];
    for (coding, body) in bodies {
        let server = serve(coding, body).await;
        let response = client().get(server.url("/")).unwrap().send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], coding);
        assert_eq!(response.bytes().await.unwrap(), text, "{coding}");
        assert_eq!(
            server.requests()[0].header("accept-encoding"),
            Some("gzip, deflate, br, zstd")
        );
    }
}

#[tokio::test]
async fn h6i_a_compressed_body_is_handed_out_as_it_is_if_the_caller_wants_it_so() {
    let server = serve("gzip", gzip(b"text")).await;
    let plain = builder().compression(false).build().unwrap();
    let response = plain.get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), gzip(b"text"));
    assert_eq!(server.requests()[0].header("accept-encoding"), None);
    // A part of something compressed could not be unpacked.
    let request = client()
        .get(server.url("/"))
        .unwrap()
        .header("range", "bytes=5-");
    request.send().await.unwrap();
    assert_eq!(server.requests()[1].header("accept-encoding"), None);
}

#[tokio::test]
async fn h6j_a_bomb_a_torn_body_and_an_unknown_encoding_are_errors() {
    let zeros = vec![0; 50 << 20];
    let text = b"some text that is long enough to be torn";
    let torn = |body: Vec<u8>| body[..body.len() - 9].to_vec();
    let nothing_encoded = || b"not encoded at all".to_vec();
    let bodies = [
        ("gzip", gzip(&zeros), Kind::TooLarge),
        ("br", brotli(&zeros), Kind::TooLarge),
        ("zstd", zstd(&zeros), Kind::TooLarge),
        ("gzip", torn(gzip(text)), Kind::Decode),
        ("br", torn(brotli(text)), Kind::Decode),
        ("zstd", torn(zstd(text)), Kind::Decode),
        ("gzip", nothing_encoded(), Kind::Decode),
        ("br", nothing_encoded(), Kind::Decode),
        ("zstd", nothing_encoded(), Kind::Decode),
        ("compress", nothing_encoded(), Kind::Decode),
    ];
    for (coding, body, kind) in bodies {
        assert!(body.len() < 100_000, "{coding}");
        let server = serve(coding, body).await;
        let request = client().get(server.url("/")).unwrap().max_body(1 << 20);
        let mut response = request.send().await.unwrap();
        let error = loop {
            match response.chunk().await {
                Ok(chunk) => assert!(chunk.is_some(), "{coding}: it ended well"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), kind, "{}", tell(&error));
        let again = response.chunk().await.unwrap_err();
        assert_eq!(again.kind(), kind, "an error is never followed by an end");
    }
}

#[tokio::test]
async fn h6k_a_response_without_a_body_is_not_unpacked() {
    for (method, status) in [(Method::HEAD, 200), (Method::GET, 204), (Method::GET, 304)] {
        let reply = Reply::status(status).header("content-encoding", "gzip");
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let request = client().request(method, server.url("/")).unwrap();
        assert_eq!(request.send().await.unwrap().bytes().await.unwrap(), "");
    }
    let server = serve("gzip", Vec::new()).await;
    let response = client().get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn h6v_text_is_in_the_encoding_that_the_response_names() {
    let bodies: [(&str, &[u8]); 4] = [
        ("text/plain; charset=\"Latin1\"", b"na\xefve"),
        ("text/plain; charset=utf-16", b"n\0a\0\xef\0v\0e\0"),
        ("text/plain; charset=gbk", b"\xef\xbb\xbfna\xc3\xafve"),
        ("text/plain", b"na\xc3\xafve"),
    ];
    for (content_type, body) in bodies {
        let reply = Reply::ok(gzip(body)).header("content-encoding", "gzip");
        let reply = reply.header("content-type", content_type);
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let get = async || client().get(server.url("/")).unwrap().send().await.unwrap();
        assert_eq!(get().await.text().await.unwrap(), "na\u{ef}ve");
        assert_eq!(get().await.text_lossy().await.unwrap(), "na\u{ef}ve");
    }
}

#[tokio::test]
async fn h6w_text_that_does_not_fit_is_an_error_or_marked() {
    let bodies = [
        ("text/plain", "not valid UTF-8 at byte 2", "na\u{fffd}ve"),
        (
            "text/plain; charset=shift_jis",
            "not valid Shift_JIS",
            "na\u{fffd}ve",
        ),
        (
            "a/b; charset=no-such",
            "the charset `no-such` is not known",
            "na\u{fffd}ve",
        ),
    ];
    for (content_type, says, lossy) in bodies {
        let reply = Reply::ok(&b"na\xefve"[..]).header("content-type", content_type);
        let server = Server::start(move |_| reply.clone()).await.unwrap();
        let get = async || client().get(server.url("/")).unwrap().send().await.unwrap();
        let error = get().await.text().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode);
        assert!(tell(&error).contains(says), "{}", tell(&error));
        assert_eq!(get().await.text_lossy().await.unwrap(), lossy);
    }
}
