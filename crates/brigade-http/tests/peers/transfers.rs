//! Large bodies on their way to nginx, and files on their way back that are broken off.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use brigade_http::download::Downloaded;
use brigade_http::multipart::Multipart;
use brigade_http::{Client, Method, RequestBody};
use futures_util::stream;
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::bodies::{memory_max, memory_now, noise, write_large};
use crate::nginx::Nginx;
use crate::servers::Server;
use crate::{Outcome, close};

const CHUNK: usize = 100 << 10;
const CHUNKS: usize = 1 << 10;
/// 100 MiB.
const SIZE: usize = CHUNK * CHUNKS;
const MEMORY_MAX: u64 = 16 << 20;

/// The chunks of a large body.
fn chunks() -> impl Iterator<Item = Vec<u8>> {
    let noise = noise(16, CHUNK);
    (0..CHUNKS).map(move |number| {
        let mut chunk = noise.clone();
        chunk[..8].copy_from_slice(&number.to_be_bytes());
        chunk
    })
}

pub(crate) async fn h16p_large_bodies_reach_nginx_in_bounded_memory(server: Server) -> Outcome {
    let folder = TempDir::with_prefix("brigade-uploads-")?;
    let path = folder.path().join("large");
    write(&path)?;
    let client = server.client()?.build()?;
    let stream = || RequestBody::stream(stream::iter(chunks().map(Ok::<_, std::io::Error>)));
    let put = |name: &str| client.request(Method::PUT, server.url(&format!("/put/{name}")));
    let before = memory_now();
    let requests = [
        ("chunked", put("chunked")?.body(stream())),
        ("sized", put("sized")?.body(stream().length(SIZE as u64))),
        ("file", put("file")?.body(RequestBody::file(&path))),
        (
            "form",
            put("form")?.multipart(Multipart::new().file("file", &path)),
        ),
    ];
    for (name, request) in requests {
        let status = request.send().await?.error_for_status()?.status();
        let mut found = client
            .get(server.url(&format!("/put/{name}")))?
            .send()
            .await?;
        let mut bytes = 0;
        // In front of the file are its headers, behind it is the boundary.
        let mut head = if name == "form" {
            None
        } else {
            Some(Vec::new())
        };
        let mut expected = chunks();
        let mut wanted = Vec::new();
        while let Some(chunk) = found.chunk().await? {
            let mut chunk = chunk.to_vec();
            if head.is_none() {
                let end = chunk.windows(4).position(|four| four == b"\r\n\r\n");
                let end = end.ok_or("the form has no head")? + 4;
                head = Some(chunk.drain(..end).collect());
            }
            bytes += chunk.len();
            while wanted.len() < chunk.len()
                && let Some(next) = expected.next()
            {
                wanted.extend(next);
            }
            let same = chunk.len().min(wanted.len());
            if wanted[..same] != chunk[..same] {
                return Err(format!("{name}: a byte before {bytes} is wrong").into());
            }
            wanted.drain(..same);
        }
        if bytes < SIZE || (bytes > SIZE && name != "form") {
            return Err(format!("{name}: status {status}, {bytes} bytes arrived").into());
        }
    }
    if let (Some(before), Some(after)) = (before, memory_max()) {
        let grown = after.saturating_sub(before);
        if grown > MEMORY_MAX {
            return Err(format!("memory grew by {grown} bytes").into());
        }
    }
    close(client).await
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    chunks().try_for_each(|chunk| std::io::Write::write_all(&mut file, &chunk))
}

pub(crate) async fn h17j_files_of_nginx_are_gone_on_with() -> Outcome {
    // One second may not tell two states apart, so a file has to be older than its answer.
    for directives in ["limit_rate 40m;", "limit_rate 40m; etag off;"] {
        let nginx = Nginx::start(directives, |folder| {
            write_large(folder)?;
            age(&folder.join("large"))
        })?;
        let folder = TempDir::with_prefix("brigade-downloads-")?;
        let path = folder.path().join("large");
        let source = nginx.files().join("large");
        let client = Client::new()?;
        break_off(&client, &nginx, &path).await?;
        let done = download(&client, &nginx, &path).await?;
        if done.kept() == 0 || fs::read(&path)? != fs::read(&source)? {
            return Err(format!("{directives}: not gone on with: {done:?}").into());
        }
        break_off(&client, &nginx, &path).await?;
        let before = fs::read(&path)?;
        let changed = noise(17, before.len());
        fs::write(folder.path().join("new"), &changed)?;
        fs::rename(folder.path().join("new"), &source)?;
        let done = download(&client, &nginx, &path).await?;
        if done.kept() != 0 || fs::read(&path)? != changed {
            return Err(format!("{directives}: not started over: {done:?}").into());
        }
        let names = fs::read_dir(folder.path())?.count();
        if names != 1 {
            return Err(format!("{names} files are left").into());
        }
        close(client).await?;
    }
    Ok(())
}

/// Makes a file look as if it had been written a minute ago.
fn age(path: &Path) -> std::io::Result<()> {
    let before = std::time::SystemTime::now() - Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(path)?
        .set_modified(before)
}

async fn download(client: &Client, nginx: &Nginx, path: &Path) -> Result<Downloaded, Failed> {
    let request = client.get(nginx.url("/large"))?;
    Ok(request.download(path).run().await?)
}

/// Downloads a part, and is killed then.
async fn break_off(client: &Client, nginx: &Nginx, path: &Path) -> Outcome {
    let written = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&written);
    let ordered = client.get(nginx.url("/large"))?.download(path);
    let ordered = ordered.progress(move |progress| seen.store(progress.written, SeqCst));
    tokio::select! {
        _ = ordered.run() => Err("it was over too soon".into()),
        () = brigade_testkit::wait::until(|| written.load(SeqCst) > 5 << 20) => Ok(()),
    }
}
