//! A play under way, as the test holds it.
//!
//! A mismatch ends the connection, so the program under test fails first and in its own words. That
//! is why the peer speaks up when it is dropped: the reason is never lost.

use super::mismatch::Mismatch;
use super::play::Play;
use super::script::Script;
use super::stream::{Stream, Wire};
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::sink;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A script that is being played.
///
/// Dropping it ends its connections.
///
/// # Panics
///
/// If it is dropped after a mismatch that nobody has asked for by [`finish`](Self::finish), unless
/// the thread is panicking already; then the mismatch is printed on stderr.
#[derive(Debug)]
pub struct Peer {
    tasks: JoinSet<()>,
    ended: mpsc::Receiver<(usize, Bytes)>,
    scripts: usize,
    wrong: Arc<Mutex<Option<Mismatch>>>,
}

/// Plays each script to one connection, in the order in which they are accepted on the returned
/// port of 127.0.0.1; they may be open at the same time. After the last one the port is closed.
///
/// # Errors
///
/// No port can be bound.
///
/// # Panics
///
/// Outside a tokio runtime with I/O and time enabled.
///
/// # Examples
///
/// The first connection is reset before an answer; a client that tries again is served:
///
/// ```
/// use brigade_testkit::peer::{Script, listen};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let (address, peer) = listen([
///     Script::new().expect_head("GET /").reset(),
///     Script::new().expect_head("GET /").send("HTTP/1.1 204 No Content\r\n\r\n"),
/// ])?;
/// let get = async || {
///     let mut stream = TcpStream::connect(address).await?;
///     stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
///     let mut answer = String::new();
///     stream.read_to_string(&mut answer).await?;
///     std::io::Result::Ok(answer)
/// };
/// assert!(get().await.is_err());
/// assert!(get().await?.contains("204"));
/// peer.finish().await.expect("both were played");
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
pub fn listen(scripts: impl IntoIterator<Item = Script>) -> io::Result<(SocketAddr, Peer)> {
    let scripts: Vec<_> = scripts.into_iter().collect();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(1024)?;
    let address = listener.local_addr()?;
    let mut peer = Peer::new(scripts.len());
    let wrong = Arc::clone(&peer.0.wrong);
    let ended = peer.1;
    peer.0.tasks.spawn(async move {
        let mut plays = JoinSet::new();
        for (number, script) in scripts.into_iter().enumerate() {
            match timeout(script.patience, listener.accept()).await {
                Ok(Ok((stream, _))) => {
                    // Pieces are to be seen as pieces.
                    let _: io::Result<()> = stream.set_nodelay(true);
                    plays.spawn(play(
                        script,
                        stream,
                        number,
                        Arc::clone(&wrong),
                        ended.clone(),
                    ));
                }
                Ok(Err(error)) => {
                    keep(&wrong, nobody(&script, number, error.to_string()));
                    return;
                }
                Err(_) => {
                    let came = format!("nobody for {:?}", script.patience);
                    keep(&wrong, nobody(&script, number, came));
                    return;
                }
            }
        }
        drop((listener, ended));
        while plays.join_next().await.is_some() {}
    });
    Ok((address, peer.0))
}

impl Peer {
    fn new(scripts: usize) -> (Self, mpsc::Sender<(usize, Bytes)>) {
        let (sender, ended) = mpsc::channel(scripts.max(1));
        let peer = Self {
            tasks: JoinSet::new(),
            ended,
            scripts,
            wrong: Arc::default(),
        };
        (peer, sender)
    }

    pub(super) fn in_memory(script: Script, stream: Stream) -> Self {
        let (mut peer, ended) = Self::new(1);
        let wrong = Arc::clone(&peer.wrong);
        peer.tasks.spawn(play(script, stream, 0, wrong, ended));
        peer
    }

    /// Waits until every script was played to its end, ends the connections, and returns what was
    /// received on each of them, in the order of the scripts.
    ///
    /// # Errors
    ///
    /// The first step of which something else came than it wanted, or nothing within its patience.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it returns, the peer ends as if it had been dropped.
    pub async fn finish(mut self) -> Result<Vec<Bytes>, Mismatch> {
        let mut received = vec![Bytes::new(); self.scripts];
        while let Some((number, bytes)) = self.ended.recv().await {
            received[number] = bytes;
        }
        match self.take_wrong() {
            Some(mismatch) => Err(mismatch),
            None => Ok(received),
        }
    }

    fn take_wrong(&self) -> Option<Mismatch> {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.take()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        match self.take_wrong() {
            Some(mismatch) if std::thread::panicking() => {
                eprintln!("the scripted peer failed to {mismatch}");
            }
            Some(mismatch) => panic!("the scripted peer failed to {mismatch}"),
            None => {}
        }
    }
}

async fn play<S: Wire>(
    script: Script,
    stream: S,
    number: usize,
    wrong: Arc<Mutex<Option<Mismatch>>>,
    ended: mpsc::Sender<(usize, Bytes)>,
) {
    match Play::new(stream).run(&script, number).await {
        Err(mismatch) => keep(&wrong, mismatch),
        Ok((received, stream)) => {
            // There is room for each script, and nobody may be listening any more.
            let _: Result<(), _> = ended.try_send((number, received));
            drop(ended);
            // A socket that is closed with bytes unread is reset, and the answer may be lost.
            if let Some(mut stream) = stream {
                let _: io::Result<u64> = tokio::io::copy(&mut stream, &mut sink()).await;
            }
        }
    }
}

fn keep(wrong: &Mutex<Option<Mismatch>>, mismatch: Mismatch) {
    let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
    wrong.get_or_insert(mismatch);
}

fn nobody(script: &Script, connection: usize, came: String) -> Mismatch {
    Mismatch {
        connection,
        step: 0,
        steps: script.steps.len(),
        line: script.steps.first().map(|step| step.line),
        expected: "a connection".to_owned(),
        came,
    }
}
