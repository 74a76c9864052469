//! What the bodies share: a runtime with paused time, inputs cut into pieces, a server that says what
//! it is told.
//!
//! Everything is in memory: no socket, no file, no thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use brigade_http::service::RequestBody;
use brigade_http::transport::{Connect, Connecting, Destination, Io};
use brigade_http::{Client, ClientBuilder, Timeouts};
use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime of one thread"),
    );
}

/// Runs a body to its end. Time passes at once where nothing else happens, so a wait that never ends
/// is an endless loop, which a fuzzer and a person notice.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow_mut(|runtime| runtime.block_on(future))
}

/// Timeouts that nobody has to wait for.
pub(crate) fn builder() -> ClientBuilder {
    let limit = Some(Duration::from_secs(1));
    let mut timeouts = Timeouts::NONE;
    timeouts.total = limit;
    Client::builder().timeouts(timeouts).no_proxy()
}

/// Splits an input at its first line end: what comes before it is settings.
pub(crate) fn settings(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (&[], data),
    }
}

/// Cuts an input into pieces, as `seed` says: whole, or of 1 to 255 bytes.
pub(crate) fn pieces(data: &[u8], seed: u8) -> Vec<Bytes> {
    let size = match seed {
        0 => data.len().max(1),
        size => size.into(),
    };
    data.chunks(size).map(Bytes::copy_from_slice).collect()
}

/// A client for which a service answers every request with these headers and this body.
pub(crate) fn answered(
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<Bytes>,
    builder: ClientBuilder,
) -> Client {
    let service = tower::service_fn(move |_: Request<RequestBody>| {
        let body = body.clone().into_iter();
        let frames = body.map(|piece| Ok::<_, Infallible>(http_body::Frame::data(piece)));
        let mut response = Response::new(StreamBody::new(stream::iter(frames)));
        for (name, value) in &headers {
            let name = http::HeaderName::try_from(name.as_str());
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
                response.headers_mut().append(name, value);
            }
        }
        async { Ok::<_, Infallible>(response) }
    });
    builder
        .service(service)
        .build()
        .expect("the settings are plain")
}

/// A client whose one connection says these pieces, whatever it is asked, and then ends.
pub(crate) fn connected(pieces: Vec<Bytes>, builder: ClientBuilder) -> Client {
    let said = Said {
        pieces: pieces.into_iter().rev().collect(),
    };
    builder
        .connector(Once::new(said))
        .build()
        .expect("the settings are plain")
}

/// Connects once, to this peer.
#[derive(Debug)]
pub(crate) struct Once<P>(Mutex<Option<P>>);

impl<P> Once<P> {
    pub(crate) fn new(peer: P) -> Self {
        Self(Mutex::new(Some(peer)))
    }
}

impl<P: Io + std::fmt::Debug> Connect for Once<P> {
    fn connect(&self, _: Destination) -> Connecting {
        let peer = self.0.lock().expect("nobody panics").take();
        Box::pin(async {
            let peer = peer.ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(peer) as _)
        })
    }
}

/// Reads of the last piece; nothing, which is the end, if there is none.
pub(crate) fn say(pieces: &mut Vec<Bytes>, buffer: &mut ReadBuf<'_>) {
    if let Some(mut piece) = pieces.pop() {
        let part = piece.split_to(piece.len().min(buffer.remaining()));
        buffer.put_slice(&part);
        if !piece.is_empty() {
            pieces.push(piece);
        }
    }
}

/// A peer that takes everything and says its pieces, the last one first.
#[derive(Debug)]
struct Said {
    pieces: Vec<Bytes>,
}

impl AsyncRead for Said {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        say(&mut self.pieces, buffer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Said {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
