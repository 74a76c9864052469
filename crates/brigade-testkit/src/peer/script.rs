//! The script: steps, each with the line of the test that wrote it.
//!
//! It is plain data; nothing happens before it is played.

use super::mismatch::shown;
use super::peer::{Peer, listen};
use super::stream::{Stream, pair};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;

/// What a peer does, step by step; see the [module](super) for where it can be played.
///
/// When the last step is done, the peer closes its side. End with
/// [`expect_end`](Self::expect_end) to hold the connection until the other side closes it, and to
/// be sure that it sent nothing more.
///
/// # Examples
///
/// A server that answers in pieces, one second apart, and then hangs up. In memory and under paused
/// time the test takes no time:
///
/// ```
/// use brigade_testkit::peer::Script;
/// use std::time::Duration;
/// use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let (stream, peer) = Script::new()
///     .expect("HELLO brigade\r\n")
///     .send_in_pieces("WELCOME\r\n", 4, Duration::from_secs(1))
///     .half_close()
///     .expect("BYE\r\n")
///     .expect_end()
///     .in_memory();
///
/// // The program under test:
/// let mut stream = BufReader::new(stream);
/// stream.write_all(b"HELLO brigade\r\n").await?;
/// let mut answer = String::new();
/// stream.read_line(&mut answer).await?;
/// assert_eq!(answer, "WELCOME\r\n");
/// stream.write_all(b"BYE\r\n").await?;
/// drop(stream);
///
/// peer.finish().await.expect("it kept to the protocol");
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a script does nothing until it is played"]
pub struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) patience: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) line: &'static Location<'static>,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Expect(Bytes),
    ExpectHead(String),
    ExpectEnd,
    Skip(usize),
    Send {
        bytes: Bytes,
        piece: usize,
        every: Duration,
    },
    Pause(Duration),
    HalfClose,
    Reset,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A script without steps, and a patience of 10 s.
    pub fn new() -> Self {
        Self {
            steps: Vec::new(),
            patience: Duration::from_secs(10),
        }
    }

    /// How long, on tokio's clock, one step waits for the other side before it is a mismatch.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The next bytes are these.
    #[track_caller]
    pub fn expect(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Action::Expect(bytes.into()))
    }

    /// Next comes the head of an HTTP/1 message, up to and with its empty line.
    ///
    /// Its first line is the first line of `head`, or goes on after it with a space, so that
    /// `"GET /users"` is enough. Each further line of `head` is a header that must be there, in any
    /// place; others may be there too.
    #[track_caller]
    pub fn expect_head(self, head: impl Into<String>) -> Self {
        self.step(Action::ExpectHead(head.into()))
    }

    /// The other side sends nothing more: it closes its end, or resets the connection.
    #[track_caller]
    pub fn expect_end(self) -> Self {
        self.step(Action::ExpectEnd)
    }

    /// So many bytes come, whatever they are. [`Peer::finish`] returns them with all others.
    #[track_caller]
    pub fn skip(self, bytes: usize) -> Self {
        self.step(Action::Skip(bytes))
    }

    /// Sends these bytes at once.
    #[track_caller]
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.send_in_pieces(bytes, usize::MAX, Duration::ZERO)
    }

    /// Sends these bytes in pieces of `piece` bytes (at least 1), with a wait of `every` between
    /// them. Without a wait, other tasks still get a turn in between.
    #[track_caller]
    pub fn send_in_pieces(self, bytes: impl Into<Bytes>, piece: usize, every: Duration) -> Self {
        self.step(Action::Send {
            bytes: bytes.into(),
            piece: piece.max(1),
            every,
        })
    }

    /// Does nothing for so long, on tokio's clock.
    #[track_caller]
    pub fn pause(self, time: Duration) -> Self {
        self.step(Action::Pause(time))
    }

    /// Closes the sending side; bytes may still come.
    #[track_caller]
    pub fn half_close(self) -> Self {
        self.step(Action::HalfClose)
    }

    /// Resets the connection: what was sent and not yet received may be lost. The last step.
    #[track_caller]
    pub fn reset(self) -> Self {
        self.step(Action::Reset)
    }

    /// Plays it in memory, as a task of the current runtime; the stream is the other side.
    ///
    /// Works under paused time: pauses and patience then take no time.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn in_memory(self) -> (Stream, Peer) {
        let (here, there) = pair();
        (there, Peer::in_memory(self, here))
    }

    /// Plays it to the first who connects to the returned port of 127.0.0.1, as a task of the
    /// current runtime. The port is closed then.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time enabled.
    pub fn listen(self) -> io::Result<(SocketAddr, Peer)> {
        listen([self])
    }

    #[track_caller]
    fn step(mut self, action: Action) -> Self {
        let last = self.steps.last().map(|step| &step.action);
        assert!(
            !matches!(last, Some(Action::Reset)),
            "a script ends with its reset"
        );
        let line = Location::caller();
        self.steps.push(Step { action, line });
        self
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expect(bytes) => write!(f, "{}", shown(bytes)),
            Self::ExpectHead(head) => write!(f, "a head with {head:?}"),
            Self::ExpectEnd => write!(f, "the end"),
            Self::Skip(bytes) => write!(f, "{bytes} bytes"),
            Self::Send { bytes, .. } => write!(f, "that it takes {}", shown(bytes)),
            Self::Pause(time) => write!(f, "a pause of {time:?}"),
            Self::HalfClose => write!(f, "a half-close"),
            Self::Reset => write!(f, "a reset"),
        }
    }
}
