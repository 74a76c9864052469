//! Files on their way to a server and back: nothing is ever in memory as a whole.
//!
//! Replaces: `requests.post(url, data=open(path, "rb"))`, `files={...}` and the loop over
//! `iter_content` that writes what comes to the file itself. The traps that are gone: a stream that
//! was half sent is sent again as an empty one, a file that grows meanwhile is cut off silently, a
//! download that broke off looks like one that is complete, and starts at zero the next time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brigade_http::multipart::{Multipart, Part};
use brigade_http::{Backoff, Client, Kind, Method, RequestBody};
use brigade_testkit::server::{Reply, Request, Server};

type Outcome = Result<(), Box<dyn std::error::Error>>;

async fn upload(client: &Client, server: &Server, folder: &std::path::Path) -> Outcome {
    let path = folder.join("buckets.csv");
    std::fs::write(&path, "name,litres\nred,10\n".repeat(10_000))?;
    let put = || client.request(Method::PUT, server.url("/buckets"));
    let answer = put()?.body(RequestBody::file(&path)).send().await?;
    println!("the file: {}", answer.text().await?);

    // The server is told to expect 99 bytes, and hears of the error instead of a short body.
    let short = put()?.body(RequestBody::reader(&b"too short"[..]).length(99));
    let error = short.send().await.expect_err("it is too short");
    assert_eq!(error.kind(), Kind::RequestBody);

    let note = Part::new("they leak")
        .file_name("note.txt")
        .mime("text/plain");
    let form = Multipart::new()
        .text("title", "Buckets")
        .file("table", &path);
    let form = client
        .post(server.url("/form"))?
        .multipart(form.part("note", note));
    println!("the form: {}", form.send().await?.text().await?);
    Ok(())
}

async fn download(client: &Client, server: &Server, folder: &std::path::Path) -> Outcome {
    let path = folder.join("numbers");
    let request = client.get(server.url("/numbers"))?.timeout(None);
    let quick = Backoff {
        base: Duration::from_millis(10),
        ..Backoff::default()
    };
    let download = request.download(&path).backoff(quick).progress(|progress| {
        println!(
            "{} of {} bytes",
            progress.written,
            progress.total.unwrap_or_default()
        );
    });
    let done = download.run().await?;
    println!("{} bytes, after {} failures", done.length(), done.resumes());
    assert_eq!(std::fs::read(path)?, numbers());
    Ok(())
}

fn numbers() -> Vec<u8> {
    (0..100_000).flat_map(u32::to_be_bytes).collect()
}

/// Breaks off the first answer with a file in the middle.
fn answer(request: &Request, asked: &AtomicUsize) -> Reply {
    if request.path() != "/numbers" {
        return Reply::ok(format!("{} bytes arrived", request.body().len()));
    }
    let range = request
        .header("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let from = range.and_then(|range| range.strip_suffix('-')?.parse().ok());
    let numbers = numbers();
    let reply = match from {
        Some(from @ 0_usize..400_000) => Reply::status(206)
            .body(numbers[from..].to_vec())
            .header("content-range", format!("bytes {from}-399999/400000")),
        _ => Reply::ok(numbers),
    };
    let reply = reply.header("etag", "\"the first hundred thousand\"");
    match asked.fetch_add(1, Ordering::Relaxed) {
        0 => reply.close_after(250_000),
        _ => reply,
    }
}

fn main() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |request| answer(request, &asked)).await?;
        let (client, folder) = (Client::new()?, tempfile::tempdir()?);
        upload(&client, &server, folder.path()).await?;
        download(&client, &server, folder.path()).await?;
        client.close().await;
        Ok(())
    })
}
