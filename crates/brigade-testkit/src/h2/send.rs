//! What a script sends: each frame by itself, and whole responses.
//!
//! Headers are written without any compression, so that a script can send them in any order and
//! leave out what it likes. Nothing minds the windows of the client but whole bodies.

use super::conn::H2Conn;
use super::frame::{Frame, flag, kind};
use bytes::{BufMut, Bytes, BytesMut};
use std::io::{self, ErrorKind};
use tokio::io::AsyncWriteExt;

/// The largest payload that a client takes if it does not say otherwise.
const PAYLOAD_MAX: usize = 16 * 1024;

/// The header block of these headers, each written out in full.
///
/// # Examples
///
/// ```
/// use brigade_testkit::h2::block;
///
/// assert_eq!(block(&[("a", "bc")])[..], *b"\x00\x01a\x02bc");
/// ```
pub fn block(headers: &[(&str, &str)]) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in headers {
        block.put_u8(0);
        put_string(&mut block, name);
        put_string(&mut block, value);
    }
    block.freeze()
}

/// Text after its length, of which 7 bits lie in the first byte (RFC 7541, section 5).
fn put_string(block: &mut BytesMut, text: &str) {
    match u8::try_from(text.len()).ok().filter(|length| *length < 127) {
        Some(length) => block.put_u8(length),
        None => {
            let mut rest = text.len() - 127;
            block.put_u8(127);
            while rest > 127 {
                block.put_u8((rest & 127) as u8 | 128);
                rest >>= 7;
            }
            block.put_u8(rest as u8);
        }
    }
    block.put_slice(text.as_bytes());
}

impl H2Conn {
    /// Sends these bytes, whatever they are.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// They may be sent in part.
    pub async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream()?;
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn send(&mut self, frame: Frame) -> io::Result<()> {
        self.raw(&frame.to_bytes()).await
    }

    /// Sends SETTINGS; see [`setting`](super::setting).
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn settings(&mut self, settings: &[(u16, u32)]) -> io::Result<()> {
        let mut payload = BytesMut::new();
        for (name, value) in settings {
            payload.put_u16(*name);
            payload.put_u32(*value);
            if *name == super::setting::HEADER_TABLE_SIZE {
                self.intake.decoder.allow(*value);
            }
        }
        self.send(Frame::new(kind::SETTINGS, flag::NONE, 0, payload))
            .await
    }

    /// Sends PING with these bytes.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn ping(&mut self, payload: [u8; 8]) -> io::Result<()> {
        let payload = payload.to_vec();
        self.send(Frame::new(kind::PING, flag::NONE, 0, payload))
            .await
    }

    /// Sends GOAWAY: streams above `last` were not looked at.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn goaway(&mut self, last: u32, code: u32) -> io::Result<()> {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.send(Frame::new(kind::GOAWAY, flag::NONE, 0, payload))
            .await
    }

    /// Sends RST_STREAM.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn reset_stream(&mut self, stream: u32, code: u32) -> io::Result<()> {
        let payload = code.to_be_bytes().to_vec();
        self.send(Frame::new(kind::RST_STREAM, flag::NONE, stream, payload))
            .await
    }

    /// Sends WINDOW_UPDATE; stream 0 is the connection.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn window_update(&mut self, stream: u32, bytes: u32) -> io::Result<()> {
        let payload = bytes.to_be_bytes().to_vec();
        self.send(Frame::new(kind::WINDOW_UPDATE, flag::NONE, stream, payload))
            .await
    }

    /// Sends HEADERS with a status and nothing else; END_HEADERS is set beside `flags`.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn headers(&mut self, stream: u32, status: u16, flags: u8) -> io::Result<()> {
        self.headers_with(stream, status, &[], flags).await
    }

    /// Sends HEADERS with a status and these headers; END_HEADERS is set beside `flags`.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn headers_with(
        &mut self,
        stream: u32,
        status: u16,
        headers: &[(&str, &str)],
        flags: u8,
    ) -> io::Result<()> {
        let status = status.to_string();
        let all = [&[(":status", &*status)], headers].concat();
        self.header_block(stream, block(&all), flags | flag::END_HEADERS)
            .await
    }

    /// Sends HEADERS with this block, which may be anything, and these flags exactly.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn header_block(
        &mut self,
        stream: u32,
        block: impl Into<Bytes>,
        flags: u8,
    ) -> io::Result<()> {
        self.send(Frame::new(kind::HEADERS, flags, stream, block))
            .await
    }

    /// Sends CONTINUATION with this part of a block and these flags exactly.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn continuation(
        &mut self,
        stream: u32,
        block: impl Into<Bytes>,
        flags: u8,
    ) -> io::Result<()> {
        self.send(Frame::new(kind::CONTINUATION, flags, stream, block))
            .await
    }

    /// Sends trailers, which end the stream.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn trailers(&mut self, stream: u32, trailers: &[(&str, &str)]) -> io::Result<()> {
        let flags = flag::END_HEADERS | flag::END_STREAM;
        self.header_block(stream, block(trailers), flags).await
    }

    /// Sends PUSH_PROMISE on a stream of the client for one of the server.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn push_promise(
        &mut self,
        stream: u32,
        promised: u32,
        headers: &[(&str, &str)],
    ) -> io::Result<()> {
        let payload = [&promised.to_be_bytes(), &block(headers)[..]].concat();
        let frame = Frame::new(kind::PUSH_PROMISE, flag::END_HEADERS, stream, payload);
        self.send(frame).await
    }

    /// Sends DATA in one frame, whether the client has room for it or not.
    ///
    /// # Errors
    ///
    /// The client has left.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn data(&mut self, stream: u32, data: impl Into<Bytes>, flags: u8) -> io::Result<()> {
        let frame = Frame::new(kind::DATA, flags, stream, data);
        self.intake.sent(stream, frame.payload.len());
        self.send(frame).await
    }

    /// Sends a whole response as it should be: headers, then the body as fast as the client lets it,
    /// politely.
    ///
    /// # Errors
    ///
    /// As [`H2Conn`] says, and [`ErrorKind::UnexpectedEof`] if the client closes before the end. A
    /// stream that the client resets is not sent any more, which is no error.
    ///
    /// # Cancel safety
    ///
    /// It may be sent in part.
    pub async fn respond(
        &mut self,
        stream: u32,
        status: u16,
        body: impl Into<Bytes>,
    ) -> io::Result<()> {
        let mut body = body.into();
        if body.is_empty() {
            return self.headers(stream, status, flag::END_STREAM).await;
        }
        self.headers(stream, status, flag::NONE).await?;
        while self.intake.stream(stream).reset.is_none() {
            let room = self.room(stream).min(PAYLOAD_MAX);
            if room == 0 {
                let frame = self.polite_frame().await?;
                frame.ok_or(ErrorKind::UnexpectedEof)?;
                continue;
            }
            let data = body.split_to(room.min(body.len()));
            if body.is_empty() {
                return self.data(stream, data, flag::END_STREAM).await;
            }
            self.data(stream, data, flag::NONE).await?;
        }
        Ok(())
    }
}
