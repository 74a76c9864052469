//! The bytes that are to be written on a WebSocket.
//!
//! One message at a time, encoded piece by piece, so that a large one is never there twice. Pongs are
//! few however many pings come: RFC 6455, section 5.5.3 lets all but the last go unanswered.

use std::collections::VecDeque;

use bytes::Bytes;
use ring::rand::{SecureRandom, SystemRandom};

use super::frame::{Opcode, mask, write_head};

/// The most pongs that wait.
const PONGS_MAX: usize = 32;

/// The most bytes of a message that are encoded at once.
const PIECE: usize = 64 * 1024;

/// The system has no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRandom;

/// A message on its way.
#[derive(Debug)]
struct Sending {
    payload: Bytes,
    /// How much of it is encoded.
    at: usize,
    key: [u8; 4],
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What is encoded, and how much of it is written.
    bytes: Vec<u8>,
    at: usize,
    sending: Option<Sending>,
    pongs: VecDeque<Vec<u8>>,
    is_ping_due: bool,
    close: Option<Vec<u8>>,
    /// Whether the last frame of all is written or on its way.
    is_closed: bool,
    masks: Masks,
}

impl Outbox {
    /// The server wants a sign of life.
    pub(super) fn pong(&mut self, payload: Vec<u8>) {
        if self.is_closed {
            return;
        }
        if self.pongs.len() == PONGS_MAX {
            self.pongs.pop_front();
        }
        self.pongs.push_back(payload);
    }

    /// The server shall give one.
    pub(super) fn ping(&mut self) {
        self.is_ping_due = !self.is_closed;
    }

    /// The last frame of all; only the first counts. A message that is on its way is sent before it.
    pub(super) fn close(&mut self, payload: Vec<u8>) {
        if !self.is_closed {
            self.is_closed = true;
            self.close = Some(payload);
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Begins a message. The one before must be written.
    pub(super) fn begin(&mut self, opcode: Opcode, payload: Bytes) -> Result<(), NoRandom> {
        self.controls()?;
        let key = self.masks.next()?;
        write_head(opcode, payload.len(), key, &mut self.bytes);
        // Of an empty one nothing is left that the last word would have to wait for.
        self.sending = (!payload.is_empty()).then_some(Sending {
            payload,
            at: 0,
            key,
        });
        Ok(())
    }

    /// What is to be written next; nothing if there is nothing.
    pub(super) fn chunk(&mut self) -> Result<&[u8], NoRandom> {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
            if self.sending.is_none() {
                self.controls()?;
            }
        }
        if self.at == 0 {
            self.piece();
        }
        Ok(&self.bytes[self.at..])
    }

    /// So many bytes of it were written.
    pub(super) fn advance(&mut self, written: usize) {
        self.at += written;
    }

    /// Adds the next piece of the message.
    fn piece(&mut self) {
        let Some(sending) = &mut self.sending else {
            return;
        };
        let room = PIECE.saturating_sub(self.bytes.len());
        let (from, to) = (self.bytes.len(), sending.payload.len());
        let piece = &sending.payload[sending.at..to.min(sending.at + room)];
        self.bytes.extend_from_slice(piece);
        mask(&mut self.bytes[from..], sending.key, sending.at);
        sending.at += piece.len();
        if sending.at == to {
            self.sending = None;
        }
    }

    /// Adds the control frames that wait.
    fn controls(&mut self) -> Result<(), NoRandom> {
        while let Some(payload) = self.pongs.pop_front() {
            self.control(Opcode::Pong, &payload)?;
        }
        if std::mem::take(&mut self.is_ping_due) {
            self.control(Opcode::Ping, &[])?;
        }
        if let Some(payload) = self.close.take() {
            self.control(Opcode::Close, &payload)?;
        }
        Ok(())
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), NoRandom> {
        let key = self.masks.next()?;
        write_head(opcode, payload.len(), key, &mut self.bytes);
        let from = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        mask(&mut self.bytes[from..], key, 0);
        Ok(())
    }
}

/// Masks that nobody can foretell (RFC 6455, section 10.3), drawn many at a time.
#[derive(Debug, Default)]
struct Masks {
    drawn: Vec<[u8; 4]>,
}

impl Masks {
    fn next(&mut self) -> Result<[u8; 4], NoRandom> {
        if let Some(key) = self.drawn.pop() {
            return Ok(key);
        }
        let mut bytes = [0; 128];
        SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
        let (keys, _) = bytes.as_chunks();
        self.drawn.extend(keys);
        self.drawn.pop().ok_or(NoRandom)
    }
}
