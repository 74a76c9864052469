//! The hosts: one process that listens on an address for each, misbehaves and keeps the score.
//!
//! It is the referee, so it counts what arrives and asks no client. It speaks just enough of
//! HTTP/1.1 for a GET, listens on loopback only, and ends when its input does.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::lateness::Lateness;
use super::manner::{Manner, Page, address, patience};
use super::score::{Scene, Score};
use crate::Result;

/// What was on its way when a host asked for patience is not held against a client: what came
/// within this time after the refusal was written, and as much more as the machine was late by
/// itself meanwhile.
const ON_ITS_WAY: Duration = Duration::from_millis(250);
/// How long a host is down at first.
const DOWN: Duration = Duration::from_secs(3);
const SECOND: Duration = Duration::from_secs(1);
/// An endless body: a piece of it, and the time between two.
const PIECE: usize = 16 * 1024;
const BETWEEN: Duration = Duration::from_millis(20);
/// The longest head of a request that is taken.
const HEAD: usize = 16 * 1024;

/// What is known of one host.
#[derive(Debug, Default)]
struct Host {
    now: u64,
    first_at: Option<Instant>,
    /// When a refusal of it had been written first.
    asked_at: Option<Instant>,
    seen: HashSet<usize>,
}

/// One run of one client.
#[derive(Debug)]
struct Run {
    scene: Scene,
    lateness: Arc<Lateness>,
    state: Mutex<(Vec<Host>, Score)>,
}

impl Run {
    fn new(scene: Scene, lateness: Arc<Lateness>) -> Arc<Self> {
        let hosts = (0..scene.hosts()).map(|_| Host::default()).collect();
        Arc::new(Self {
            scene,
            lateness,
            state: Mutex::new((hosts, Score::default())),
        })
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Host>, Score)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn manner(&self, host: usize) -> Manner {
        match self.scene {
            Scene::Faults { .. } | Scene::Tiny { .. } => Manner::of(host),
            Scene::Blocked { .. } if host == 0 => Manner::Busy,
            Scene::Blocked { .. } => Manner::Plain,
        }
    }

    fn body(&self, page: Page) -> String {
        match self.scene {
            Scene::Faults { .. } => page.body(),
            Scene::Tiny { .. } | Scene::Blocked { .. } => page.name(),
        }
    }

    fn patience(&self, host: usize) -> Duration {
        match self.scene {
            Scene::Faults { .. } | Scene::Tiny { .. } => Duration::from_secs(patience(host)),
            Scene::Blocked { seconds, .. } => Duration::from_secs(seconds),
        }
    }

    /// Whether a request that came at `now` was sent by somebody who knew better.
    fn is_impatient(&self, asked_at: Option<Instant>, now: Instant) -> bool {
        // Most come in time, and need no look at what the machine did.
        asked_at.is_some_and(|asked_at| {
            let after = now.saturating_duration_since(asked_at);
            after > ON_ITS_WAY && after > ON_ITS_WAY + self.lateness.between(asked_at, now)
        })
    }

    /// Takes note that a refusal of a host has been written.
    fn refused(&self, host: usize) {
        let mut state = self.lock();
        state.0[host].asked_at.get_or_insert_with(Instant::now);
    }

    /// Counts a request in, and says what is to be done with it.
    fn begin(self: &Arc<Self>, page: Page) -> (Deed, InFlight) {
        let now = Instant::now();
        let mut state = self.lock();
        let (hosts, score) = &mut *state;
        let host = &mut hosts[page.host];
        host.now += 1;
        score.requests += 1;
        score.most = score.most.max(host.now);
        if score.first_at_micros == 0 {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            score.first_at_micros = since.unwrap_or_default().as_micros() as u64;
        }
        let first_at = *host.first_at.get_or_insert(now);
        let manner = self.manner(page.host);
        let deed = match manner {
            Manner::Busy if now < first_at + self.patience(page.host) => {
                let left = first_at + self.patience(page.host) - now;
                score.impatient += u64::from(self.is_impatient(host.asked_at, now));
                Deed::Refuse(Some(left.as_millis().div_ceil(1000) as u64))
            }
            Manner::Down if now < first_at + DOWN => Deed::Refuse(None),
            Manner::Flaky if host.seen.insert(page.page) => Deed::As(Manner::Reset),
            Manner::Busy | Manner::Down | Manner::Flaky => Deed::As(Manner::Plain),
            other => Deed::As(other),
        };
        score.refused += u64::from(matches!(deed, Deed::Refuse(_)));
        let in_flight = InFlight {
            run: self.clone(),
            host: page.host,
        };
        (deed, in_flight)
    }
}

/// What is done with one request.
#[derive(Clone, Copy, Debug)]
enum Deed {
    As(Manner),
    /// 429 with these seconds of `Retry-After`, or 503 without.
    Refuse(Option<u64>),
}

/// A request that is not answered yet.
#[derive(Debug)]
struct InFlight {
    run: Arc<Run>,
    host: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.run.lock().0[self.host].now -= 1;
    }
}

/// Prints its port, then follows the words on its input: `begin` starts the score anew, `score`
/// prints it.
pub async fn run(scene: Scene) -> Result<()> {
    let current: Current = Arc::new(Mutex::new(Run::new(scene, Lateness::watch())));
    let mut port = 0;
    for host in 0..scene.hosts() {
        let listener = TcpListener::bind(SocketAddr::from((address(host), port))).await?;
        port = listener.local_addr()?.port();
        tokio::spawn(listen(listener, host, current.clone()));
    }
    println!("{port}");
    let mut words = BufReader::new(tokio::io::stdin()).lines();
    while let Some(word) = words.next_line().await? {
        let run = now(&current);
        let score = run.lock().1;
        if word == "begin" {
            let next = Run::new(scene, run.lateness.clone());
            *current.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
        println!("{}", serde_json::to_string(&score)?);
    }
    Ok(())
}

/// The run that goes on now.
type Current = Arc<Mutex<Arc<Run>>>;

fn now(current: &Current) -> Arc<Run> {
    let run = current.lock();
    run.unwrap_or_else(PoisonError::into_inner).clone()
}

async fn listen(listener: TcpListener, host: usize, current: Current) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                now(&current).lock().1.connections += 1;
                tokio::spawn(serve(socket, host, current.clone()));
            }
            // Out of descriptors: the clients close some.
            Err(_) => tokio::time::sleep(BETWEEN).await,
        }
    }
}

/// Answers until the client goes. Why it went is its own business.
async fn serve(mut socket: TcpStream, host: usize, current: Current) {
    let _ = socket.set_nodelay(true);
    let mut received = Vec::new();
    while let Some(page) = read_request(&mut socket, &mut received, host).await {
        let run = now(&current);
        let (deed, in_flight) = run.begin(page);
        let goes_on = answer(&mut socket, deed, page, &run).await;
        drop(in_flight);
        if !goes_on.unwrap_or(false) {
            return;
        }
    }
}

/// The page that the next request asks for; none at the end of the connection.
async fn read_request(socket: &mut TcpStream, received: &mut Vec<u8>, host: usize) -> Option<Page> {
    loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).into_owned();
            received.drain(..end + 4);
            let target = head.split(' ').nth(1)?;
            let name = target.rsplit('/').next()?;
            // What it redirects to itself is a page of its own.
            let page = Page::of_name(name).filter(|page| page.host == host);
            return Some(page.unwrap_or(Page { host, page: 0 }));
        }
        if received.len() > HEAD || socket.read_buf(received).await.ok()? == 0 {
            return None;
        }
    }
}

/// Whether the connection goes on.
async fn answer(
    socket: &mut TcpStream,
    deed: Deed,
    page: Page,
    run: &Run,
) -> std::io::Result<bool> {
    let manner = match deed {
        Deed::As(manner) => manner,
        Deed::Refuse(seconds) => {
            socket.write_all(refusal(seconds).as_bytes()).await?;
            run.refused(page.host);
            return Ok(true);
        }
    };
    match manner {
        Manner::Hang => {
            while socket.read(&mut [0; 64]).await? > 0 {}
            return Ok(false);
        }
        Manner::Endless => endless(socket).await?,
        Manner::Reset => socket.set_zero_linger()?,
        Manner::Cut => {
            let body = run.body(page);
            let half = &body[..body.len() / 2];
            let head = head(body.len(), "");
            socket.write_all((head + half).as_bytes()).await?;
        }
        Manner::BadChunk => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
            let text = format!("{head}5\r\nsome \r\nzz\r\nmore\r\n0\r\n\r\n");
            socket.write_all(text.as_bytes()).await?;
        }
        Manner::Circle => {
            let other = if page.page.is_multiple_of(2) { 1 } else { 0 };
            let target = Page {
                host: page.host,
                page: other,
            }
            .name();
            let text =
                format!("HTTP/1.1 302 Found\r\nLocation: /{target}\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(text.as_bytes()).await?;
            return Ok(true);
        }
        Manner::Trickle => {
            let body = run.body(page);
            socket.write_all(head(body.len(), "").as_bytes()).await?;
            for piece in body.as_bytes().chunks(body.len().div_ceil(4)) {
                tokio::time::sleep(SECOND / 4).await;
                socket.write_all(piece).await?;
            }
            return Ok(true);
        }
        Manner::Closing => {
            let body = run.body(page);
            let head = head(body.len(), "Connection: close\r\n");
            socket.write_all((head + &body).as_bytes()).await?;
        }
        Manner::Plain | Manner::Slow | Manner::Busy | Manner::Down | Manner::Flaky => {
            if manner == Manner::Slow {
                tokio::time::sleep(SECOND).await;
            }
            let body = run.body(page);
            let text = head(body.len(), "") + &body;
            socket.write_all(text.as_bytes()).await?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn head(length: usize, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n{more}\r\n")
}

fn refusal(seconds: Option<u64>) -> String {
    match seconds {
        Some(seconds) => format!(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\n\r\n"
        ),
        None => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
    }
}

/// Sends until the client has had enough.
async fn endless(socket: &mut TcpStream) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).await?;
    let piece = format!("{PIECE:x}\r\n{}\r\n", "x".repeat(PIECE));
    loop {
        socket.write_all(piece.as_bytes()).await?;
        tokio::time::sleep(BETWEEN).await;
    }
}
