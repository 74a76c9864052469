//! A scenario, drawn from a seed: the limits, the hosts, and what becomes of each request.
//!
//! It is data, so that both worlds play the same one and a failure can be played again. It never
//! looks at a clock, and the same seed always gives the same scenario.

use std::time::Duration;

use brigade_http::{PoolLimits, Timeouts};
use fastrand::Rng;

/// How the servers and the callers of a scenario are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// Servers break off, fall silent and refuse, and callers lose their patience.
    Storm,
    /// Servers answer, if slowly and oddly; callers who stay must be served.
    Fair,
    /// Servers break off most answers, while callers stay.
    Ruin,
    /// A storm in which the client is closed, or its last clone dropped, in the middle.
    Closing,
}

/// What a client speaks to its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP/1.1 everywhere.
    Http1,
    /// HTTP/2 everywhere, by prior knowledge.
    Http2,
    /// Each host in its own way: plain HTTP/1.1, or over TLS what ALPN says.
    Mixed,
}

#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) is_tls: bool,
    pub(super) is_http2: bool,
    /// Nobody listens.
    pub(super) is_dead: bool,
}

/// How a host meets a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    Open,
    Slow(Duration),
    Refuse,
    /// Nothing ever comes of it.
    Never,
}

/// How a connection or stream is broken off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Break {
    Reset,
    Close,
    Silence,
    /// With HTTP/2 only the stream.
    Stream,
}

/// What is odd about an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Oddity {
    None,
    NoHead(Break),
    Half(Break),
    /// The connection is closed without a word after the answer.
    CloseAfter,
    /// The connection is closed after the answer, which says so.
    SaysClose,
    KeepAlive,
    /// The answer does not wait for the body of the request.
    Early,
    /// A second answer that nobody asked for follows.
    Extra,
    /// Refused so many times, then answered.
    Refused(usize),
    /// The server goes away without having looked at it.
    GoneUnseen,
    /// The server goes away with this as its last request.
    GoneAfter,
    /// The server takes so many streams from now on.
    Room(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) delay: Duration,
    pub(super) pieces: usize,
    pub(super) gap: Duration,
    pub(super) framing: Framing,
    pub(super) is_hinted: bool,
    pub(super) oddity: Oddity,
}

/// What a caller does with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Read,
    DropAtPoll(usize),
    DropAfter(Duration),
    DropAtHead,
    DropInBody,
    /// Keeps the response unread for a while.
    Keep(Duration),
    /// Polls so often, then not for a while.
    Unpolled(usize, Duration),
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) host: usize,
    pub(super) at: Duration,
    /// The size of the body of a POST.
    pub(super) upload: Option<usize>,
    pub(super) download: usize,
    pub(super) answer: Answer,
    pub(super) fate: Fate,
    pub(super) timeouts: Timeouts,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Close,
    DropLast,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) weather: Weather,
    pub(super) speech: Speech,
    pub(super) limits: PoolLimits,
    pub(super) hosts: Vec<Host>,
    pub(super) asks: Vec<Ask>,
    /// How the client ends, and when if that is not after the last request.
    pub(super) end: (End, Option<Duration>),
    /// The bytes that an in-memory stream holds.
    pub(super) pipe: usize,
}

impl Plan {
    /// Draws a scenario with at most `asks` requests, in which most waits are a few times `unit`.
    pub(super) fn draw(seed: u64, weather: Weather, asks: usize, unit: Duration) -> Self {
        let mut draw = Draw {
            rng: Rng::with_seed(seed),
            weather,
            unit,
        };
        let speech = draw.one_of(&[Speech::Http1, Speech::Http2, Speech::Mixed, Speech::Http2]);
        let count = draw.rng.usize(2..=8);
        let hosts: Vec<_> = (0..count).map(|_| draw.host(speech)).collect();
        let asks = draw.rng.usize(asks / 8..=asks);
        let span = draw.rng.u32(0..200);
        let asks: Vec<_> = (0..asks).map(|_| draw.ask(count, span)).collect();
        let end = draw.one_of(&[End::Close, End::DropLast]);
        let middle = unit * draw.rng.u32(0..=span + 20);
        Self {
            seed,
            weather,
            speech,
            limits: draw.limits(),
            hosts,
            asks,
            end: (end, (weather == Weather::Closing).then_some(middle)),
            pipe: draw.rng.usize(512..4096),
        }
    }

    /// How a host meets its connection of this number.
    pub(super) fn door(&self, host: usize, number: usize) -> Door {
        let seed = self.seed ^ ((host as u64 + 1) << 40) ^ ((number as u64 + 1) << 20);
        let mut rng = Rng::with_seed(seed);
        let slow = Door::Slow(Duration::from_millis(rng.u64(1..30)));
        match rng.u32(0..100) {
            _ if self.hosts[host].is_dead => Door::Refuse,
            0..10 => slow,
            10..15 if self.weather != Weather::Fair => Door::Refuse,
            15..18 if !matches!(self.weather, Weather::Fair | Weather::Ruin) => Door::Never,
            _ => Door::Open,
        }
    }
}

/// What a request or its response carries: nobody else's looks like it.
pub(super) fn content(request: usize, size: usize) -> Vec<u8> {
    let mark = format!("{request}:");
    mark.bytes().cycle().take(size).collect()
}

struct Draw {
    rng: Rng,
    weather: Weather,
    unit: Duration,
}

impl Draw {
    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.usize(..of.len())]
    }

    fn some(&mut self, most: u32) -> Duration {
        self.unit * self.rng.u32(0..=most)
    }

    fn limits(&mut self) -> PoolLimits {
        let idle_timeout = self.unit * self.rng.u32(1..100);
        let max_age = self.rng.bool().then(|| self.unit * self.rng.u32(1..200));
        PoolLimits::default()
            .total(self.rng.usize(1..=8))
            .per_host(self.rng.usize(1..=4))
            .idle(self.rng.usize(0..=8))
            .streams(self.rng.u32(1..=4))
            .idle_timeout(idle_timeout)
            .max_age(max_age)
    }

    fn host(&mut self, speech: Speech) -> Host {
        let is_tls = speech == Speech::Mixed && self.rng.bool();
        Host {
            is_tls,
            is_http2: speech == Speech::Http2 || is_tls && self.rng.bool(),
            is_dead: !matches!(self.weather, Weather::Fair | Weather::Ruin)
                && self.rng.u32(0..12) == 0,
        }
    }

    fn ask(&mut self, hosts: usize, span: u32) -> Ask {
        let upload = self.rng.bool().then(|| self.rng.usize(0..2000));
        Ask {
            host: self.rng.usize(..hosts),
            at: self.some(span),
            upload,
            download: self.one_of(&[0, 1, 100, 3000]),
            answer: self.answer(),
            fate: self.fate(),
            timeouts: self.timeouts(),
        }
    }

    fn answer(&mut self) -> Answer {
        let mut answer = Answer {
            delay: if self.rng.bool() {
                self.some(10)
            } else {
                Duration::ZERO
            },
            pieces: self.rng.usize(1..=4),
            gap: if self.rng.bool() {
                self.some(3)
            } else {
                Duration::ZERO
            },
            framing: self.one_of(&[
                Framing::Length,
                Framing::Length,
                Framing::Chunked,
                Framing::UntilClose,
            ]),
            is_hinted: self.rng.u32(0..20) == 0,
            oddity: self.oddity(),
        };
        // Nobody could tell a half from the whole, or a close after all was sent from one in the
        // middle of an upload.
        let needs_length = matches!(answer.oddity, Oddity::Half(_) | Oddity::Early);
        if needs_length && answer.framing == Framing::UntilClose {
            answer.framing = Framing::Length;
        }
        answer
    }

    fn oddity(&mut self) -> Oddity {
        let broken = match self.weather {
            // Silence only leads to timeouts.
            Weather::Ruin => self.one_of(&[Break::Reset, Break::Close, Break::Stream]),
            _ => self.one_of(&[Break::Reset, Break::Close, Break::Stream, Break::Silence]),
        };
        let is_fair = self.weather == Weather::Fair;
        let most = if self.weather == Weather::Ruin {
            55
        } else {
            100
        };
        match self.rng.u32(0..most) {
            0..4 => Oddity::SaysClose,
            4..8 => Oddity::KeepAlive,
            8..12 => Oddity::Early,
            12..16 => Oddity::Refused(self.rng.usize(1..=2)),
            16..22 => Oddity::Room(self.rng.u32(0..=4)),
            22..50 if is_fair => Oddity::None,
            22..28 => Oddity::NoHead(broken),
            28..35 => Oddity::Half(broken),
            35..39 => Oddity::CloseAfter,
            39..42 => Oddity::Extra,
            42..43 => Oddity::Refused(9),
            43..45 => Oddity::GoneUnseen,
            45..50 => Oddity::GoneAfter,
            _ => Oddity::None,
        }
    }

    fn fate(&mut self) -> Fate {
        match self.rng.u32(0..100) {
            _ if self.weather == Weather::Ruin => Fate::Read,
            0..10 => Fate::DropAtPoll(self.rng.usize(0..6)),
            10..20 => Fate::DropAfter(self.some(15)),
            20..25 => Fate::DropAtHead,
            25..30 => Fate::DropInBody,
            30..36 => Fate::Keep(self.some(40)),
            36..42 => Fate::Unpolled(self.rng.usize(1..5), self.some(40)),
            _ => Fate::Read,
        }
    }

    fn timeouts(&mut self) -> Timeouts {
        if self.weather == Weather::Fair {
            return Timeouts::NONE.total(self.unit * 200_000);
        }
        let mut some = |least| {
            let limit = self.unit * self.rng.u32(least..80);
            self.rng.bool().then_some(limit)
        };
        let timeouts = Timeouts::NONE.pool(some(1)).connect(some(2));
        let timeouts = timeouts.write(some(2)).read(some(2));
        timeouts.total(self.unit * self.rng.u32(10..300))
    }
}
