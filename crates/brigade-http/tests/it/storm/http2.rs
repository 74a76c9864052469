//! A server of HTTP/2 that does with each request what the plan says.
//!
//! It speaks frames, because no library refuses and goes away as it has to. One task reads what
//! comes and sends what is due, so that frames go out in the order of their times. It never sends
//! on a stream that is over.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use brigade_http::transport::Io;
use brigade_testkit::h2::{Frame, H2Conn, H2Request, code, flag, kind, setting};
use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::plan::{Answer, Break, Oddity, content};
use super::stage::Stage;
use super::wire::Cut;

/// How long the server takes no streams if it says so.
const FULL: Duration = Duration::from_millis(20);

/// Serves a connection until either side leaves.
pub(super) async fn serve(stage: &Stage, stream: Box<dyn Io>, cut: Cut) -> io::Result<()> {
    let mut server = Server {
        stage,
        conn: H2Conn::over(stream),
        cut,
        open: BTreeMap::new(),
        due: BTreeMap::new(),
        steps: 0,
        highest: 0,
        last: None,
        pings: 0,
        crowd: 0,
        is_over: false,
    };
    server
        .conn
        .settings(&[(setting::MAX_CONCURRENT_STREAMS, 4)])
        .await?;
    server.run().await
}

/// What is to be sent.
enum Step {
    Head(u32),
    Data(u32, Bytes),
    End(u32),
    Reset(u32, u32),
    Room(u32),
    GoAway(u32),
    Ping,
    Close,
    Cut,
}

struct Stream {
    request: usize,
    body: Vec<u8>,
    /// What is answered once the request has been received.
    answer: Option<Answer>,
    is_received: bool,
}

struct Server<'a> {
    stage: &'a Stage,
    conn: H2Conn,
    cut: Cut,
    /// The streams that neither side has ended.
    open: BTreeMap<u32, Stream>,
    /// By time, and in their order.
    due: BTreeMap<(Instant, u64), Step>,
    steps: u64,
    highest: u32,
    /// The last stream that is served.
    last: Option<u32>,
    /// How many pings were sent since there are more streams than there may be.
    pings: u32,
    /// How often that came about; what a ping about it says.
    crowd: u64,
    is_over: bool,
}

impl Server<'_> {
    async fn run(&mut self) -> io::Result<()> {
        while !self.is_over {
            let next = self.due.first_key_value().map(|(key, _)| *key);
            let at = next.map_or(Instant::now() + Duration::from_secs(3600), |next| next.0);
            tokio::select! {
                // In a fixed order, so that a seed brings back the same run.
                biased;
                frame = self.conn.frame() => match frame {
                    Ok(Some(frame)) => self.hear(frame).await?,
                    // A client may be quiet for as long as it likes.
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                    _ => return Ok(()),
                },
                () = sleep_until(at) => {
                    if let Some(step) = next.and_then(|next| self.due.remove(&next)) {
                        self.take(step).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn hear(&mut self, frame: Frame) -> io::Result<()> {
        while let Some(request) = self.conn.waiting() {
            self.begin(&request);
        }
        match frame.kind {
            kind::DATA => {
                self.receive(frame.stream, &frame.payload, frame.has(flag::END_STREAM));
                match frame.payload.len() as u32 {
                    0 => Ok(()),
                    length => self.conn.window_update(0, length).await,
                }
            }
            kind::RST_STREAM => {
                self.open.remove(&frame.stream);
                self.count();
                Ok(())
            }
            kind::PING if frame.has(flag::ACK) => {
                if self.pings == 0 || frame.payload[..] != self.crowd.to_be_bytes() {
                    return Ok(());
                }
                self.pings += 1;
                self.count();
                match self.pings {
                    2 => self.conn.ping(self.crowd.to_be_bytes()).await,
                    _ => Ok(()),
                }
            }
            kind::PING | kind::SETTINGS if !frame.has(flag::ACK) => {
                let echo = match frame.kind {
                    kind::PING => frame.payload,
                    _ => Bytes::new(),
                };
                self.conn
                    .send(Frame::new(frame.kind, flag::ACK, 0, echo))
                    .await
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, request: &H2Request) {
        let stream = request.stream;
        let Ok(number) = request.path().trim_start_matches('/').parse() else {
            let path = request.path().to_owned();
            return self
                .stage
                .watch
                .report(|| format!("a request for {path:?}"));
        };
        self.highest = stream;
        let before = self.stage.book.arrived(number);
        if self.last.is_some_and(|last| stream > last) {
            return self.stage.book.unseen(number);
        }
        let mut answer = self.stage.plan.asks[number].answer.clone();
        let is_odd = match answer.oddity {
            Oddity::Refused(times) => before < times,
            _ => before == 0,
        };
        if !is_odd {
            answer.oddity = Oddity::None;
        }
        let is_early = matches!(answer.oddity, Oddity::Early);
        self.open.insert(
            stream,
            Stream {
                request: number,
                body: Vec::new(),
                answer: (!is_early).then(|| answer.clone()),
                is_received: false,
            },
        );
        self.count();
        if is_early {
            self.answer(stream, number, &answer);
        }
        if request.end_stream {
            self.receive(stream, &[], true);
        }
    }

    /// Holds the streams against the limit. A reset may come a moment after what it made room for,
    /// but not two answers to a ping later.
    fn count(&mut self) {
        let (open, most) = (self.open.len(), self.stage.plan.limits.streams);
        if open <= most as usize {
            self.pings = 0;
        } else if self.pings == 0 {
            self.pings = 1;
            self.crowd += 1;
            self.at(Instant::now(), Step::Ping);
        } else if self.pings > 2 {
            let text = format!("{open} streams on a connection that may have {most}");
            self.stage.watch.report(|| text);
        }
    }

    /// Takes in a part of a request's body.
    fn receive(&mut self, stream: u32, bytes: &[u8], is_last: bool) {
        let Some(state) = self.open.get_mut(&stream) else {
            return;
        };
        state.body.extend_from_slice(bytes);
        state.is_received |= is_last;
        if !is_last {
            return;
        }
        let number = state.request;
        let answer = state.answer.take();
        let expected = self.stage.plan.asks[number].upload.unwrap_or(0);
        if state.body != content(number, expected) {
            let text = format!("request {number} arrived with a wrong body");
            self.stage.watch.report(|| text);
        }
        if let Some(answer) = answer {
            self.answer(stream, number, &answer);
        }
    }

    /// Puts the answer to a request on the schedule.
    fn answer(&mut self, stream: u32, number: usize, answer: &Answer) {
        let mut at = Instant::now() + answer.delay;
        let body = content(number, self.stage.plan.asks[number].download);
        match answer.oddity {
            Oddity::NoHead(broken) => return self.break_off(at, stream, broken),
            Oddity::Refused(_) => return self.at(at, Step::Reset(stream, code::REFUSED_STREAM)),
            Oddity::GoneUnseen => return self.at(at, Step::GoAway(stream.saturating_sub(2))),
            Oddity::GoneAfter | Oddity::SaysClose => self.at(at, Step::GoAway(u32::MAX)),
            Oddity::Room(room) => self.at(at, Step::Room(room)),
            _ => {}
        }
        self.at(at, Step::Head(stream));
        let size = body.len().div_ceil(answer.pieces).max(1);
        let pieces = body.chunks(size);
        let sent = match answer.oddity {
            Oddity::Half(_) => pieces.len() / 2,
            _ => pieces.len(),
        };
        for piece in pieces.take(sent) {
            at += answer.gap;
            self.at(at, Step::Data(stream, Bytes::copy_from_slice(piece)));
        }
        match answer.oddity {
            Oddity::Half(broken) => self.break_off(at, stream, broken),
            Oddity::CloseAfter => {
                self.at(at, Step::End(stream));
                self.at(at, Step::Close);
            }
            _ => self.at(at, Step::End(stream)),
        }
    }

    fn break_off(&mut self, at: Instant, stream: u32, broken: Break) {
        match broken {
            Break::Reset => self.at(at, Step::Cut),
            Break::Close => self.at(at, Step::Close),
            Break::Stream => self.at(at, Step::Reset(stream, code::INTERNAL_ERROR)),
            Break::Silence => {}
        }
    }

    fn at(&mut self, at: Instant, step: Step) {
        self.steps += 1;
        self.due.insert((at, self.steps), step);
    }

    async fn take(&mut self, step: Step) -> io::Result<()> {
        match step {
            Step::Ping => self.conn.ping(self.crowd.to_be_bytes()).await,
            Step::Head(stream) if self.open.contains_key(&stream) => {
                self.conn.headers(stream, 200, flag::NONE).await
            }
            Step::Data(stream, bytes) if self.open.contains_key(&stream) => {
                self.conn.data(stream, bytes, flag::NONE).await
            }
            Step::End(stream) => match self.open.remove(&stream) {
                None => Ok(()),
                Some(state) => {
                    self.conn
                        .data(stream, Bytes::new(), flag::END_STREAM)
                        .await?;
                    match state.is_received {
                        true => Ok(()),
                        false => self.conn.reset_stream(stream, code::NO_ERROR).await,
                    }
                }
            },
            Step::Reset(stream, code) => match self.open.remove(&stream) {
                None => Ok(()),
                Some(state) => {
                    if code == code::REFUSED_STREAM {
                        self.stage.book.unseen(state.request);
                    }
                    self.conn.reset_stream(stream, code).await
                }
            },
            Step::Room(room) => {
                if room == 0 {
                    self.at(Instant::now() + FULL, Step::Room(4));
                }
                let room = [(setting::MAX_CONCURRENT_STREAMS, room)];
                self.conn.settings(&room).await
            }
            Step::GoAway(last) => self.go_away(last.min(self.highest)).await,
            Step::Cut | Step::Close => {
                if let Step::Cut = step {
                    self.cut.set();
                }
                self.is_over = true;
                Ok(())
            }
            // The stream is over.
            Step::Head(_) | Step::Data(..) => Ok(()),
        }
    }

    /// Serves no stream after `last`, and says so.
    async fn go_away(&mut self, last: u32) -> io::Result<()> {
        let last = self.last.map_or(last, |before| before.min(last));
        self.last = Some(last);
        for (_, state) in self.open.split_off(&(last + 1)) {
            self.stage.book.unseen(state.request);
        }
        self.conn.goaway(last, code::NO_ERROR).await
    }
}
