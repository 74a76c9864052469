//! One play: the steps of a script, one after the other, over one connection.
//!
//! It stops at the first step that goes wrong, and no step waits for ever.

use super::mismatch::{Mismatch, compared, shown};
use super::script::{Action, Script, Step};
use super::stream::Wire;
use bytes::{Bytes, BytesMut};
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

/// A head may not be longer than this.
const HEAD_MAX: usize = 1 << 20;

pub(super) struct Play<S> {
    stream: S,
    /// Came, and not yet looked at.
    input: BytesMut,
    received: BytesMut,
}

/// What came instead of what a step wanted.
type Wrong = String;

impl<S: Wire> Play<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            received: BytesMut::new(),
        }
    }

    /// Plays the script and returns all that was received.
    pub(super) async fn run(
        mut self,
        script: &Script,
        connection: usize,
    ) -> Result<(Bytes, Option<S>), Mismatch> {
        let steps = script.steps.len();
        let mut reset = false;
        for (index, Step { action, line }) in script.steps.iter().enumerate() {
            let done = self.act(action, script.patience).await;
            done.map_err(|came| Mismatch {
                connection,
                step: index + 1,
                steps,
                line: Some(line),
                expected: action.to_string(),
                came,
            })?;
            reset |= matches!(action, Action::Reset);
        }
        self.received.extend_from_slice(&self.input);
        let received = self.received.freeze();
        if reset {
            return Ok((received, None));
        }
        // The other side may have left already, and that is its right.
        let _: io::Result<()> = self.stream.shutdown().await;
        Ok((received, Some(self.stream)))
    }

    async fn act(&mut self, action: &Action, patience: Duration) -> Result<(), Wrong> {
        if let Action::Pause(time) = action {
            sleep(*time).await;
            return Ok(());
        }
        if let Action::Send {
            bytes,
            piece,
            every,
        } = action
        {
            return self.send(bytes, *piece, *every, patience).await;
        }
        let silent = |_| Err(format!("nothing more for {patience:?}"));
        let done = timeout(patience, self.act_now(action)).await;
        done.or_else(silent).and_then(|done| done).map_err(|wrong| {
            match (&self.input[..], action) {
                // What did come is worth more than the silence after it.
                ([], _) | (_, Action::ExpectEnd) => wrong,
                (came, _) if wrong.starts_with("nothing") => {
                    format!("{}, then {wrong}", shown(came))
                }
                _ => wrong,
            }
        })
    }

    async fn act_now(&mut self, action: &Action) -> Result<(), Wrong> {
        match action {
            Action::Expect(bytes) => self.expect(bytes).await,
            Action::ExpectHead(head) => self.expect_head(head).await,
            Action::ExpectEnd => self.expect_end().await,
            Action::Skip(bytes) => {
                while self.input.len() < *bytes {
                    self.read().await?;
                }
                self.take(*bytes);
                Ok(())
            }
            Action::HalfClose => self.stream.shutdown().await.map_err(said),
            Action::Reset => self.stream.arm_reset().map_err(said),
            Action::Send { .. } | Action::Pause(_) => Ok(()),
        }
    }

    async fn expect(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        loop {
            let length = self.input.len().min(bytes.len());
            if self.input[..length] != bytes[..length] {
                return Err(compared(&self.input, bytes));
            }
            if length == bytes.len() {
                self.take(length);
                return Ok(());
            }
            self.read().await?;
        }
    }

    async fn expect_head(&mut self, head: &str) -> Result<(), Wrong> {
        let mut looked = 0;
        let end = loop {
            let from = usize::saturating_sub(looked, 3);
            let found = self.input[from..]
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(at) = found {
                break from + at + 4;
            }
            looked = self.input.len();
            if looked > HEAD_MAX {
                return Err(format!("{looked} bytes without the end of a head"));
            }
            self.read().await?;
        };
        let came = String::from_utf8_lossy(&self.input[..end]).into_owned();
        if let Some(missing) = missing(&came, head) {
            return Err(format!("{came:?}, where {missing:?} is missing"));
        }
        self.take(end);
        Ok(())
    }

    async fn expect_end(&mut self) -> Result<(), Wrong> {
        if self.input.is_empty() {
            let mut byte = BytesMut::with_capacity(1024);
            match self.stream.read_buf(&mut byte).await {
                Ok(0) => return Ok(()),
                Err(error) if left(&error) => return Ok(()),
                Err(error) => return Err(said(error)),
                Ok(_) => self.input.extend_from_slice(&byte),
            }
        }
        Err(shown(&self.input))
    }

    async fn send(
        &mut self,
        bytes: &[u8],
        piece: usize,
        every: Duration,
        patience: Duration,
    ) -> Result<(), Wrong> {
        for (index, piece) in bytes.chunks(piece).enumerate() {
            match (index, every.is_zero()) {
                (0, _) => {}
                (_, true) => tokio::task::yield_now().await,
                (_, false) => sleep(every).await,
            }
            let write = async {
                self.stream.write_all(piece).await?;
                self.stream.flush().await
            };
            let written = timeout(patience, write).await;
            let written = written.map_err(|_| format!("it took nothing for {patience:?}"))?;
            written.map_err(said)?;
        }
        Ok(())
    }

    /// Reads what there is, at least one byte.
    async fn read(&mut self) -> Result<(), Wrong> {
        let ended = |what: &str, came: &[u8]| match came {
            [] => what.to_owned(),
            _ => format!("{}, then {what}", shown(came)),
        };
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => Err(ended("the end", &self.input)),
            Ok(_) => Ok(()),
            Err(error) => Err(ended(&error.to_string(), &self.input)),
        }
    }

    fn take(&mut self, bytes: usize) {
        let taken = self.input.split_to(bytes);
        self.received.extend_from_slice(&taken);
    }
}

/// What the socket said.
fn said(error: io::Error) -> Wrong {
    error.to_string()
}

/// Whether the other side is gone, in whatever way.
fn left(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

/// The first line of `wanted` that the head `came` does not have.
fn missing<'a>(came: &str, wanted: &'a str) -> Option<&'a str> {
    let (mut came, mut wanted) = (came.lines(), wanted.lines());
    let (first, start) = (came.next().unwrap_or(""), wanted.next().unwrap_or(""));
    let goes_on = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    if !first.strip_prefix(start).is_some_and(goes_on) {
        return Some(start);
    }
    let split = |line: &'_ str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.trim().to_ascii_lowercase(), value.trim().to_owned())
    };
    let headers: Vec<_> = came.map(split).collect();
    wanted
        .filter(|line| !line.trim().is_empty())
        .find(|line| !headers.contains(&split(line)))
}
