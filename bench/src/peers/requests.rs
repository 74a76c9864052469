//! The same number of GET requests by one of the clients, the bodies read and dropped.
//!
//! All clients run on one current-thread runtime with the same number of workers, each of which
//! sends its next request when it has read its last response. The URL is parsed once where the
//! client takes a parsed one; reqwest is given a string, as its users do.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client as UtilClient;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;

type Work = std::result::Result<(), String>;

pub(super) async fn run(client: &str, url: &str, count: usize, in_flight: usize) -> Result<()> {
    let share = count / in_flight;
    let mut workers: JoinSet<Work> = JoinSet::new();
    match client {
        "bare-hyper" => {
            for _ in 0..in_flight {
                workers.spawn(text(bare(url.to_owned(), share)));
            }
        }
        "hyper-util" => {
            let client = UtilClient::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
            for _ in 0..in_flight {
                workers.spawn(text(util(client.clone(), url.parse()?, share)));
            }
        }
        "reqwest" => {
            let client = reqwest::Client::new();
            for _ in 0..in_flight {
                workers.spawn(text(requests(client.clone(), url.to_owned(), share)));
            }
        }
        "brigade" => {
            let limits = brigade_http::PoolLimits::default()
                .total(in_flight)
                .per_host(in_flight);
            let client = brigade_http::Client::builder().limits(limits).build()?;
            for _ in 0..in_flight {
                workers.spawn(text(ours(client.clone(), url.parse()?, share)));
            }
        }
        _ => return Err(format!("no such client: {client}").into()),
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(())
}

async fn text(work: impl Future<Output = Result<()>>) -> Work {
    work.await.map_err(|error| error.to_string())
}

async fn bare(url: String, share: usize) -> Result<()> {
    let uri: Uri = url.parse()?;
    let host = uri.authority().ok_or("no host")?.as_str().to_owned();
    let path = uri.path_and_query().ok_or("no path")?.as_str().to_owned();
    let socket = TcpStream::connect(&host).await?;
    socket.set_nodelay(true)?;
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(driver);
    for _ in 0..share {
        sender.ready().await?;
        let request = Request::get(path.as_str())
            .header("host", &host)
            .body(Empty::<Bytes>::new())?;
        let mut body = sender.send_request(request).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
    }
    Ok(())
}

type Util = UtilClient<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>;

async fn util(client: Util, uri: Uri, share: usize) -> Result<()> {
    for _ in 0..share {
        let mut body = client.get(uri.clone()).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
    }
    Ok(())
}

async fn requests(client: reqwest::Client, url: String, share: usize) -> Result<()> {
    for _ in 0..share {
        let mut response = client.get(&url).send().await?;
        while response.chunk().await?.is_some() {}
    }
    Ok(())
}

async fn ours(client: brigade_http::Client, url: brigade_http::Url, share: usize) -> Result<()> {
    for _ in 0..share {
        let mut response = client.get(&url)?.send().await?;
        while response.chunk().await?.is_some() {}
    }
    Ok(())
}
