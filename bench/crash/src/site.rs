//! The site that is fetched: a few hosts whose pages fail, heal, redirect, and come in every form.
//!
//! What a page is follows from its number; whether it refuses, from how often it was asked for. It
//! counts requests. It never depends on time, so that two runs of one list have the same results.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use brigade_testkit::server::{Reply, Request, Server};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Result;

const HOSTS: u8 = 4;
/// Lines of the list.
pub const LINES: usize = 200;

/// The servers and what they share.
pub struct Site {
    servers: Vec<Server>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: AtomicU64,
    /// Whether pages that failed until now are well.
    healed: AtomicBool,
    asked: Mutex<HashMap<u64, u32>>,
}

impl Site {
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut servers = Vec::new();
        for host in 1..=HOSTS {
            let own = shared.clone();
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0);
            let builder = Server::builder().address(address).log_max(0);
            servers.push(builder.start_thread(move |request| reply(&own, request))?);
        }
        Ok(Self { servers, shared })
    }

    /// Makes it as if nobody had asked yet.
    pub fn reset(&self) {
        self.shared.requests.store(0, Ordering::SeqCst);
        self.shared.healed.store(false, Ordering::SeqCst);
        let mut asked = self
            .shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        asked.clear();
    }

    pub fn heal(&self) {
        self.shared.healed.store(true, Ordering::SeqCst);
    }

    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The URL of each line, or what else the line is.
    pub fn lines(&self) -> Vec<String> {
        let line = |number: usize| match number {
            20 => String::new(),
            21 => "# not a page".to_owned(),
            22 => "no url".to_owned(),
            // Once more what another line asks for.
            60 => self.page(3),
            61 => self.page(5),
            199 => self.page(110),
            140..=146 => self.page(50),
            147..=149 => self.page(41),
            _ => self.page(number),
        };
        (0..LINES).map(line).collect()
    }

    fn page(&self, number: usize) -> String {
        self.servers[number % self.servers.len()].url(&format!("/{number}"))
    }
}

fn reply(shared: &Shared, request: &Request) -> Reply {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.path();
    if let Some(number) = path.strip_prefix("/behind/") {
        return Reply::ok(format!("behind a redirect: {number}"));
    }
    let number: u64 = path.trim_start_matches('/').parse().unwrap_or(0);
    let first = {
        let mut asked = shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(number).or_default();
        *times += 1;
        *times == 1
    };
    let page = Reply::ok(words(number, 300 + number as usize * 7));
    let reply = match number % 40 {
        0 => Reply::ok(""),
        1 => Reply::status(200).chunked([words(number, 3000), words(number + 1, 2000)]),
        2 => Reply::ok(gzip(&words(number, 20_000))).header("content-encoding", "gzip"),
        3 => Reply::ok(format!(
            "{{\"page\": {number}, \"text\": [\"a\\n\", 1.5, null]}}"
        ))
        .header("content-type", "application/json"),
        4 => Reply::ok([&[0xff, 0xfe, 0][..], words(number, 3000).as_bytes()].concat()),
        5 => Reply::status(404).body("there is no such page"),
        6 if first => Reply::status(500),
        7 if first => Reply::status(429).header("retry-after", "0"),
        8 => Reply::redirect(302, format!("/behind/{number}")),
        9 if first => page.reset_after(20),
        10 => Reply::ok(words(number, 30_000)),
        11 => Reply::status(502),
        12 if !shared.healed.load(Ordering::SeqCst) => Reply::status(410),
        13 if number % 80 == 53 => Reply::ok(words(number, 300_000)),
        _ => page,
    };
    reply.delay(Duration::from_micros(number % 7 * 500))
}

/// Text of this length that is different for each page.
fn words(number: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while text.len() < bytes {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text.push_str(&format!("{:x} \"word\"\n", state >> 40));
    }
    text.truncate(bytes);
    text
}

fn gzip(text: &str) -> Vec<u8> {
    let mut coder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = coder.write_all(text.as_bytes());
    written.and_then(|()| coder.finish()).unwrap_or_default()
}
