//! H10 where a server's words can be read in two ways: status lines, headers, lengths, chunk sizes.
//!
//! What two programs on the way may read differently is how a response is smuggled into the place
//! of another one. So whatever is not plain is an error, and the connection it came on is not used
//! again.

use std::time::Duration;

use brigade_http::Kind;
use brigade_testkit::server::Reply;

use super::framing::{answer, read};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const HINT: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";

/// These bytes are no response, and nothing more is asked on their connection.
async fn is_refused(bytes: String) {
    let shown = bytes.escape_debug().to_string();
    let (read, kept) = read(bytes).await;
    assert_eq!((read, kept), (Err(Kind::Protocol), false), "{shown}");
}

#[tokio::test]
async fn h10a_a_status_line_that_is_not_one_of_http_1_is_an_error() {
    let lines = [
        "HTTP/0.9 200 OK",
        "HTTP/1.2 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/01.1 200 OK",
        "HTTP/2 200",
        "HTTP/2.0 200 OK",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 99 Low",
        "HTTP/1.1 099 Low",
        "HTTP/1.1 000 Low",
        "HTTP/1.1 1000 High",
        "HTTP/1.1 -200 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 2x0 OK",
        "HTTP/1.1 0x1 OK",
        "HTTP/1.1 OK",
        "HTTP/1.1",
        "HTTP/1.1 200 O\0K",
        " HTTP/1.1 200 OK",
        "GET / HTTP/1.1",
        "\u{feff}HTTP/1.1 200 OK",
        "<html>hello</html>",
    ];
    for line in lines {
        is_refused(format!("{line}\r\ncontent-length: 1\r\n\r\nx")).await;
    }
}

#[tokio::test]
async fn h10b_a_header_that_can_be_read_in_two_ways_is_an_error() {
    let headers = [
        "no colon",
        ": no name",
        "space in: name",
        "space-before-colon : 1",
        "tab-before-colon\t: 1",
        " space-before-first: 1",
        "x-nul: a\0b",
        "x-cr: a\rb: c",
        "x-control: a\u{1}b",
        "x-delete: a\u{7f}b",
        "x-\0: a",
        "x(y): a",
        "x-\u{e4}: a",
        "x-folded: a\r\n\tb",
    ];
    for header in headers {
        is_refused(format!(
            "HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: 1\r\n\r\nx"
        ))
        .await;
    }
}

#[tokio::test]
async fn h10c_a_length_that_is_not_plain_digits_is_an_error() {
    let lengths = [
        "",
        "-1",
        "-0",
        "+1",
        "0x1",
        "1e0",
        "1.0",
        "1 1",
        "1,2",
        "1;",
        "\"1\"",
        "one",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
    ];
    for length in lengths {
        is_refused(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nx"
        ))
        .await;
    }
}

#[tokio::test]
async fn h10d_a_chunk_size_that_is_not_plain_hexadecimal_is_an_error() {
    let chunks = [
        "+1\r\nx",
        "-1\r\nx",
        "0x1\r\nx",
        " 1\r\nx",
        "\r\nx",
        ";a\r\nx",
        "g\r\nx",
        "1_0\r\nx",
        "1 1\r\nx",
        "1\nx",
        "1\r\nxx",
        "1\r\nx0\r\n",
        "1\r\nx\n",
        "2\r\nx",
        "10000000000000001\r\nx",
        "1\0\r\nx",
        "1;\na\r\nx",
    ];
    for chunk in chunks {
        is_refused(format!("{CHUNKED}{chunk}\r\n0\r\n\r\n")).await;
    }
    for trailer in [
        "no colon\r\n\r\n",
        "a : b\r\n\r\n",
        " a: b\r\n\r\n",
        "a: b\0\r\n\r\n",
    ] {
        is_refused(format!("{CHUNKED}1\r\nx\r\n0\r\n{trailer}")).await;
    }
}

#[tokio::test]
async fn h10e_what_is_odd_and_can_be_read_in_one_way_only_is_read() {
    let length = "content-length: 1";
    let heads = [
        OK.replace("\r\n", "\n"),
        format!("\r\n\r\n{OK}"),
        OK.replace(" OK", ""),
        OK.replace(" OK", " "),
        OK.replace("OK", "\u{e4}\u{f6}"),
        OK.replace(
            length,
            "x-empty:\r\nx-bytes: \u{e4}\r\nx-tab:\ta\tb\t\r\ncontent-length: 1",
        ),
        OK.replace(length, "CONTENT-LENGTH:1   "),
        OK.replace(length, "content-length: 01"),
        OK.replace(length, "content-length: 1, 1"),
        OK.replace(length, "content-length: 1\r\ncontent-length: 1"),
    ];
    let chunks = [
        "1 \r\nx\r\n0\r\n\r\n",
        "1;a=b;c\r\nx\r\n0;d\r\n\r\n",
        "00000000000000000000001\r\nx\r\n000\r\n\r\n",
        // What belongs to the head comes too late for it.
        "1\r\nx\r\n0\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    ];
    let chunked = chunks.map(|chunks| format!("{CHUNKED}{chunks}"));
    for bytes in heads.into_iter().chain(chunked) {
        let shown = bytes.escape_debug().to_string();
        assert_eq!(
            read(bytes).await,
            (Ok((200, "x".to_owned())), true),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn h10f_a_response_is_the_same_however_its_bytes_are_cut() {
    let bytes = format!("{HINT}{CHUNKED}1;a=b\r\nx\r\n0\r\na: b\r\n\r\n");
    for piece in 1..bytes.len() {
        let reply = Reply::raw(bytes.clone()).slow(piece, Duration::from_micros(1));
        let (read, kept) = answer(reply.keep_alive(true)).await;
        assert_eq!((read, kept), (Ok((200, "x".to_owned())), true), "{piece}");
    }
}
