//! One connection: read a request, ask the closure, play the reply, and again.
//!
//! The connection knows the rules of HTTP/1.1 and plays the script; it decides nothing. Errors of
//! the socket end it quietly, because a client that leaves is not the server's business. It never
//! buffers more than one request and never waits on a client without noticing that it left.

use super::builder::Stream;
use super::reply::{Body, End, Reply};
use super::request::Request;
use super::shared::Shared;
use super::wire::{self, Chunk};
use bytes::{Buf, Bytes, BytesMut};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Above this, head and body are written as two slices instead of one copied buffer.
const COPY_MAX: usize = 16 * 1024;
/// While a script waits, no more of the next request than this is read ahead.
const AHEAD_MAX: usize = 64 * 1024;
/// Bodies of requests are kept for the closure up to this size.
const REQUEST_BODY_MAX: usize = 1 << 28;

pub(crate) async fn serve(tcp: TcpStream, number: usize, shared: Arc<Shared>) {
    let _presence = shared.connections.enter();
    // The client's leaving is the usual end; nobody here could use the error.
    let _ = match &shared.rules.wrap {
        None => {
            let reset: Reset<TcpStream> = Box::new(TcpStream::set_zero_linger);
            Connection::new(tcp, reset, number, &shared).run().await
        }
        Some(wrap) => match duplicate(tcp) {
            Ok((tcp, twin)) => match wrap(tcp).await {
                Ok(stream) => {
                    let reset: Reset<_> = Box::new(move |_| twin.set_zero_linger());
                    Connection::new(stream, reset, number, &shared).run().await
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        },
    };
}

/// A second handle on the socket, for options that a wrapped stream no longer offers.
pub(crate) fn duplicate(tcp: TcpStream) -> io::Result<(TcpStream, TcpSocket)> {
    let tcp = tcp.into_std()?;
    let twin = TcpSocket::from_std_stream(tcp.try_clone()?);
    Ok((TcpStream::from_std(tcp)?, twin))
}

/// Arms a socket so that closing it resets the connection.
type Reset<S> = Box<dyn Fn(&S) -> io::Result<()> + Send>;

struct Connection<'a, S> {
    stream: S,
    reset: Reset<S>,
    number: usize,
    shared: &'a Shared,
    input: BytesMut,
    output: BytesMut,
    /// Bytes of a request's body that were left unread.
    unread: Unread,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unread {
    Length(usize),
    Chunked,
}

const READ: Unread = Unread::Length(0);

impl<'a, S: Stream> Connection<'a, S> {
    fn new(stream: S, reset: Reset<S>, number: usize, shared: &'a Shared) -> Self {
        let (input, output) = (BytesMut::with_capacity(4096), BytesMut::with_capacity(4096));
        Self {
            stream,
            reset,
            number,
            shared,
            input,
            output,
            unread: READ,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let mut served = 0;
        while let Some(mut request) = self.read_head().await? {
            let _presence = self.shared.exchanges.enter();
            self.unread = framing(&request).ok_or(ErrorKind::InvalidData)?;
            if self.shared.rules.read_bodies {
                self.permit_body(&request).await?;
                request.set_body(self.read_body().await?);
            }
            let reply = self.shared.answer(&request);
            let head_only = request.method() == "HEAD";
            let asked_to_close = request.asks_to_close();
            self.shared.record(request);
            served += 1;
            let last = self
                .shared
                .rules
                .requests_max
                .is_some_and(|max| served >= max);
            self.play(&reply, head_only, asked_to_close).await?;
            let until_close = matches!(reply.body, Body::UntilClose(_));
            if last || asked_to_close || until_close || !reply.keep_alive {
                break;
            }
            self.read_body().await?;
        }
        self.close().await
    }

    /// Waits for the head of the next request; `None` when the client has closed.
    async fn read_head(&mut self) -> io::Result<Option<Request>> {
        let mut searched = 0;
        loop {
            if let Some(end) = wire::head_end(&self.input, searched) {
                let at = self.shared.started.elapsed();
                let request = Request::parse(&self.input[..end - 4], self.number, at);
                self.input.advance(end);
                if request.is_none() {
                    let refusal = Reply::status(400).keep_alive(false);
                    self.play(&refusal, false, true).await?;
                }
                return Ok(request);
            }
            searched = self.input.len();
            if searched > wire::HEAD_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn permit_body(&mut self, request: &Request) -> io::Result<()> {
        let expected = request
            .header("expect")
            .is_some_and(|what| what == "100-continue");
        if expected && self.input.is_empty() {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        Ok(())
    }

    /// Reads what is left of the request's body.
    async fn read_body(&mut self) -> io::Result<Bytes> {
        let body = match self.unread {
            Unread::Length(0) => Bytes::new(),
            Unread::Length(length) => {
                while self.input.len() < length {
                    self.read_more().await?;
                }
                self.input.split_to(length).freeze()
            }
            Unread::Chunked => self.read_chunks().await?,
        };
        self.unread = READ;
        Ok(body)
    }

    async fn read_chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            match wire::chunk(&self.input) {
                Chunk::Data { data, next } => {
                    body.extend_from_slice(&self.input[data]);
                    self.input.advance(next);
                    if body.len() > REQUEST_BODY_MAX {
                        return Err(ErrorKind::InvalidData.into());
                    }
                }
                Chunk::End(next) => {
                    self.input.advance(next);
                    return Ok(body.freeze());
                }
                Chunk::Partial => self.read_more().await?,
                Chunk::Broken => return Err(ErrorKind::InvalidData.into()),
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Plays a whole reply. An error also stands for "it broke off as scripted".
    async fn play(&mut self, reply: &Reply, head_only: bool, asked: bool) -> io::Result<()> {
        self.wait(reply.delay).await?;
        let after = match reply.fault {
            Some(fault) if fault.after.is_none() => return self.break_off(fault.how).await,
            Some(fault) => fault.after.unwrap_or(usize::MAX),
            None => usize::MAX,
        };
        self.output.clear();
        for interim in &reply.interim {
            self.output.extend_from_slice(interim);
        }
        let announced = reply.announce_close && (asked || !reply.keep_alive);
        wire::head(reply, announced, &mut self.output);
        let bodiless = head_only || wire::bodiless(reply.status);
        if !bodiless || matches!(reply.body, Body::Raw(_)) {
            self.play_body(reply, after).await?;
        }
        self.send(Bytes::new()).await?;
        match reply.fault {
            Some(fault) => self.break_off(fault.how).await,
            None => Ok(()),
        }
    }

    async fn play_body(&mut self, reply: &Reply, mut left: usize) -> io::Result<()> {
        let mut rest = match &reply.body {
            Body::Sized(body) | Body::UntilClose(body) | Body::Raw(body) => body.clone(),
            Body::Chunked(pieces) => wire::chunks(pieces),
            Body::Endless => Bytes::new(),
        };
        let endless = matches!(reply.body, Body::Endless);
        let endless_piece = if endless {
            endless_chunk(reply)
        } else {
            Bytes::new()
        };
        while left > 0 {
            let mut piece = match reply.pace {
                _ if endless => endless_piece.clone(),
                Some(pace) => rest.split_to(pace.piece.min(rest.len())),
                None => std::mem::take(&mut rest),
            };
            if piece.is_empty() {
                break;
            }
            piece.truncate(left);
            left -= piece.len();
            if let Some(pace) = reply.pace {
                self.send(Bytes::new()).await?;
                self.wait(pace.every).await?;
            }
            self.send(piece).await?;
        }
        Ok(())
    }

    /// Writes what is in the output buffer and then `body`.
    async fn send(&mut self, body: Bytes) -> io::Result<()> {
        if body.len() <= COPY_MAX {
            self.output.extend_from_slice(&body);
            self.stream.write_all(&self.output).await?;
        } else {
            self.stream
                .write_all_buf(&mut self.output.split().chain(body))
                .await?;
        }
        self.output.clear();
        self.stream.flush().await
    }

    /// Lets time pass, unless the client leaves first.
    async fn wait(&mut self, delay: Duration) -> io::Result<()> {
        if delay.is_zero() {
            return Ok(());
        }
        let sleep = tokio::time::sleep(delay);
        tokio::pin!(sleep);
        loop {
            let watch = self.unread == READ && self.input.len() < AHEAD_MAX;
            tokio::select! {
                () = &mut sleep => return Ok(()),
                read = self.stream.read_buf(&mut self.input), if watch => {
                    if read? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// Ends the connection as a fault wants it; always an error, so that nothing follows.
    async fn break_off(&mut self, how: End) -> io::Result<()> {
        match how {
            End::Reset => (self.reset)(&self.stream)?,
            End::Close => self.stream.shutdown().await?,
            End::Hang => self.wait(Duration::from_secs(1 << 30)).await?,
        }
        Err(ErrorKind::ConnectionAborted.into())
    }

    /// Closes in good order. A socket that is closed with unread input resets the connection, and
    /// the client may lose the reply; so what it still sends is read for a moment.
    async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        if self.unread != READ {
            let drain = async {
                while self.stream.read_buf(&mut self.input).await? > 0 {
                    self.input.clear();
                }
                io::Result::Ok(())
            };
            let _ = tokio::time::timeout(Duration::from_millis(250), drain).await;
        }
        Ok(())
    }
}

/// How the body of a request is framed; `None` if that makes no sense.
fn framing(request: &Request) -> Option<Unread> {
    match (
        request.header("transfer-encoding"),
        request.header("content-length"),
    ) {
        (Some(_), _) => Some(Unread::Chunked),
        (None, Some(length)) => {
            let length = length
                .parse()
                .ok()
                .filter(|length| *length <= REQUEST_BODY_MAX)?;
            Some(Unread::Length(length))
        }
        (None, None) => Some(READ),
    }
}

fn endless_chunk(reply: &Reply) -> Bytes {
    let size = reply.pace.map_or(COPY_MAX, |pace| pace.piece);
    let mut chunk = wire::chunks(&[Bytes::from(vec![b'x'; size])]);
    chunk.truncate(chunk.len() - "0\r\n\r\n".len());
    chunk
}
