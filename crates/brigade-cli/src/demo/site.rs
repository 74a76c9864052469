//! The site of the demo: what is on it, and how its servers misbehave.
//!
//! Each trick is one that every large list of URLs meets. What a good client makes of it is written
//! beside it, so the demo can check itself. Bodies are computed from their path and never stored.

use brigade_testkit::server::{Reply, Request, Server};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What the site does with the requests for some of its pages, and how many such pages it has.
const TRICKS: [(Trick, usize); 9] = [
    (Trick::Page, 360),
    (Trick::Binary, 40),
    (Trick::Slow, 12),
    (Trick::Busy, 24),
    (Trick::Heals, 12),
    (Trick::ResetOnce, 8),
    (Trick::Missing, 6),
    (Trick::Resets, 2),
    (Trick::Endless, 1),
];

/// How many requests the busy server turns away before it serves.
const TURNED_AWAY: usize = 3;

/// The longest body that the demo's job takes; an endless one fails with `too_large`.
pub(super) const BODY_MAX: u64 = 512 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trick {
    /// Text of 100 bytes to 100 KiB.
    Page,
    /// Bytes that are no text.
    Binary,
    /// A body that comes in ten pieces.
    Slow,
    /// 429 with Retry-After for the first few, then the page.
    Busy,
    /// 500 at first, then the page.
    Heals,
    /// A connection reset in the middle of the body at first, then the page.
    ResetOnce,
    /// 404.
    Missing,
    /// Always a reset.
    Resets,
    /// A body without end.
    Endless,
}

impl Trick {
    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Binary => "binary",
            Self::Slow => "slow",
            Self::Busy => "busy",
            Self::Heals => "heals",
            Self::ResetOnce => "reset-once",
            Self::Missing => "missing",
            Self::Resets => "resets",
            Self::Endless => "endless",
        }
    }
}

/// What must become of a line of the demo's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A result with this body.
    Body(Bytes),
    /// A failure record.
    Failure,
}

/// The servers of the demo, and the list of its URLs.
pub(super) struct Site {
    servers: Vec<Server>,
    lines: Vec<(Trick, usize)>,
}

impl Site {
    /// Starts one server for the many, and one each for the busy and the broken pages: a host that
    /// is in trouble must not hold up the others.
    pub(super) fn start() -> io::Result<Self> {
        let servers = (0..3)
            .map(|_| {
                let visits = Mutex::new(HashMap::new());
                let answer = move |request: &Request| answer(request, &visits);
                Server::builder().log_max(0).start_thread(answer)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            servers,
            lines: shuffled(),
        })
    }

    /// The URLs, and one line that is none.
    pub(super) fn list(&self) -> Vec<String> {
        let mut list: Vec<_> = self.lines.iter().map(|line| self.url(*line)).collect();
        list.push("this line is not a URL".into());
        list
    }

    /// What must become of the line with this number.
    pub(super) fn fate(&self, index: usize) -> Fate {
        match self.lines.get(index) {
            None | Some((Trick::Missing | Trick::Resets | Trick::Endless, _)) => Fate::Failure,
            Some((trick, number)) => Fate::Body(body(*trick, *number)),
        }
    }

    /// How many lines the list has.
    pub(super) fn len(&self) -> usize {
        self.lines.len() + 1
    }

    /// Requests and connections that the servers have seen.
    pub(super) fn seen(&self) -> (usize, usize) {
        let requests = self
            .servers
            .iter()
            .map(|server| server.exchanges().total)
            .sum();
        let connections = self
            .servers
            .iter()
            .map(|server| server.connections().total)
            .sum();
        (requests, connections)
    }

    fn url(&self, (trick, number): (Trick, usize)) -> String {
        let server = match trick {
            Trick::Busy => 1,
            Trick::ResetOnce | Trick::Resets | Trick::Endless => 2,
            _ => 0,
        };
        self.servers[server].url(&format!("/{}/{number}", trick.name()))
    }
}

/// Every page once, the tricks spread among the pages; the same in every run.
fn shuffled() -> Vec<(Trick, usize)> {
    let all = TRICKS
        .iter()
        .flat_map(|(trick, pages)| (0..*pages).map(|number| (*trick, number)));
    let mut lines: Vec<_> = all.collect();
    let mut random = Random(1);
    for at in (1..lines.len()).rev() {
        lines.swap(at, random.below(at + 1));
    }
    lines
}

fn answer(request: &Request, visits: &Mutex<HashMap<String, usize>>) -> Reply {
    let found = request.path()[1..]
        .split_once('/')
        .and_then(|(name, number)| {
            let trick = TRICKS
                .iter()
                .map(|(trick, _)| *trick)
                .find(|trick| trick.name() == name)?;
            Some((trick, number.parse().ok()?))
        });
    let Some((trick, number)) = found else {
        return Reply::status(404).body("no such page\n");
    };
    // The busy server counts for all its pages, the others for each page.
    let counted = if trick == Trick::Busy {
        trick.name()
    } else {
        request.path()
    };
    let mut visits = visits.lock().unwrap_or_else(PoisonError::into_inner);
    let visit = visits
        .entry(counted.to_owned())
        .and_modify(|visit| *visit += 1)
        .or_insert(1);
    reply(trick, number, *visit)
}

fn reply(trick: Trick, number: usize, visit: usize) -> Reply {
    let body = || body(trick, number);
    let page = || Reply::ok(body()).header("content-type", "text/plain; charset=utf-8");
    match trick {
        Trick::Page => page().delay(Duration::from_millis(5)),
        Trick::Binary => Reply::ok(body()).header("content-type", "application/octet-stream"),
        Trick::Slow => page().slow(body().len().div_ceil(10), Duration::from_millis(60)),
        Trick::Busy if visit <= TURNED_AWAY => Reply::status(429)
            .header("retry-after", "1")
            .body("come back later\n"),
        Trick::Heals if visit == 1 => Reply::status(500).body("not yet\n"),
        Trick::ResetOnce if visit == 1 => page().reset_after(50),
        Trick::Busy | Trick::Heals | Trick::ResetOnce => page(),
        Trick::Missing => Reply::status(404).body("no such page\n"),
        Trick::Resets => Reply::reset(),
        Trick::Endless => Reply::status(200).endless(),
    }
}

/// The body of a page: words, or bytes that are no text.
fn body(trick: Trick, number: usize) -> Bytes {
    const WORDS: [&str; 16] = [
        "bucket",
        "brigade",
        "water",
        "passes",
        "from",
        "hand",
        "to",
        "the",
        "fire",
        "\"every\"",
        "drop",
        "arrives",
        "línea",
        "por",
        "línea",
        "\n",
    ];
    let mut random = Random((trick as u64) << 32 | number as u64 | 1 << 48);
    let size = 100usize << random.below(11);
    let mut body = Vec::with_capacity(size + 16);
    while body.len() < size {
        if trick == Trick::Binary {
            body.push(random.below(256) as u8);
        } else {
            body.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes());
            body.push(b' ');
        }
    }
    if trick == Trick::Binary {
        body[0] = 0xff;
    }
    body.into()
}

/// A small generator (xorshift*), so that every run shows the same pages.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        (high % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_the_same_in_every_run_and_differ_from_each_other() {
        assert_eq!(shuffled(), shuffled());
        assert_eq!(body(Trick::Page, 7), body(Trick::Page, 7));
        assert_ne!(body(Trick::Page, 7), body(Trick::Page, 8));
        assert!(std::str::from_utf8(&body(Trick::Binary, 0)).is_err());
        let longest = (0..360).map(|number| body(Trick::Page, number).len()).max();
        assert!(longest.is_some_and(|longest| longest < BODY_MAX as usize));
    }

    #[test]
    fn tricks_wear_off_where_they_should() {
        let status = |trick, visit| reply(trick, 0, visit);
        assert!(format!("{:?}", status(Trick::Heals, 1)).contains("500"));
        assert!(format!("{:?}", status(Trick::Heals, 2)).contains("200"));
        assert!(format!("{:?}", status(Trick::Busy, TURNED_AWAY)).contains("429"));
        assert!(format!("{:?}", status(Trick::Busy, TURNED_AWAY + 1)).contains("200"));
    }
}
