//! Answers of every status, type and coding.

use brigade_http::{Client, Kind, Method, Response, StatusCode};
use libtest_mimic::Failed;

use super::{Httpbin, json, shows};
use crate::{Outcome, close, expect};

pub(crate) async fn h20c_statuses_of_httpbin_are_errors_where_asked_for() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().redirects(0).build()?;
    let methods = [Method::GET, Method::POST, Method::HEAD];
    for code in (200..=208).chain([226, 300, 304, 305, 306]) {
        for method in &methods {
            let response = status(&client, method, code).await?;
            expect("status", response.status().as_u16(), code)?;
            response.error_for_status()?.bytes().await?;
        }
    }
    for code in (400..=418).chain(421..=431).chain(500..=511).chain([451]) {
        for method in &methods {
            let response = status(&client, method, code).await?;
            let Err(error) = response.error_for_status() else {
                return Err(format!("status {code} is no error").into());
            };
            let kind = Kind::Status(StatusCode::from_u16(code)?);
            expect("kind", error.kind(), kind)?;
        }
    }
    let teapot = status(&client, &Method::GET, 418).await?.text().await?;
    expect("teapot", teapot.contains("[ teapot ]"), true)?;
    close(client).await
}

async fn status(client: &Client, method: &Method, code: u16) -> Result<Response, Failed> {
    let request = client.request(method.clone(), format!("status/{code}"))?;
    Ok(request.send().await?)
}

pub(crate) async fn h20d_bodies_of_httpbin_arrive_as_they_are() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    for (path, mime, part) in [
        ("html", "text/html", "Herman Melville - Moby-Dick"),
        ("encoding/utf8", "text/html", "\u{222e} E\u{22c5}da = Q"),
        ("robots.txt", "text/plain", "Disallow: /deny"),
        (
            "xml",
            "application/xml",
            "<title>Wake up to WonderWidgets!</title>",
        ),
        ("links/10/0", "text/html", "<a href='/links/10/9'>9</a>"),
        ("base64/TGludXg=", "text/html", "Linux"),
    ] {
        let response = client.get(path)?.send().await?;
        is_typed(&response, mime)?;
        let text = response.text().await?;
        if !text.contains(part) {
            return Err(format!("{path} has no {part:?}: {text}").into());
        }
    }
    for (kind, start) in [
        ("png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("jpeg", b"\xff\xd8\xff"),
        ("webp", b"RIFF"),
        ("svg+xml", b"<svg"),
    ] {
        let mime = format!("image/{kind}");
        let response = client.get("image")?.header("accept", &mime).send().await?;
        is_typed(&response, &mime)?;
        let length = response.headers()["content-length"].clone();
        let image = response.bytes().await?;
        expect("start", &image[..start.len()], start)?;
        expect("length", image.len().to_string().as_str(), length.to_str()?)?;
    }
    let title = json(client.get("json")?.send().await?).await?;
    shows(&title, "/slideshow/title", "Sample Slide Show")?;
    // The same at once and in chunks of all sizes.
    for size in [0, 1, 1023, 100 << 10] {
        let path = format!("bytes/{size}?seed=7");
        let whole = client.get(path)?.send().await?.bytes().await?;
        expect("size", whole.len(), size)?;
        for chunk in [1, 999, 64 << 10] {
            if size / chunk > 2000 {
                continue;
            }
            let path = format!("stream-bytes/{size}?seed=7&chunk_size={chunk}");
            let parts = client.get(path)?.send().await?.bytes().await?;
            expect("the same in chunks", parts == whole, true)?;
        }
    }
    expect("connections", client.stats().total(), 1)?;
    close(client).await
}

fn is_typed(response: &Response, mime: &str) -> Outcome {
    let found = response.headers()["content-type"].to_str()?;
    expect("type", found.split(';').next(), Some(mime))
}

pub(crate) async fn h20d_what_httpbin_packs_is_unpacked() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    let plain = httpbin.client().compression(false).build()?;
    for (path, mark, coding, start) in [
        ("gzip", "/gzipped", "gzip", &b"\x1f\x8b"[..]),
        ("deflate", "/deflated", "deflate", b"\x78"),
        // It has no mark at its beginning.
        ("brotli", "/brotli", "br", b""),
    ] {
        let response = client.get(path)?.send().await?;
        expect(
            "coding",
            response.headers()["content-encoding"].to_str()?,
            coding,
        )?;
        let answer = json(response).await?;
        shows(&answer, mark, true)?;
        shows(&answer, "/method", "GET")?;
        let packed = plain.get(path)?.send().await?.bytes().await?;
        expect("start", &packed[..start.len()], start)?;
        expect("text", std::str::from_utf8(&packed).is_ok(), false)?;
    }
    close(plain).await?;
    close(client).await
}

pub(crate) async fn h20e_ranges_and_conditions_of_httpbin_hold() -> Outcome {
    const SIZE: usize = 26_000;
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    let path = format!("range/{SIZE}");
    let whole: Vec<u8> = (b'a'..=b'z').cycle().take(SIZE).collect();
    for (range, part) in [
        ("bytes=0-0", 0..1),
        ("bytes=100-199", 100..200),
        ("bytes=25000-", 25_000..SIZE),
        ("bytes=-10", SIZE - 10..SIZE),
    ] {
        let response = client.get(&path)?.header("range", range).send().await?;
        expect("status", response.status().as_u16(), 206)?;
        let expected = format!("bytes {}-{}/{SIZE}", part.start, part.end - 1);
        let found = response.headers()["content-range"].clone();
        expect("Content-Range", found.to_str()?, expected.as_str())?;
        expect(range, response.bytes().await? == whole[part], true)?;
    }
    let beyond = client.get(&path)?.header("range", "bytes=26000-26001");
    expect("beyond", beyond.send().await?.status().as_u16(), 416)?;
    let all = client.get(&path)?.send().await?;
    expect("status", all.status().as_u16(), 200)?;
    expect("whole", all.bytes().await? == whole, true)?;

    let same = client.get("etag/sum")?.header("if-none-match", "\"sum\"");
    let same = same.send().await?.error_for_status()?;
    expect("the same", same.status().as_u16(), 304)?;
    expect("its body", same.bytes().await?.len(), 0)?;
    let other = client.get("etag/sum")?.header("if-none-match", "\"old\"");
    expect("another", other.send().await?.status().as_u16(), 200)?;
    let gone = client.get("etag/sum")?.header("if-match", "\"old\"");
    expect("gone", gone.send().await?.status().as_u16(), 412)?;
    close(client).await
}
