//! Where redirects have led a line since it was first asked for.
//!
//! Each hop is a request that waits for its turn like any other, so what a line is on its way to
//! is kept with it. Lines that were never redirected, nearly all, have no journey. It lives in
//! memory alone: a line that goes to disk begins it again, and never more than a few times.

use brigade_http::redirect::Follow;
use url::Url;

use super::Item;
use crate::record::Capture;

/// How often a line may begin its journey again because it went to disk in between.
const BEGUN_MAX: u8 = 8;

/// The way of a line from its own URL to the one that is asked for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    /// The URL that is asked for next.
    pub(crate) url: Url,
    /// Redirects followed to get there.
    pub(crate) hops: u32,
    /// Whether one of them led to another origin: credentials do not travel on from there.
    pub(crate) left_origin: bool,
    /// Whether the next request follows a redirect, rather than repeating one.
    pub(crate) moving: bool,
    /// How often it was begun again.
    pub(crate) begun: u8,
    /// The exchanges that led there, if they are archived.
    pub(crate) captures: Vec<Capture>,
}

impl Journey {
    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let captures: usize = self.captures.iter().map(Capture::bytes).sum();
        size_of::<Self>() + self.url.as_str().len() + captures
    }
}

impl Item {
    /// The URL that is asked for next.
    pub(crate) fn target(&self) -> &Url {
        self.journey.as_ref().map_or(&self.url, |way| &way.url)
    }

    /// Redirects followed since its own URL was asked for.
    pub(crate) fn hops(&self) -> u32 {
        self.journey.as_ref().map_or(0, |way| way.hops)
    }

    /// Whether its next request goes on with an attempt, after a redirect.
    pub(crate) fn is_moving(&self) -> bool {
        self.journey.as_ref().is_some_and(|way| way.moving)
    }

    /// Takes note that the next request is sent, which is another attempt unless it follows a
    /// redirect. Returns whether it is one.
    pub(crate) fn depart(&mut self) -> bool {
        match &mut self.journey {
            Some(way) if way.moving => {
                way.moving = false;
                false
            }
            _ => {
                self.attempts += 1;
                true
            }
        }
    }

    /// Takes back that it has departed, which was another attempt or was not: nothing was sent.
    pub(crate) fn stay(&mut self, was_attempt: bool) {
        self.attempts -= u32::from(was_attempt);
        if let Some(way) = &mut self.journey {
            way.moving = !was_attempt;
        }
    }

    /// Goes where a redirect leads. `capture` is the exchange that said so, if it is archived.
    pub(crate) fn follow(&mut self, redirect: Follow, capture: Option<Capture>) {
        let (left_origin, begun, mut captures) = match &mut self.journey {
            Some(way) => (
                way.left_origin,
                way.begun,
                std::mem::take(&mut way.captures),
            ),
            None => (false, 0, Vec::new()),
        };
        captures.extend(capture);
        self.journey = Some(Box::new(Journey {
            url: redirect.url,
            hops: self.hops() + 1,
            left_origin: left_origin || !redirect.same_origin,
            moving: true,
            begun,
            captures,
        }));
    }

    /// Whether it may go to disk, which ends its journey.
    pub(crate) fn may_begin_again(&self) -> bool {
        self.hops() == 0 || self.begun() < BEGUN_MAX
    }

    /// How often its journey was begun again.
    pub(crate) fn begun(&self) -> u8 {
        self.journey.as_ref().map_or(0, |way| way.begun)
    }

    /// Begins its journey again, for the time that `begun` says.
    pub(crate) fn begin_again(&mut self, begun: u8) {
        self.journey = (begun > 0).then(|| {
            Box::new(Journey {
                url: self.url.clone(),
                hops: 0,
                left_origin: false,
                moving: false,
                begun,
                captures: Vec::new(),
            })
        });
    }
}
