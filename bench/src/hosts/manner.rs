//! How each host of the list behaves, and what its pages hold: pure functions of two numbers.
//!
//! The server, the list and the check of every output are made of these, so none of them needs to
//! trust another. Nothing here knows of sockets or of time.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// What a host does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers at once.
    Plain,
    /// Answers and closes the connection.
    Closing,
    /// Thinks for a second.
    Slow,
    /// Sends its body in pieces, for a second.
    Trickle,
    /// Asks for patience with 429 and `Retry-After` at first.
    Busy,
    /// Answers 503 without more at first.
    Down,
    /// Resets the first request for each page.
    Flaky,
    /// Takes requests and says nothing.
    Hang,
    /// Sends a body that has no end.
    Endless,
    /// Closes in the middle of a body whose length it gave.
    Cut,
    /// Sends a chunk whose length is no number.
    BadChunk,
    /// Resets every request.
    Reset,
    /// Redirects from one page to another and back.
    Circle,
}

impl Manner {
    /// Of every hundred hosts six are bad for good, eleven at first, eighteen odd, the rest plain.
    pub fn of(host: usize) -> Self {
        match host % 100 {
            0..6 => Self::Busy,
            6..9 => Self::Down,
            9..11 => Self::Flaky,
            11 => Self::Hang,
            12 => Self::Endless,
            13 => Self::Cut,
            14 => Self::BadChunk,
            15 => Self::Reset,
            16 => Self::Circle,
            17..22 => Self::Slow,
            22..25 => Self::Trickle,
            25..35 => Self::Closing,
            _ => Self::Plain,
        }
    }

    /// Whether a patient client gets every page.
    pub fn is_good(self) -> bool {
        !matches!(
            self,
            Self::Hang | Self::Endless | Self::Cut | Self::BadChunk | Self::Reset | Self::Circle
        )
    }
}

/// Seconds for which a busy host asks for patience.
pub fn patience(host: usize) -> u64 {
    2 + (host / 100 + host) as u64 % 4
}

/// The host's own address of the loopback network.
pub fn address(host: usize) -> Ipv4Addr {
    let [_, high, middle, low] = (host as u32 + 1).to_be_bytes();
    Ipv4Addr::new(127, 16 + high, middle, low)
}

/// A line of the list: which host, and which of its pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub host: usize,
    pub page: usize,
}

impl Page {
    /// The page of a line. The hosts take turns, in an order that is not that of their addresses.
    pub fn of_line(line: usize, hosts: usize) -> Self {
        // A prime beyond any number of hosts, so that every host has its turn.
        const STEP: usize = 1_000_003;
        Self {
            host: (line % hosts) * STEP % hosts,
            page: line / hosts,
        }
    }

    /// The name of a file for it, which is also the last part of its URL.
    pub fn name(self) -> String {
        format!("{}-{}.txt", self.host, self.page)
    }

    pub fn of_name(name: &str) -> Option<Self> {
        let (host, page) = name.strip_suffix(".txt")?.split_once('-')?;
        Some(Self {
            host: host.parse().ok()?,
            page: page.parse().ok()?,
        })
    }

    pub fn url(self, port: u16) -> String {
        format!("http://{}:{port}/{}", address(self.host), self.name())
    }

    /// One to four KiB that no other page has.
    pub fn body(self) -> String {
        let length = 1024 + (self.host * 31 + self.page * 977) % 3072;
        let mut text = String::with_capacity(length + 64);
        while text.len() < length {
            let at = text.len();
            let _ = writeln!(text, "host {} page {} at {at}", self.host, self.page);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_host_has_every_page_once() {
        for hosts in [1, 8, 100, 1000] {
            let lines = (0..3 * hosts).map(|line| Page::of_line(line, hosts));
            let names: HashSet<String> = lines.map(Page::name).collect();
            assert_eq!(names.len(), 3 * hosts);
        }
    }

    #[test]
    fn the_name_of_a_page_leads_back_to_it() {
        let page = Page { host: 17, page: 3 };
        assert_eq!(Page::of_name(&page.name()), Some(page));
        assert_eq!(Page::of_name("17-3.txt.1"), None);
    }

    #[test]
    fn addresses_are_those_of_loopback_and_each_is_another() {
        let all: HashSet<Ipv4Addr> = (0..70_000).map(address).collect();
        assert_eq!(all.len(), 70_000);
        assert!(all.iter().all(Ipv4Addr::is_loopback));
    }
}
