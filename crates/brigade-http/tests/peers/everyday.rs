//! What every server of the table does all day: files, answers of all shapes, uploads.
//!
//! Nothing fails here; see `leaving` for servers that go away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use brigade_http::{Client, Method, PoolLimits, Version};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, IF_MODIFIED_SINCE, LAST_MODIFIED, LOCATION};
use libtest_mimic::Failed;

use crate::bodies::{content, noise};
use crate::files::{FILES, Files};
use crate::servers::{Entry, Feat, Program, Server, Setup, Speaks};
use crate::{Outcome, close};

/// How many requests are under way at once.
pub(crate) const AT_ONCE: usize = 64;
const CONNECTIONS_MAX: usize = 8;

/// Makes `count` requests, [`AT_ONCE`] at a time, and ends with the first that fails.
pub(crate) async fn swarm<F>(count: usize, request: impl Fn(usize) -> F) -> Outcome
where
    F: Future<Output = Outcome>,
{
    let requests = stream::iter((0..count).map(request));
    let requests = requests.buffer_unordered(AT_ONCE);
    requests.try_for_each(|()| async { Ok(()) }).await
}

/// Fails unless a file arrives as it is, over the right protocol.
pub(crate) async fn fetch(client: &Client, server: &Server, number: usize) -> Outcome {
    let response = client
        .get(server.url(&format!("/{number}")))?
        .send()
        .await?;
    let (status, version) = (response.status(), response.version());
    let body = response.bytes().await?;
    if status != 200 || version != server.speaks.version() || body != content(number) {
        let size = body.len();
        return Err(format!("file {number}: {version:?}, status {status}, {size} bytes").into());
    }
    Ok(())
}

/// Fails if the server was asked for one thing twice that may not be repeated.
pub(crate) fn posted_once_each(log: &[Entry]) -> Outcome {
    let mut seen = BTreeMap::<_, usize>::new();
    for entry in log.iter().filter(|entry| entry.method == "POST") {
        *seen.entry(&entry.target).or_default() += 1;
    }
    match seen.into_iter().find(|(_, count)| *count > 1) {
        None => Ok(()),
        Some((target, count)) => Err(format!("POST {target} arrived {count} times").into()),
    }
}

pub(crate) async fn h11a_a_thousand_files_arrive_as_they_are(server: Server) -> Outcome {
    let limits = PoolLimits::default().per_host(CONNECTIONS_MAX);
    let client = server.client()?.limits(limits).build()?;
    swarm(FILES, |number| fetch(&client, &server, number)).await?;
    let stats = client.stats().connections;
    let requests: u64 = stats.iter().map(|connection| connection.requests).sum();
    let expected = match server.speaks {
        Speaks::Http1 => 1..=CONNECTIONS_MAX,
        Speaks::Http2 | Speaks::H2c => 1..=1,
    };
    if !expected.contains(&stats.len()) || requests != FILES as u64 {
        return Err(format!("{requests} requests on {} connections", stats.len()).into());
    }
    if server.program.can(Feat::Log) {
        let log = server.log(FILES)?;
        let ports: BTreeSet<_> = log.iter().map(|entry| entry.port).collect();
        if log.len() != FILES || ports.len() != stats.len() {
            return Err(format!("{} requests on {} ports", log.len(), ports.len()).into());
        }
    }
    close(client).await
}

pub(crate) async fn h11b_answers_of_all_shapes_arrive_as_they_are(server: Server) -> Outcome {
    let limits = PoolLimits::default().per_host(1);
    let client = server.client()?.limits(limits).build()?;
    for number in [0, 1, 7, 95] {
        without_a_body(&client, &server, number).await?;
        fetch(&client, &server, number).await?;
        if server.program.can(Feat::Answers) {
            for coding in server.program.codings() {
                compressed(&client, &server, coding, number).await?;
            }
            with_large_headers(&client, &server).await?;
        }
    }
    match client.stats().connections.as_slice() {
        [one] if one.requests >= 12 => close(client).await,
        other => Err(format!("more than one connection was used: {other:?}").into()),
    }
}

/// HEAD, 304 and 204.
async fn without_a_body(client: &Client, server: &Server, number: usize) -> Outcome {
    let url = server.url(&format!("/{number}"));
    let head = client.request(Method::HEAD, &url)?.send().await?;
    let length = head.headers().get(CONTENT_LENGTH).cloned();
    let modified = head.headers().get(LAST_MODIFIED).cloned();
    let modified = modified.ok_or("no Last-Modified is given")?;
    is_empty(head, 200).await?;
    // An empty file may go without.
    let size = content(number).len();
    if length
        .as_ref()
        .map_or(size > 0, |length| *length != size.to_string())
    {
        return Err(format!("HEAD of {size} bytes says {length:?}").into());
    }
    let same = client.get(&url)?.header(IF_MODIFIED_SINCE, modified);
    is_empty(same.send().await?, 304).await?;
    if server.program.can(Feat::Answers) {
        is_empty(client.get(server.url("/none"))?.send().await?, 204).await?;
    }
    Ok(())
}

async fn is_empty(response: brigade_http::Response, status: u16) -> Outcome {
    let found = response.status();
    let size = response.bytes().await?.len();
    match found == status && size == 0 {
        true => Ok(()),
        false => Err(format!("status {found} with {size} bytes instead of {status}").into()),
    }
}

async fn compressed(client: &Client, server: &Server, coding: &str, number: usize) -> Outcome {
    let url = server.url(&format!("/{coding}/{number}"));
    let response = client.get(url)?.send().await?;
    let found = response.headers().get(CONTENT_ENCODING).cloned();
    let body = response.bytes().await?;
    // What is tiny is not worth it for every server.
    let is_right = match &found {
        Some(found) => found == coding,
        None => body.len() <= 100,
    };
    if body != content(number) || !is_right {
        return Err(format!("{} bytes, encoded: {found:?}", body.len()).into());
    }
    Ok(())
}

async fn with_large_headers(client: &Client, server: &Server) -> Outcome {
    let response = client.get(server.url("/headers"))?.send().await?;
    let parts = response.headers().iter();
    let parts = parts.filter(|(name, _)| name.as_str().starts_with("x-part-"));
    let size: usize = parts.map(|(_, value)| value.len()).sum();
    let text = response.text().await?;
    match size == 30 << 10 && text == "headers" {
        true => Ok(()),
        false => Err(format!("{size} bytes of headers, and {text:?}").into()),
    }
}

pub(crate) async fn h11c_uploads_of_all_sizes_arrive_whole(server: Server) -> Outcome {
    const SIZES: [usize; 5] = [0, 1, 70_000, 100 << 10, 5 << 20];
    let client = server.client()?.build()?;
    let (client, server) = (&client, &server);
    // Twice at once, over connections whose windows are taken.
    swarm(2 * SIZES.len(), |number| async move {
        let body = noise(number as u64, SIZES[number % SIZES.len()]);
        let found = match server.program.can(Feat::Echo) {
            true => echoed(client, server, number, body.clone()).await?,
            false => kept(client, server, number, body.clone()).await?,
        };
        match found == body {
            true => Ok(()),
            false => Err(format!("{} of {} bytes arrived", found.len(), body.len()).into()),
        }
    })
    .await?;
    close(client.clone()).await
}

pub(crate) async fn h11c_uploads_pass_through_small_windows(server: Server) -> Outcome {
    h11c_uploads_of_all_sizes_arrive_whole(server).await
}

async fn echoed(
    client: &Client,
    server: &Server,
    number: usize,
    body: Vec<u8>,
) -> Result<Vec<u8>, Failed> {
    let url = server.url(&format!("/echo/{number}"));
    let response = client.post(url)?.body(body).send().await?;
    is_from(&response, server)?;
    Ok(response.bytes().await?.into())
}

async fn kept(
    client: &Client,
    server: &Server,
    number: usize,
    body: Vec<u8>,
) -> Result<Vec<u8>, Failed> {
    let url = server.url(&format!("/put/{number}"));
    let put = client.request(Method::PUT, &url)?.body(body).send().await?;
    is_from(&put, server)?;
    put.bytes().await?;
    let response = client.get(&url)?.send().await?;
    is_from(&response, server)?;
    Ok(response.bytes().await?.into())
}

fn is_from(response: &brigade_http::Response, server: &Server) -> Outcome {
    let (status, version) = (response.status(), response.version());
    match status.is_success() && version == server.speaks.version() {
        true => Ok(()),
        false => Err(format!("status {status} over {version:?}").into()),
    }
}

pub(crate) async fn h11k_a_redirect_leads_from_http1_to_http2(files: Arc<Files>) -> Outcome {
    for program in [Program::Nginx, Program::Hypercorn] {
        let secure = Server::start(program, Speaks::Http2, &files, Setup::default())?;
        let setup = Setup {
            redirect: Some(secure.url("")),
            ..Setup::default()
        };
        let plain = Server::start(Program::Nginx, Speaks::Http1, &files, setup)?;
        let client = secure.client()?.build()?;
        let hop = client.get(plain.url("/7"))?.redirects(0).send().await?;
        let to = hop.headers().get(LOCATION).cloned();
        if hop.version() != Version::HTTP_11 || to.is_none_or(|to| to != secure.url("/7")) {
            return Err(format!("{hop:?}").into());
        }
        drop(hop);
        let response = client.get(plain.url("/7"))?.send().await?;
        let (url, version) = (response.url().to_string(), response.version());
        let body = response.bytes().await?;
        if url != secure.url("/7") || version != Version::HTTP_2 || body != content(7) {
            return Err(format!("{url} over {version:?}, {} bytes", body.len()).into());
        }
        close(client).await?;
    }
    Ok(())
}
