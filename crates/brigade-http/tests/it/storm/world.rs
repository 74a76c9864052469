//! The two worlds in which a scenario is played: in memory with paused time, and on loopback.
//!
//! They differ in how a connection comes about and how the client's sockets are counted. What is
//! served on a connection, asked and checked is the same.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use brigade_http::transport::{Connect, Connecting, Destination};
use brigade_http::{Client, ClientBuilder};
use brigade_testkit::wait::until;
use tokio::io::duplex;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep, sleep_until};

use super::plan::{Door, Plan};
use super::stage::{Stage, name};
use super::wire::{Counted, End, Line};
use crate::own_sockets;

/// Where a scenario is played.
pub(super) trait World: Sized {
    /// Whether time is paused and the sockets are counted as they come and go.
    const IN_MEMORY: bool;

    /// How much later than its limit a request may end.
    const LATE: Duration;

    /// Makes room for the hosts of a scenario.
    async fn new(plan: &Plan) -> Self;

    /// The port of a host.
    fn port(&self, host: usize) -> u16;

    /// Begins to serve, and lets a client reach the hosts.
    fn open(&mut self, stage: &Arc<Stage>, client: ClientBuilder) -> ClientBuilder;

    /// Lets a client read the certificates that it trusts, before anything is counted or timed.
    async fn warm_up(&self, _client: &Client) {}

    /// The client's own sockets to each host.
    fn sockets(&self, stage: &Stage) -> Vec<usize>;
}

/// In memory, with paused time.
#[derive(Debug)]
pub(super) struct Memory;

impl World for Memory {
    const IN_MEMORY: bool = true;
    const LATE: Duration = Duration::from_millis(5);

    async fn new(_: &Plan) -> Self {
        Self
    }

    fn port(&self, _host: usize) -> u16 {
        1
    }

    fn open(&mut self, stage: &Arc<Stage>, client: ClientBuilder) -> ClientBuilder {
        client.connector(Pipes(stage.clone()))
    }

    async fn warm_up(&self, client: &Client) {
        // A thread reads them, for which paused time would not wait.
        tokio::time::resume();
        let request = client.get(format!("https://{NOBODY}/")).unwrap();
        request.send().await.unwrap_err();
        until(|| client.stats().total() == 0).await;
        tokio::time::pause();
    }

    fn sockets(&self, stage: &Stage) -> Vec<usize> {
        stage.counted().unwrap_or_default()
    }
}

/// A host at which the connection ends at once.
const NOBODY: &str = "nobody.test";

/// Opens the lines of a client.
#[derive(Debug)]
struct Pipes(Arc<Stage>);

impl Connect for Pipes {
    fn connect(&self, to: Destination) -> Connecting {
        if to.host() == NOBODY {
            return Box::pin(async { Ok(Box::new(duplex(1).0) as _) });
        }
        let stage = self.0.clone();
        let hosts = 0..stage.plan.hosts.len();
        let host = hosts.into_iter().find(|host| name(*host) == to.host());
        let host = host.expect("only hosts of the plan are asked");
        let counted = Counted::new(&stage, host);
        Box::pin(async move {
            match stage.next_door(host) {
                Door::Open => {}
                Door::Slow(delay) => sleep(delay).await,
                Door::Refuse => return Err(std::io::ErrorKind::ConnectionRefused.into()),
                Door::Never => std::future::pending().await,
            }
            let (line, end) = Line::new(counted);
            stage.spawn(stage.clone().serve(host, end));
            Ok(Box::new(line) as _)
        })
    }
}

/// On loopback, with real time.
#[derive(Debug)]
pub(super) struct Loopback {
    addresses: Vec<SocketAddr>,
    listeners: Vec<Option<TcpListener>>,
    /// Bound, so that nobody else gets their ports, and deaf.
    _deaf: Vec<TcpSocket>,
}

impl World for Loopback {
    const IN_MEMORY: bool = false;
    const LATE: Duration = Duration::from_secs(3);

    async fn new(plan: &Plan) -> Self {
        let mut world = Self {
            addresses: Vec::new(),
            listeners: Vec::new(),
            _deaf: Vec::new(),
        };
        for host in &plan.hosts {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            world.addresses.push(socket.local_addr().unwrap());
            if host.is_dead {
                world._deaf.push(socket);
                world.listeners.push(None);
            } else {
                world.listeners.push(Some(socket.listen(64).unwrap()));
            }
        }
        world
    }

    fn port(&self, host: usize) -> u16 {
        self.addresses[host].port()
    }

    fn open(&mut self, stage: &Arc<Stage>, client: ClientBuilder) -> ClientBuilder {
        let mut client = client.no_proxy();
        for (host, listener) in self.listeners.iter_mut().enumerate() {
            client = client.resolve(&name(host), [Ipv4Addr::LOCALHOST.into()]);
            if let Some(listener) = listener.take() {
                stage.spawn(accept(stage.clone(), host, listener));
            }
        }
        let (watched, addresses) = (stage.clone(), self.addresses.clone());
        stage.spawn(async move {
            loop {
                watched.watch.check(Some(&count(&addresses)));
                sleep(Duration::from_millis(4)).await;
            }
        });
        client
    }

    fn sockets(&self, _: &Stage) -> Vec<usize> {
        count(&self.addresses)
    }
}

fn count(addresses: &[SocketAddr]) -> Vec<usize> {
    let all: [_; 8] = std::array::from_fn(|host| addresses[host.min(addresses.len() - 1)]);
    own_sockets(all)[..addresses.len()].to_vec()
}

async fn accept(stage: Arc<Stage>, host: usize, listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        // What is small is sent at once, as a client of good manners does.
        let _ = socket.set_nodelay(true);
        let end = End::of_socket(socket);
        let (meeting, door) = (stage.clone(), stage.next_door(host));
        stage.spawn(async move {
            match door {
                Door::Open => {}
                Door::Slow(delay) => sleep(delay).await,
                Door::Refuse => return end.cut().set(),
                Door::Never => sleep_until(Instant::now() + Duration::from_secs(3600)).await,
            }
            meeting.serve(host, end).await;
        });
    }
}
