//! The bytes of one exchange, kept as they went over the wire.
//!
//! hyper hands out neither the bytes that it writes nor those that it reads. So the I/O wrapper
//! copies them to the tape of a request that asked for one; any other costs a look at a flag. A tape
//! never holds more of a response than its head and what was read ahead of whoever takes the body.

use std::fmt;
use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

/// Where a connection keeps the tape of the exchange that is on it.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    is_running: AtomicBool,
    tape: Mutex<Option<Arc<Tape>>>,
}

impl Recorder {
    /// An exchange is about to begin. What hyper reads of it, and writes, comes after that.
    pub(super) fn begin(&self, tape: Option<&Arc<Tape>>) {
        if tape.is_none() && !self.is_running.load(Relaxed) {
            return;
        }
        self.is_running.store(tape.is_some(), Relaxed);
        let before = std::mem::replace(&mut *self.tape(), tape.cloned());
        drop(before);
    }

    pub(super) fn read(&self, bytes: &[u8]) {
        if self.is_running.load(Relaxed)
            && let Some(tape) = &*self.tape()
        {
            tape.read(bytes);
        }
    }

    /// The first `length` bytes of `parts` were written.
    pub(super) fn wrote(&self, parts: &[IoSlice<'_>], length: usize) {
        if self.is_running.load(Relaxed)
            && let Some(tape) = &*self.tape()
        {
            let mut left = length;
            for part in parts {
                let part = &part[..part.len().min(left)];
                left -= part.len();
                tape.wrote(part);
            }
        }
    }

    fn tape(&self) -> MutexGuard<'_, Option<Arc<Tape>>> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written and read.
#[derive(Default)]
pub(crate) struct Tape {
    sides: Mutex<Sides>,
}

#[derive(Default)]
struct Sides {
    request: BytesMut,
    /// The head of the response, once it is whole.
    head: Option<Bytes>,
    /// What has come of the head, then of what follows it and was not taken.
    incoming: BytesMut,
    /// How far the end of the head was looked for.
    searched: usize,
    /// Whether nothing more is wanted.
    is_over: bool,
}

impl Tape {
    /// An exchange that was not one of HTTP/1.1, written as if it had been.
    pub(crate) fn of_request(request: BytesMut) -> Self {
        let sides = Sides {
            request,
            is_over: true,
            ..Sides::default()
        };
        Self {
            sides: Mutex::new(sides),
        }
    }

    /// The head of the response to it.
    pub(crate) fn set_head(&self, head: Bytes) {
        self.sides().head = Some(head);
    }

    /// The request as far as it was written.
    pub(crate) fn request(&self) -> Bytes {
        Bytes::copy_from_slice(&self.sides().request)
    }

    /// The head of the final response, up to the empty line that ends it; empty until it is there.
    pub(crate) fn head(&self) -> Bytes {
        self.sides().head.clone().unwrap_or_default()
    }

    /// What has come after the head since this was asked for last.
    pub(crate) fn take(&self) -> Bytes {
        let mut sides = self.sides();
        match sides.head {
            Some(_) => sides.incoming.split().freeze(),
            None => Bytes::new(),
        }
    }

    /// Keeps nothing more.
    pub(crate) fn stop(&self) {
        let mut sides = self.sides();
        sides.is_over = true;
        sides.incoming = BytesMut::new();
    }

    fn wrote(&self, bytes: &[u8]) {
        let mut sides = self.sides();
        if !sides.is_over {
            sides.request.extend_from_slice(bytes);
        }
    }

    fn read(&self, bytes: &[u8]) {
        let mut sides = self.sides();
        if !sides.is_over {
            sides.incoming.extend_from_slice(bytes);
            sides.find_head();
        }
    }

    fn sides(&self) -> MutexGuard<'_, Sides> {
        self.sides.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sides {
    /// Leaves out interim responses, of which there may be any number, and finds the final head.
    fn find_head(&mut self) {
        while self.head.is_none() {
            let blank = self
                .incoming
                .iter()
                .take_while(|byte| b"\r\n".contains(byte));
            let blank = blank.count();
            if blank > 0 {
                let _ = self.incoming.split_to(blank);
                self.searched = 0;
            }
            let Some(end) = end_of_head(&self.incoming, self.searched) else {
                // The line feed of the last line may be the last byte, or the one before.
                self.searched = self.incoming.len().saturating_sub(2);
                return;
            };
            self.searched = 0;
            let head = self.incoming.split_to(end).freeze();
            if !is_interim(&head) {
                self.head = Some(head);
            }
        }
    }
}

/// Where the first empty line ends, by the rules of hyper's parser.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'\n', &bytes[from..]).find_map(|at| {
        let rest = &bytes[from + at + 1..];
        let empty = match rest {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        Some(from + at + 1 + empty)
    })
}

/// Whether another head follows: one of 101 ends HTTP and is final.
fn is_interim(head: &[u8]) -> bool {
    let status = head.get("HTTP/1.1 ".len().."HTTP/1.1 200".len());
    status.is_some_and(|status| status.starts_with(b"1") && status != b"101")
}

/// Without the bytes, which may hold secrets.
impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(bytes: &[u8], cut: usize) -> (Bytes, Bytes) {
        let (recorder, tape) = (Recorder::default(), Arc::new(Tape::default()));
        recorder.begin(Some(&tape));
        for piece in bytes.chunks(cut) {
            recorder.read(piece);
        }
        (tape.head(), tape.take())
    }

    #[test]
    fn the_final_head_is_found_however_the_bytes_are_cut() {
        let cases: [(&[u8], &[u8], &[u8]); 6] = [
            (
                b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n\r\nx",
                b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
                b"\r\nx",
            ),
            (b"HTTP/1.1 200\n\nx\n\n", b"HTTP/1.1 200\n\n", b"x\n\n"),
            (
                b"\r\n\nHTTP/1.1 100 Go\r\nX: y\r\n\r\nHTTP/1.1 103 \r\n\r\nHTTP/1.0 404 No\n\r\n1",
                b"HTTP/1.0 404 No\n\r\n",
                b"1",
            ),
            (
                b"HTTP/1.1 101 Switch\r\n\r\nws",
                b"HTTP/1.1 101 Switch\r\n\r\n",
                b"ws",
            ),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n", b"", b""),
            (b"HTTP/1.1 102 Wait\r\n\r\n", b"", b""),
        ];
        for (bytes, head, rest) in cases {
            for cut in 1..=bytes.len() {
                assert_eq!(recorded(bytes, cut), (head.into(), rest.into()), "{cut}");
            }
        }
    }

    #[test]
    fn interim_responses_without_end_take_no_room() {
        let tape = Tape::default();
        for _ in 0..10_000 {
            tape.read(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 1");
            tape.read(b"00 Continue\r\n\r\n");
        }
        assert!(tape.sides().incoming.capacity() < 4096);
    }

    #[test]
    fn the_next_exchange_is_not_on_the_tape_of_the_last() {
        let (recorder, tape) = (Recorder::default(), Arc::new(Tape::default()));
        recorder.begin(Some(&tape));
        recorder.wrote(&[IoSlice::new(b"one"), IoSlice::new(b" two")], 5);
        recorder.begin(None);
        recorder.wrote(&[IoSlice::new(b"GET /secret")], 11);
        recorder.read(b"HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(
            (tape.request(), tape.head()),
            ("one t".into(), Bytes::new())
        );
    }
}
