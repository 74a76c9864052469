//! Tools for testing async programs: scripted peers, a fuzzer for cancellation, leak checks, a fake clock.
//!
//! | I want to | item |
//! |---|---|
//! | serve HTTP on loopback, with every fault there is | [`server::Server`] |
//! | serve HTTP/2, frame by frame, as no library would | [`h2::H2Server`] |
//! | serve WebSockets, frame by frame | [`websocket::WsServer`] |
//! | play a protocol byte by byte, in memory or on loopback | [`peer::Script`] |
//! | drop a future at each of its awaits, or cancel it there | [`cancel::fuzz_cancel`], [`cancel::Fuzz`] |
//! | see that nothing was left behind | [`leak::LeakCheck`], [`leak::Census`] |
//! | drive a pure decision through time | [`clock::FakeClock`] |
//! | wait for something another task will bring about | [`wait::until`] |
//!
//! It depends on tokio and on the decisions of `brigade-core`, never on what it tests, so a bug
//! there cannot hide itself here. It tests any program on tokio, with brigade or without. No program
//! needs it to run, so it is a dependency of the tests alone:
//!
//! ```toml
//! [dev-dependencies]
//! brigade-testkit = { path = "../brigade/crates/brigade-testkit" }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! # How to test your own program
//!
//! **1. Paused time.** `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`) lets
//! tokio's clock jump to the next timer whenever nothing else is to be done. A test of a timeout of
//! 30 s takes no time, and its times are exact. It does not see threads and sockets work: with those,
//! use real time and small durations.
//!
//! **2. A peer with a script.** What you talk to is played, in memory under paused time:
//!
//! ```
//! use brigade_testkit::peer::Script;
//! use std::time::Duration;
//! use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
//! use tokio::time::{Instant, timeout};
//!
//! /// The program under test: asks for a number, and again if there is none within 5 s.
//! async fn ask(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Option<String>> {
//!     let mut lines = BufReader::new(stream).lines();
//!     loop {
//!         lines.get_mut().write_all(b"NEXT\n").await?;
//!         if let Ok(line) = timeout(Duration::from_secs(5), lines.next_line()).await {
//!             return line;
//!         }
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let silent_at_first = Script::new()
//!     .expect("NEXT\n")
//!     .expect("NEXT\n")
//!     .send_in_pieces("42\n", 1, Duration::from_millis(10))
//!     .expect_end();
//! let (stream, peer) = silent_at_first.in_memory();
//! let start = Instant::now();
//! assert_eq!(ask(stream).await?.as_deref(), Some("42"));
//! assert_eq!(start.elapsed(), Duration::from_millis(5_020));
//! peer.finish().await.expect("the script was played to its end");
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! **3. Cancellation.** Whoever puts your function into a `select!` drops it at an await of his
//! choice. Visit all of them, with others waiting beside it, and say what must hold then:
//!
//! ```
//! use brigade_testkit::cancel::Fuzz;
//! use tokio::sync::Semaphore;
//! use tokio::task::yield_now;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
//! let slots = Semaphore::new(2);
//! let upload = || async {
//!     let _slot = slots.acquire().await;
//!     yield_now().await; // Stands for the work.
//! };
//! let check = async |outcome| assert_eq!(slots.available_permits(), 2, "after {outcome:?}");
//! Fuzz::new().rivals(3).seeds(0..20).run(upload, check).await;
//! # });
//! # std::io::Result::Ok(())
//! ```
//!
//! A failure says after how many polls, and with which seed; a future that hangs, or whose neighbour
//! hangs once it is gone, fails the test instead of holding it up.
//!
//! **4. Leaks.** Compare what is held after with what was held before:
//!
//! ```
//! use brigade_testkit::leak::LeakCheck;
//! use brigade_testkit::server::{Reply, Server};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let check = LeakCheck::of_process()?; // Tasks and descriptors.
//! let server = Server::start(|_| Reply::ok("hello")).await?;
//! let client = tokio::net::TcpStream::connect(server.address()).await?;
//! server.finish().await;
//! let leak = check.finish().await.expect_err("the client's socket is still open");
//! assert_eq!(leak.descriptors.len(), 1);
//! drop(client);
//! # std::io::Result::Ok(()) })?;
//! # std::io::Result::Ok(())
//! ```
//!
//! The example `21_test_your_program` of the repository is a whole program tested so.

pub mod cancel;
pub mod clock;
pub mod h2;
pub mod leak;
pub mod peer;
pub mod server;
pub mod wait;
pub mod websocket;
