//! hyper's connections without a client around them: the floor.
//!
//! Nothing is pooled, limited or timed. Each worker of HTTP/1.1 keeps connections of its own; the
//! workers of HTTP/2 share the connections of the plan.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Client, Result, tls};
use crate::plan::Plan;

/// Of a stream and of a connection of HTTP/2, and of a frame: the same as brigade's.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
const FRAME_MAX: u32 = 64 << 10;

/// A connection for each of a worker's hosts, the oldest closed for the next beyond `most`.
pub(super) struct Http1 {
    tls: Option<TlsConnector>,
    most: usize,
    open: VecDeque<(String, http1::SendRequest<Empty<Bytes>>)>,
}

impl Http1 {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        Ok(Self {
            tls: connector(plan)?,
            most: plan.connections.div_ceil(plan.in_flight),
            open: VecDeque::new(),
        })
    }

    /// The place of the open connection to `host`.
    async fn connection(&mut self, host: &str) -> Result<usize> {
        if let Some(place) = self.open.iter().position(|(open, _)| open == host) {
            return Ok(place);
        }
        if self.open.len() >= self.most {
            self.open.pop_front();
        }
        let socket = connect(host).await?;
        let sender = match &self.tls {
            None => http1_over(socket).await?,
            Some(tls) => http1_over(tls.connect(name(host)?, socket).await?).await?,
        };
        self.open.push_back((host.to_owned(), sender));
        Ok(self.open.len() - 1)
    }
}

/// A URL in the parts that a request needs.
pub(super) struct Parts {
    host: String,
    path: String,
}

impl Client for Http1 {
    type Url = Parts;

    fn url(text: &str) -> Result<Parts> {
        let uri: Uri = text.parse()?;
        Ok(Parts {
            host: host(&uri)?.to_owned(),
            path: uri.path().to_owned(),
        })
    }

    fn for_worker(&self, _: usize) -> Self {
        Self {
            tls: self.tls.clone(),
            most: self.most,
            open: VecDeque::new(),
        }
    }

    async fn get(&mut self, url: &Parts) -> Result<(u16, u64)> {
        let place = self.connection(&url.host).await?;
        let sender = &mut self.open[place].1;
        sender.ready().await?;
        let request = Request::get(url.path.as_str())
            .header("host", &url.host)
            .body(Empty::new())?;
        read(sender.send_request(request).await?).await
    }
}

/// As many connections as the plan has, each for its share of the workers.
pub(super) struct Http2 {
    senders: Arc<[http2::SendRequest<Empty<Bytes>>]>,
    sender: http2::SendRequest<Empty<Bytes>>,
}

impl Http2 {
    pub(super) async fn connect(plan: &Plan) -> Result<Self> {
        let uri: Uri = plan.urls.first().ok_or("no URL")?.parse()?;
        let host = host(&uri)?;
        let tls = connector(plan)?;
        let mut senders = Vec::new();
        for _ in 0..plan.connections {
            let socket = connect(host).await?;
            senders.push(match &tls {
                None => http2_over(socket).await?,
                Some(tls) => http2_over(tls.connect(name(host)?, socket).await?).await?,
            });
        }
        let sender = senders.first().ok_or("no connection")?.clone();
        Ok(Self {
            senders: senders.into(),
            sender,
        })
    }
}

impl Client for Http2 {
    type Url = Uri;

    fn url(text: &str) -> Result<Uri> {
        Ok(text.parse()?)
    }

    fn for_worker(&self, worker: usize) -> Self {
        Self {
            senders: self.senders.clone(),
            sender: self.senders[worker % self.senders.len()].clone(),
        }
    }

    async fn get(&mut self, url: &Uri) -> Result<(u16, u64)> {
        self.sender.ready().await?;
        let request = Request::get(url.clone()).body(Empty::new())?;
        read(self.sender.send_request(request).await?).await
    }
}

/// Reads the body to its end.
pub(super) async fn read(response: Response<Incoming>) -> Result<(u16, u64)> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len) as u64;
    }
    Ok((status, length))
}

fn connector(plan: &Plan) -> Result<Option<TlsConnector>> {
    if !plan.protocol.is_tls() {
        return Ok(None);
    }
    Ok(Some(Arc::new(tls::config(plan)?).into()))
}

fn host(uri: &Uri) -> Result<&str> {
    Ok(uri.authority().ok_or("no host")?.as_str())
}

fn name(host: &str) -> Result<ServerName<'static>> {
    let (name, _) = host.rsplit_once(':').ok_or("no port")?;
    Ok(ServerName::try_from(name.to_owned())?)
}

async fn connect(host: &str) -> Result<TcpStream> {
    let socket = TcpStream::connect(host).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn http1_over<S>(stream: S) -> Result<http1::SendRequest<Empty<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}

async fn http2_over<S>(stream: S) -> Result<http2::SendRequest<Empty<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(driver);
    Ok(sender)
}
