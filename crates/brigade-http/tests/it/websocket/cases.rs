//! What a server may send and what it may not: the cases of the Autobahn suite, sections 1 to 7 and 10,
//! as a table.

use std::sync::{Arc, Mutex};

use brigade_http::websocket::Message;
use brigade_http::{Kind, Phase};
use brigade_testkit::websocket::{Frame, frame, kind};

use super::{ask, playing};

/// The fragment that begins a text, and one that goes on.
const BEGIN: u8 = kind::TEXT & 0x7f;
const GO_ON: u8 = kind::CONTINUATION & 0x7f;

/// How it must end: with the code of the server, or an error and the code that the server is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed(Option<u16>),
    Failed(Kind, u16),
    /// The same, of an end without a word.
    Broken(Kind),
}

const DONE: End = End::Closed(Some(1000));
const WRONG: End = End::Failed(Kind::Protocol, 1002);
const NO_TEXT: End = End::Failed(Kind::Decode, 1007);

/// What came of a script: messages, pongs, the end.
type Outcome = (Vec<Message>, Vec<Vec<u8>>, End);

/// Sends these bytes with the agreement, then closes, and tells what the client made of it.
async fn outcome(bytes: Vec<u8>) -> Outcome {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = sent.clone();
    let client = playing(move |mut conn| {
        let (bytes, log) = (bytes.clone(), log.clone());
        async move {
            let mut all = conn.agreement("").into_bytes();
            all.extend(&bytes);
            all.extend(frame(kind::CLOSE, 1000u16.to_be_bytes()));
            // The client may hang up before it has read all.
            let sent = conn.raw(all).await;
            while let Some(frame) = conn.frame().await? {
                log.lock().unwrap().push(frame);
            }
            sent
        }
    });
    let client = client.build().unwrap();
    let mut socket = ask(&client).connect().await.unwrap();
    let mut messages = Vec::new();
    let mut failed = None;
    while let Some(message) = socket.next().await {
        match message {
            Ok(message) => messages.push(message),
            Err(error) => failed = Some(error.kind()),
        }
    }
    let reason = socket.close_reason();
    // What is said at last is said before the socket is closed.
    let _ = socket.close(1000, "").await;
    client.close().await;
    let sent = sent.lock().unwrap();
    check_frames(&sent);
    let last = sent.iter().find(|frame| frame.first == kind::CLOSE);
    let code = last.and_then(|frame| frame.payload.first_chunk().copied());
    let code = code.map(u16::from_be_bytes);
    let end = match (failed, code) {
        (Some(kind), Some(code)) => End::Failed(kind, code),
        (Some(kind), None) => End::Broken(kind),
        (None, code) => {
            assert!(last.is_some(), "a close is confirmed");
            assert_eq!(code, reason.unwrap().code, "with the same code");
            End::Closed(code)
        }
    };
    let pongs = sent.iter().filter(|frame| frame.first == kind::PONG);
    let pongs = pongs.map(|frame| frame.payload.clone()).collect();
    (messages, pongs, end)
}

/// All that a client sends is masked, and nothing follows its close.
fn check_frames(sent: &[Frame]) {
    assert!(sent.iter().all(|frame| frame.mask.is_some()));
    let close = sent.iter().position(|frame| frame.first == kind::CLOSE);
    assert!(close.is_none_or(|place| place + 1 == sent.len()));
}

/// What is sent under a name, the messages that must come of it, and how it must end.
type Case<'a> = (&'a str, Vec<Vec<u8>>, Vec<Message>, End);

async fn check(cases: Vec<Case<'_>>) {
    for (name, frames, messages, end) in cases {
        let (heard, _, ended) = outcome(frames.concat()).await;
        assert_eq!(heard, messages, "{name}");
        assert_eq!(ended, end, "{name}");
    }
}

fn text(text: &str) -> Message {
    text.into()
}

#[tokio::test(start_paused = true)]
async fn h15g_messages_of_every_length_arrive_as_they_are() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000] {
        let long = "*".repeat(length);
        let bytes = vec![0xfe; length];
        let frames = [frame(kind::TEXT, &long), frame(kind::BINARY, &bytes)];
        let (messages, _, end) = outcome(frames.concat()).await;
        assert_eq!(messages, [text(&long), bytes.into()], "{length}");
        assert_eq!(end, DONE);
    }
}

#[tokio::test(start_paused = true)]
async fn h15g_fragments_are_put_together_whatever_comes_between_them() {
    let hello = || vec![text("hello")];
    let (part, rest) = (frame(BEGIN, "hel"), frame(kind::CONTINUATION, "lo"));
    let ping = frame(kind::PING, "?");
    let bytewise = "hello".bytes().map(|byte| frame(GO_ON, [byte]));
    let bytewise = [frame(BEGIN, "")].into_iter().chain(bytewise);
    let large: Vec<_> = vec![frame(GO_ON, [b'x'; 64]); 4096];
    let large = [frame(BEGIN, "")].into_iter().chain(large);
    let end = || [frame(kind::CONTINUATION, "")];
    check(vec![
        ("two", vec![part.clone(), rest.clone()], hello(), DONE),
        (
            "a ping",
            vec![part.clone(), ping.clone(), rest.clone()],
            hello(),
            DONE,
        ),
        (
            "a pong",
            vec![part.clone(), frame(kind::PONG, "!"), rest],
            hello(),
            DONE,
        ),
        ("bytes", bytewise.chain(end()).collect(), hello(), DONE),
        (
            "many",
            large.chain(end()).collect(),
            vec![text(&"x".repeat(64 * 4096))],
            DONE,
        ),
        (
            "nothing",
            vec![frame(BEGIN, ""), frame(GO_ON, ""), end().concat()],
            vec![text("")],
            DONE,
        ),
        (
            "an unasked pong",
            vec![frame(kind::PONG, ""), ping],
            vec![],
            DONE,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn h15k_each_ping_is_answered_with_what_it_says() {
    let payloads = [vec![], b"hello".to_vec(), vec![0xff, 0, 0xfe], vec![7; 125]];
    let pings: Vec<_> = payloads
        .iter()
        .map(|payload| frame(kind::PING, payload))
        .collect();
    let (messages, pongs, end) = outcome(pings.concat()).await;
    assert_eq!((messages, end), (vec![], DONE));
    assert_eq!(pongs, payloads);
    let ten: Vec<_> = (0..10u8)
        .map(|number| frame(kind::PING, [number]))
        .collect();
    let (_, pongs, _) = outcome(ten.concat()).await;
    assert_eq!(
        pongs,
        (0..10u8).map(|number| vec![number]).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn h15h_what_breaks_the_framing_ends_it_after_what_was_good() {
    let good = frame(kind::TEXT, "good");
    for bits in 1..8u8 {
        let bad = frame(kind::TEXT | bits << 4, "bad");
        let (messages, _, end) = outcome([good.clone(), bad].concat()).await;
        assert_eq!(
            (messages, end),
            (vec![text("good")], WRONG),
            "reserved bits {bits}"
        );
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in ["", "x"] {
            let bad = frame(0x80 | opcode, payload);
            let (messages, _, end) = outcome([good.clone(), bad].concat()).await;
            assert_eq!(
                (messages, end),
                (vec![text("good")], WRONG),
                "opcode {opcode}"
            );
        }
    }
    let (part, rest) = (frame(BEGIN, "a"), frame(kind::CONTINUATION, "b"));
    let masked = vec![kind::TEXT, 0x81, 1, 2, 3, 4, b'x' ^ 1];
    let ping = |length: usize| frame(kind::PING, vec![b'x'; length]);
    check(vec![
        ("a masked frame", vec![masked], vec![], WRONG),
        ("a long ping", vec![ping(126)], vec![], WRONG),
        (
            "a long pong",
            vec![frame(kind::PONG, [0; 126])],
            vec![],
            WRONG,
        ),
        (
            "a long close",
            vec![frame(kind::CLOSE, [3; 126])],
            vec![],
            WRONG,
        ),
        (
            "half a ping",
            vec![frame(kind::PING & 0x7f, "x")],
            vec![],
            WRONG,
        ),
        (
            "half a pong",
            vec![frame(kind::PONG & 0x7f, "x")],
            vec![],
            WRONG,
        ),
        (
            "half a close",
            vec![frame(kind::CLOSE & 0x7f, "")],
            vec![],
            WRONG,
        ),
        ("an orphan", vec![rest.clone()], vec![], WRONG),
        (
            "an unfinished orphan",
            vec![frame(GO_ON, "x"), good.clone()],
            vec![],
            WRONG,
        ),
        (
            "an orphan after a message",
            vec![part.clone(), rest.clone(), rest],
            vec![text("ab")],
            WRONG,
        ),
        (
            "a text in a text",
            vec![part.clone(), good.clone()],
            vec![],
            WRONG,
        ),
        (
            "a fragment in a text",
            vec![part.clone(), part.clone()],
            vec![],
            WRONG,
        ),
        (
            "bytes in a text",
            vec![part, frame(kind::BINARY, "x")],
            vec![],
            WRONG,
        ),
        (
            "a long form",
            vec![vec![kind::TEXT, 126, 0, 125]],
            vec![],
            WRONG,
        ),
        (
            "a longer form",
            vec![vec![kind::TEXT, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]],
            vec![],
            WRONG,
        ),
        (
            "the topmost bit",
            vec![vec![kind::TEXT, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
            vec![],
            WRONG,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn h15i_a_text_that_is_not_utf8_ends_it_as_soon_as_that_is_known() {
    let kosme = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";
    let bytewise: Vec<_> = kosme.bytes().map(|byte| frame(GO_ON, [byte])).collect();
    let bytewise = [
        vec![frame(BEGIN, "")],
        bytewise,
        vec![frame(kind::CONTINUATION, "")],
    ];
    let last = [
        "\u{7f}",
        "\u{7ff}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{fffe}",
        "\0",
    ];
    let last: String = last.concat();
    check(vec![
        (
            "whole",
            vec![frame(kind::TEXT, kosme)],
            vec![text(kosme)],
            DONE,
        ),
        ("byte by byte", bytewise.concat(), vec![text(kosme)], DONE),
        (
            "the last of each length",
            vec![frame(kind::TEXT, &last)],
            vec![text(&last)],
            DONE,
        ),
    ])
    .await;
    let wrong: [&[u8]; 12] = [
        b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited",
        b"\x80",
        b"\xbf",
        b"\xfe",
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xed\xbf\xbf",
        b"abc\xe2\x82",
    ];
    for bytes in wrong {
        let (messages, _, end) = outcome(frame(kind::TEXT, bytes)).await;
        assert_eq!((messages, end), (vec![], NO_TEXT), "{bytes:x?}");
        let split = bytes.split_at(bytes.len() - 1);
        let frames = [frame(BEGIN, split.0), frame(kind::CONTINUATION, split.1)];
        let (messages, _, end) = outcome(frames.concat()).await;
        assert_eq!((messages, end), (vec![], NO_TEXT), "{bytes:x?}");
    }
    // Nothing of it can become good any more, though most of it is still to come.
    let early = [vec![kind::TEXT, 126, 1, 0], b"\xf4\x90".to_vec()];
    check(vec![
        ("in an unfinished frame", early.to_vec(), vec![], NO_TEXT),
        (
            "in a fragment",
            vec![frame(BEGIN, b"\xff")],
            vec![],
            NO_TEXT,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn h15n_the_codes_and_texts_of_a_close_are_those_of_the_standard() {
    let close = |code: u16, text: &[u8]| frame(kind::CLOSE, [&code.to_be_bytes(), text].concat());
    let codes = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999,
    ];
    for code in codes {
        let (_, _, end) = outcome(close(code, b"because")).await;
        assert_eq!(end, End::Closed(Some(code)));
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        let (_, _, end) = outcome(close(code, b"")).await;
        assert_eq!(end, WRONG, "{code}");
    }
    let after = |frame: Vec<u8>| vec![close(1001, b""), frame];
    let away = End::Closed(Some(1001));
    check(vec![
        (
            "without a code",
            vec![frame(kind::CLOSE, "")],
            vec![],
            End::Closed(None),
        ),
        ("half a code", vec![frame(kind::CLOSE, [3])], vec![], WRONG),
        (
            "the longest text",
            vec![close(1001, &[b'x'; 123])],
            vec![],
            away,
        ),
        (
            "no text",
            vec![close(1001, b"\xff")],
            vec![],
            End::Failed(Kind::Protocol, 1007),
        ),
        (
            "a message after it",
            after(frame(kind::TEXT, "x")),
            vec![],
            away,
        ),
        (
            "a ping after it",
            after(frame(kind::PING, "x")),
            vec![],
            away,
        ),
        (
            "another one after it",
            after(close(1002, b"")),
            vec![],
            away,
        ),
        ("nonsense after it", after(vec![0xff; 100]), vec![], away),
        (
            "within a message",
            vec![frame(BEGIN, "x"), close(1001, b"")],
            vec![],
            away,
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn h15j_a_message_or_frame_beyond_its_limit_ends_it_before_it_is_read() {
    let too_large = End::Failed(Kind::TooLarge, 1009);
    let run = async |limits: (usize, usize), frames: Vec<Vec<u8>>| {
        let all = frames.concat();
        let code = Arc::new(Mutex::new(None));
        let log = code.clone();
        let client = playing(move |mut conn| {
            let (all, log) = (all.clone(), log.clone());
            async move {
                conn.agree("").await?;
                conn.raw(all).await?;
                while let Some(frame) = conn.frame().await? {
                    if frame.first == kind::CLOSE {
                        *log.lock().unwrap() = frame.payload.first_chunk().copied();
                    }
                }
                Ok(())
            }
        });
        let client = client.build().unwrap();
        let socket = ask(&client).max_message(limits.0).max_frame(limits.1);
        let mut socket = socket.connect().await.unwrap();
        let next = socket.next().await.unwrap();
        drop(client);
        match next {
            Ok(message) => Ok(message.len()),
            Err(error) => {
                let _ = socket.close(1000, "").await;
                let code = code.lock().unwrap().map(u16::from_be_bytes);
                Err(End::Failed(error.kind(), code.unwrap()))
            }
        }
    };
    let announced = |length: u16| {
        let [high, low] = length.to_be_bytes();
        vec![kind::BINARY, 126, high, low]
    };
    assert_eq!(
        run((1000, 1000), vec![frame(kind::TEXT, [b'x'; 1000])]).await,
        Ok(1000)
    );
    assert_eq!(
        run((1000, 5000), vec![announced(1001)]).await,
        Err(too_large)
    );
    assert_eq!(
        run((5000, 1000), vec![announced(1001)]).await,
        Err(too_large)
    );
    let halves = |last| {
        vec![
            frame(BEGIN, [b'x'; 500]),
            frame(kind::CONTINUATION, vec![b'x'; last]),
        ]
    };
    assert_eq!(run((1000, 500), halves(500)).await, Ok(1000));
    assert_eq!(run((1000, 5000), halves(501)).await, Err(too_large));
    let mut endless = vec![frame(BEGIN, "x")];
    endless.extend(vec![frame(GO_ON, "x"); 1000]);
    assert_eq!(run((1000, 500), endless).await, Err(too_large));
    let mut empty = vec![frame(BEGIN, "x")];
    empty.extend(vec![frame(GO_ON, ""); 1025]);
    let policy = End::Failed(Kind::Protocol, 1008);
    assert_eq!(run((1000, 500), empty).await, Err(policy));
}

#[tokio::test(start_paused = true)]
async fn h15p_an_end_without_a_close_is_an_error_wherever_it_comes() {
    let all = [frame(kind::TEXT, "whole"), frame(BEGIN, "half")].concat();
    for length in 0..=all.len() {
        let part = all[..length].to_vec();
        let client = playing(move |mut conn| {
            let part = part.clone();
            async move {
                conn.agree("").await?;
                conn.raw(part).await
            }
        });
        let client = client.build().unwrap();
        let mut socket = ask(&client).connect().await.unwrap();
        if length >= 7 {
            assert_eq!(socket.next().await.unwrap().unwrap(), text("whole"));
        }
        let error = socket.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "after {length} bytes");
        assert!(error.to_string().contains("hung up"), "{error}");
        assert!(socket.next().await.is_none());
        assert_ne!(error.kind(), Kind::Timeout(Phase::Read));
    }
}
