//! Testing a program of your own: a scripted peer, virtual time, every cancellation, no leaks.
//!
//! Beyond the snippets, which have no tests. The program is a client of a small line protocol that
//! asks again when it is not answered. The tests are in `main`, so that they can be seen to run; in
//! a program they are functions with `#[tokio::test(start_paused = true)]`.

use std::cell::Cell;
use std::io;
use std::time::Duration;

use brigade::limit::Semaphore;
use brigade_testkit::cancel::{Fuzz, Outcome};
use brigade_testkit::leak::{Census, LeakCheck};
use brigade_testkit::peer::{Script, listen};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// The program: asks for the next number, three times at most, and waits 5 s for each answer.
///
/// `next_line` keeps what it has read when it is dropped; `read_line` in its place would lose it,
/// and the second test would say so.
async fn next(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<u32> {
    let mut lines = BufReader::new(stream).lines();
    for _ in 0..3 {
        lines.get_mut().write_all(b"NEXT\n").await?;
        match timeout(Duration::from_secs(5), lines.next_line()).await {
            Ok(line) => {
                let line = line?.ok_or(io::ErrorKind::UnexpectedEof)?;
                return line.parse().map_err(io::Error::other);
            }
            Err(_) => continue,
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Fifteen virtual seconds take no time, and are exact.
async fn asks_three_times_and_gives_up() {
    let (stream, peer) = Script::new()
        .expect("NEXT\nNEXT\nNEXT\n")
        .expect_end()
        .in_memory();
    let start = Instant::now();
    let error = next(stream).await.expect_err("nobody answers");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed(), Duration::from_secs(15));
    peer.finish().await.expect("it asked three times");
}

/// An answer that comes in pieces, the last of them when it has asked again.
async fn keeps_the_pieces_of_an_answer() {
    let script = Script::new()
        .expect("NEXT\n")
        .send_in_pieces("42\n", 1, Duration::from_secs(3))
        .expect("NEXT\n")
        .expect_end();
    let (stream, peer) = script.in_memory();
    assert_eq!(next(stream).await.expect("an answer"), 42);
    peer.finish().await.expect("it asked once more");
}

/// Whoever uses a slot and is dropped, at whatever await and beside whomever, gives it back.
async fn gives_its_slot_back_wherever_it_is_dropped() {
    let (slots, census) = (Semaphore::new(2), Census::new());
    let completed = Cell::new(0);
    let make = || {
        let (slots, member) = (slots.clone(), census.member());
        async move {
            let _slot = slots.acquire().await;
            let (stream, _peer) = Script::new().expect("NEXT\n").send("7\n").in_memory();
            let number = next(stream).await.expect("an answer");
            drop(member);
            number
        }
    };
    let check = async |outcome| {
        completed.set(completed.get() + u32::from(outcome == Outcome::Completed(7)));
        assert_eq!(slots.stats().taken, 0, "after {outcome:?}");
        assert_eq!(census.alive(), 0, "after {outcome:?}");
    };
    let report = Fuzz::new().rivals(3).seeds(0..10).run(make, check).await;
    println!("dropped at {} places, in ten interleavings", report.places);
    assert!(report.places > 20 && completed.get() > 0);
}

/// Over a real socket and in real time: a reset is an error, and nothing stays open.
async fn a_reset_is_an_error_and_leaves_nothing_open() -> io::Result<()> {
    let check = LeakCheck::of_process()?;
    let (address, peer) = listen([
        Script::new().expect("NEXT\n").reset(),
        Script::new().expect("NEXT\n").send("8\n").expect_end(),
    ])?;
    let error = next(TcpStream::connect(address).await?).await;
    assert_eq!(
        error.expect_err("it was reset").kind(),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(next(TcpStream::connect(address).await?).await?, 8);
    peer.finish().await.expect("both were played");
    check.finish().await.expect("nothing is left");
    Ok(())
}

fn main() -> io::Result<()> {
    let runtime = |paused| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(paused).build()
    };
    runtime(true)?.block_on(async {
        asks_three_times_and_gives_up().await;
        keeps_the_pieces_of_an_answer().await;
        gives_its_slot_back_wherever_it_is_dropped().await;
    });
    runtime(false)?.block_on(a_reset_is_an_error_and_leaves_nothing_open())?;
    println!("all tests of the program passed");
    Ok(())
}
