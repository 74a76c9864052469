//! Plays that keep to the script and plays that do not, in memory and over sockets.

use super::*;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_play_in_memory_takes_virtual_time_and_comes_in_pieces() {
    let script = Script::new()
        .expect("ping")
        .pause(3 * SECOND)
        .send_in_pieces("pong!", 2, SECOND)
        .expect_end();
    let (mut stream, peer) = script.in_memory();
    let start = Instant::now();
    stream.write_all(b"pi").await.unwrap();
    stream.write_all(b"ng").await.unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 16];
    while seen.len() < 3 {
        let count = stream.read(&mut buffer).await.unwrap();
        seen.push((buffer[..count].to_vec(), start.elapsed()));
    }
    let expected = [(b"po".to_vec(), 3), (b"ng".to_vec(), 4), (b"!".to_vec(), 5)];
    assert_eq!(seen, expected.map(|(bytes, at)| (bytes, at * SECOND)));
    drop(stream);
    assert_eq!(peer.finish().await.unwrap(), ["ping"]);
}

#[tokio::test(start_paused = true)]
async fn a_mismatch_names_step_line_and_bytes() {
    let (mut stream, peer) = Script::new()
        .expect("PING\r\n")
        .send("PONG\r\n")
        .expect("QUIT\r\n")
        .in_memory();
    stream.write_all(b"PING\r\nQUIET\r\n").await.unwrap();
    let mismatch = peer.finish().await.unwrap_err();
    assert_eq!((mismatch.connection(), mismatch.step()), (0, 3));
    assert_eq!(mismatch.expected(), r#""QUIT\r\n""#);
    assert_eq!(mismatch.came(), r#""QUIET\r\n", which differs at byte 3"#);
    let text = format!("{mismatch:?}");
    assert!(text.starts_with("play step 3 of 3, "), "{text}");
    assert!(text.contains("peer/tests.rs:"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_mismatch_and_says_what_came_before_it() {
    let script = Script::new().expect("PING\r\n").patience(SECOND);
    let (mut stream, peer) = script.in_memory();
    stream.write_all(b"PI").await.unwrap();
    let mismatch = peer.finish().await.unwrap_err();
    assert_eq!(mismatch.came(), r#""PI", then nothing more for 1s"#);
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn an_early_end_is_a_mismatch() {
    let (mut stream, peer) = Script::new().skip(4).in_memory();
    stream.write_all(b"PI").await.unwrap();
    drop(stream);
    let mismatch = peer.finish().await.unwrap_err();
    assert_eq!(mismatch.came(), r#""PI", then the end"#);
}

#[tokio::test(start_paused = true)]
async fn more_than_the_script_wants_is_a_mismatch_at_the_end() {
    let (mut stream, peer) = Script::new().expect("a").expect_end().in_memory();
    stream.write_all(b"abc").await.unwrap();
    let mismatch = peer.finish().await.unwrap_err();
    assert_eq!((mismatch.step(), mismatch.came()), (2, r#""bc""#));
}

#[tokio::test(start_paused = true)]
async fn a_head_is_compared_by_its_first_line_and_the_headers_named() {
    let play = async |head: &'static str| {
        let (mut stream, peer) = Script::new().expect_head(head).expect("body").in_memory();
        let request = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nAccept:  text/plain\r\n\r\nbody";
        for piece in request.chunks(5) {
            stream.write_all(piece).await.unwrap();
        }
        peer.finish().await.map(drop)
    };
    play("POST /a?b=c HTTP/1.1").await.unwrap();
    play("POST /a?b=c\naccept: text/plain\nHOST: x")
        .await
        .unwrap();
    for (head, missing) in [
        ("POST /a", "POST /a"),
        ("GET /a?b=c", "GET /a?b=c"),
        ("POST /a?b=c\nhost: y", "host: y"),
    ] {
        let mismatch = play(head).await.unwrap_err();
        let text = format!("where {missing:?} is missing");
        assert!(mismatch.came().ends_with(&text), "{mismatch}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_close_ends_one_direction_only() {
    let script = Script::new().send("bye").half_close().expect("still here");
    let (mut stream, peer) = script.expect_end().in_memory();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "bye");
    stream.write_all(b"still here").await.unwrap();
    stream.shutdown().await.unwrap();
    peer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_memory_is_an_error_for_reader_and_writer() {
    let (mut stream, peer) = Script::new().expect("x").send("lost").reset().in_memory();
    stream.write_all(b"x").await.unwrap();
    peer.finish().await.unwrap();
    let read = stream.read_u8().await.unwrap_err();
    let write = stream.write_all(b"y").await.unwrap_err();
    assert_eq!(
        (read.kind(), write.kind()),
        (ErrorKind::ConnectionReset, ErrorKind::ConnectionReset)
    );
}

#[tokio::test]
async fn a_reset_of_a_socket_wakes_a_reader() {
    let (address, peer) = Script::new().expect("x").reset().listen().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    let read = stream.read_u8().await.unwrap_err();
    assert_eq!(read.kind(), ErrorKind::ConnectionReset);
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn an_end_may_also_be_a_reset() {
    let (address, peer) = Script::new().expect("x").expect_end().listen().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn what_comes_after_the_end_is_taken_and_not_refused() {
    let (address, _peer) = Script::new().expect("a").send("answer").listen().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&vec![b'a'; 1 << 24]).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "answer");
}

#[tokio::test]
async fn scripts_are_played_to_connections_in_their_order() {
    let served = |bytes: &'static str| Script::new().skip(1).send(bytes).half_close().expect_end();
    let (address, peer) = listen([served("one"), served("two")]).unwrap();
    for (sent, expected) in [(b'a', "one"), (b'b', "two")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_u8(sent).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, expected);
    }
    assert_eq!(peer.finish().await.unwrap(), ["a", "b"]);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn nobody_is_a_mismatch_too() {
    let script = Script::new().expect("x").patience(SECOND / 100);
    let (_, peer) = script.listen().unwrap();
    let mismatch = peer.finish().await.unwrap_err();
    assert_eq!((mismatch.step(), mismatch.came()), (0, "nobody for 10ms"));
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_sent_arrives_though_it_left_bytes_unread() {
    let (mut stream, peer) = Script::new().expect("a").send("answer").in_memory();
    stream.write_all(b"a and more").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "answer");
    peer.finish().await.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the scripted peer failed to play step 1 of 1")]
async fn a_peer_that_is_dropped_after_a_mismatch_says_so() {
    let (mut stream, _peer) = Script::new().expect("x").in_memory();
    stream.write_all(b"y").await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "it took nothing for 10s")]
async fn a_reader_that_takes_nothing_is_a_mismatch() {
    let (_stream, peer) = Script::new().send(vec![0; 1 << 20]).in_memory();
    peer.finish().await.unwrap();
}

#[test]
#[should_panic(expected = "a script ends with its reset")]
fn nothing_comes_after_a_reset() {
    let _ = Script::new().reset().send("x");
}
