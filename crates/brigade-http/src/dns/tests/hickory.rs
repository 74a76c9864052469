//! What hickory is told, and what it does when nobody answers.

use std::net::UdpSocket;

use tokio::time::Instant;

use super::super::Hickory;
use super::*;

#[test]
fn h3k_a_file_that_names_no_name_server_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("resolv.conf");
    let check = |expected: &str| {
        let error = Hickory::of_file(&path).unwrap_err().to_string();
        assert!(error.contains("resolv.conf: "), "{error}");
        assert!(error.contains(expected), "{error}");
    };
    check("No such file");
    for (text, expected) in [
        ("", "add a line `nameserver ADDRESS`"),
        ("# nameserver 127.0.0.1\n\u{0}\u{1}", "add a line"),
        (
            "search lan\nnameserver one.test\n",
            "line 2 names no address",
        ),
        ("nameserver 127.0.0.1\nnameserver 1.2.3\n", "line 2 names"),
    ] {
        std::fs::write(&path, text).unwrap();
        check(expected);
    }
    std::fs::write(
        &path,
        b"\xff\xfe\n; a comment\nnameserver 127.0.0.1\noptions timeout:0\n",
    )
    .unwrap();
    Hickory::of_file(&path).unwrap();
    let none = Hickory::with_name_servers([]).unwrap_err();
    assert!(none.to_string().contains("give at least one"), "{none}");
}

/// No time is waited for: with nothing else to do, the paused clock jumps from try to try.
#[tokio::test(start_paused = true)]
async fn h3j_a_name_server_that_never_answers_is_given_up() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = Hickory::with_name_servers([silent.local_addr().unwrap()]).unwrap();
    let start = Instant::now();
    let error = resolver.resolve("a.test").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    assert_eq!(error.to_string(), "no name server answered in time");
    let tries = SECOND * 4;
    assert!(
        (tries..tries + SECOND).contains(&start.elapsed()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn h3j_a_name_that_cannot_be_asked_for_is_an_error() {
    let resolver = Hickory::with_name_servers([([127, 0, 0, 1], 9).into()]).unwrap();
    for name in ["a..test", &"a".repeat(64), &"a.".repeat(200)] {
        let error = resolver.resolve(name).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}: {error}");
    }
}
