//! Through proxies and Unix sockets, as flags and environment say.

use crate::kit::{Place, Run, records};
use brigade_testkit::h2::H2Server;
use brigade_testkit::server::{Reply, Server};
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::thread;

const VARIABLES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// A proxy that answers for every server with what it was asked for.
fn proxy() -> Server {
    Server::start_thread(|request| Reply::ok(request.target().to_owned())).unwrap()
}

/// Fetches `url` with these flags and variables of the environment.
fn fetch(place: &Place, url: &str, flags: &[&str], variables: &[(&str, &str)]) -> Run {
    let arguments = [
        &["fetch", "-o", "out", "--fresh", "--retries", "0", url],
        flags,
    ]
    .concat();
    let mut command = place.brigade(&arguments);
    for name in VARIABLES {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.envs(variables.iter().copied());
    place.end(place.start(command))
}

#[test]
fn a_proxy_is_given_by_flag_or_by_the_environment() {
    let (server, place) = (proxy(), Place::new());
    let address = server.address().to_string();
    let url = "http://a.example/page";
    let flags = ["--proxy", &address];
    let variables = [("HTTP_PROXY", address.as_str())];
    for (flags, variables) in [(&flags[..], &[][..]), (&[], &variables)] {
        let run = fetch(&place, url, flags, variables);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(records(&place.path("out"))[&0]["body"], url);
    }
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn exceptions_and_loopback_are_reached_without_a_proxy() {
    let (proxy, place) = (proxy(), Place::new());
    let server = Server::start_thread(|_| Reply::ok("direct")).unwrap();
    let (address, url) = (proxy.address().to_string(), server.url("/"));
    let variables = [("all_proxy", address.as_str())];
    let named = ["--proxy", &address, "--noproxy", "b.example,127.0.0.0/8"];
    for (flags, variables) in [
        (&named[..], &[][..]),
        (&["--noproxy", "*"], &variables),
        (&[], &variables),
    ] {
        let run = fetch(&place, &url, flags, variables);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(records(&place.path("out"))[&0]["body"], "direct");
    }
    assert!(proxy.requests().is_empty());
}

#[test]
fn a_proxy_that_cannot_be_used_ends_the_command_and_its_password_is_not_shown() {
    let place = Place::new();
    let url = "http://a.example/";
    let bad = "http://joe:hunter2@host:port";
    let run = fetch(&place, url, &[], &[("HTTPS_PROXY", bad)]);
    run.assert_one_line_error(2);
    assert!(
        run.stderr.contains("environment variable HTTPS_PROXY"),
        "{run:?}"
    );
    assert!(!run.stderr.contains("hunter2"), "{run:?}");
    let run = fetch(&place, url, &["--proxy", bad], &[]);
    run.assert_one_line_error(2);
    assert!(run.stderr.starts_with("brigade: --proxy: "), "{run:?}");
    assert!(!run.stderr.contains("hunter2"), "{run:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_a_failure_that_names_it() {
    let place = Place::new();
    let port = brigade_testkit::server::Port::refusing().unwrap();
    let proxy = format!("http://joe:hunter2@{}", port.address());
    let run = fetch(&place, "http://a.example/", &["--proxy", &proxy], &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let record = &records(&place.path("out"))[&0];
    assert_eq!(record["kind"], "connect");
    let text = record.to_string();
    assert!(
        text.contains(&format!("proxy {}", port.address())),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

/// Leads every connection to a Unix socket on to a server, until the process ends.
fn relay(listener: UnixListener, server: &Server) {
    let address = server.address();
    let copy = |mut from: Box<dyn io::Read + Send>, mut to: Box<dyn io::Write + Send>| {
        thread::Builder::new().spawn(move || io::copy(&mut from, &mut to))
    };
    let accept = move || -> io::Result<()> {
        loop {
            let (unix, _) = listener.accept()?;
            let tcp = TcpStream::connect(address)?;
            copy(Box::new(unix.try_clone()?), Box::new(tcp.try_clone()?))?;
            copy(Box::new(tcp), Box::new(unix))?;
        }
    };
    thread::Builder::new().spawn(accept).unwrap();
}

#[test]
fn a_unix_socket_stands_for_every_host() {
    let server = Server::start_thread(|request| {
        Reply::ok(request.header("host").unwrap_or_default().to_owned())
    });
    let (server, place) = (server.unwrap(), Place::new());
    relay(UnixListener::bind(place.path("socket")).unwrap(), &server);
    let flags = ["--unix-socket", "socket"];
    let run = fetch(&place, "http://a.example:81/", &flags, &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(records(&place.path("out"))[&0]["body"], "a.example:81");
    let run = fetch(
        &place,
        "http://a.example/",
        &["--unix-socket", "nowhere"],
        &[],
    );
    assert_eq!(run.code, Some(1), "{run:?}");
    let text = records(&place.path("out"))[&0].to_string();
    assert!(text.contains("the Unix socket nowhere"), "{text}");
}

/// A server of HTTP/2 without TLS, on a runtime of its own that ends with the value.
fn server_of_http2() -> (tokio::runtime::Runtime, String) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let entered = runtime.enter();
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        while let Some(request) = conn.request().await? {
            conn.respond(request.stream, 200, "over HTTP/2").await?;
        }
        Ok(())
    });
    let server = server.unwrap();
    let url = server.url("/");
    runtime.spawn(async move {
        let _server = server;
        std::future::pending::<()>().await;
    });
    drop(entered);
    (runtime, url)
}

#[test]
fn the_version_of_http_is_chosen_by_flag() {
    let place = Place::new();
    let (_runtime, url) = server_of_http2();
    let run = fetch(&place, &url, &["--http2-prior-knowledge"], &[]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(records(&place.path("out"))[&0]["body"], "over HTTP/2");
    let run = fetch(&place, &url, &["--http1.1"], &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let both = ["--http1.1", "--http2-prior-knowledge"];
    let run = fetch(&place, &url, &both, &[]);
    assert_eq!(run.code, Some(2), "{run:?}");
}
