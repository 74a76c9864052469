//! H8 over Unix sockets: all but the way to the server is as it is over TCP.

use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::{Kind, Phase, PoolLimits, Timeouts};
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::{AbortHandle, JoinSet};

use super::secure::identity;
use super::{builder, read, refused, spawn, tell};

/// A Unix socket in a folder of its own, which leads to a server.
struct Socket {
    folder: TempDir,
    task: AbortHandle,
}

impl Socket {
    fn to(server: &Server) -> Self {
        let folder = TempDir::with_prefix("brigade-unix-").unwrap();
        let listener = UnixListener::bind(folder.path().join("http")).unwrap();
        let address = server.address();
        let task = spawn(async move {
            let mut relays = JoinSet::new();
            while let Ok((mut unix, _)) = listener.accept().await {
                relays.spawn(async move {
                    let mut tcp = TcpStream::connect(address).await?;
                    copy_bidirectional(&mut unix, &mut tcp).await
                });
            }
        });
        let task = task.abort_handle();
        Self { folder, task }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("http")
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn h8a_every_connection_goes_to_the_socket_and_all_else_by_the_url() {
    let server = Server::start(|_| Reply::ok(vec![b'x'; 100_000]))
        .await
        .unwrap();
    let socket = Socket::to(&server);
    let client = builder().unix_socket(socket.path()).build().unwrap();
    for url in [
        "http://a.example/1?q",
        "http://a.example/2",
        "http://b.example:8080/",
    ] {
        assert_eq!(read(&client, url.to_owned()).await.len(), 100_000);
    }
    let requests = server.requests();
    let hosts = requests
        .iter()
        .map(|r| (r.target(), r.header("host").unwrap()));
    let expected = [
        ("/1?q", "a.example"),
        ("/2", "a.example"),
        ("/", "b.example:8080"),
    ];
    assert_eq!(hosts.collect::<Vec<_>>(), expected);
    assert_eq!(server.connections().total, 2, "one for each origin");
    client.close().await;
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn h8a_tls_over_the_socket_checks_the_name_in_the_url() {
    let (acceptor, pem) = identity();
    let server = Server::builder().wrap(move |tcp| acceptor.accept(tcp));
    let server = server.start(|_| Reply::ok("secret")).await.unwrap();
    let socket = Socket::to(&server);
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let client = builder().unix_socket(socket.path()).tls(tls);
    let client = client.build().unwrap();
    assert_eq!(
        read(&client, "https://localhost/".to_owned()).await,
        b"secret"
    );
    let error = refused(&client, "https://other.example/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Tls, "{}", tell(&error));
}

#[tokio::test]
async fn h8a_a_socket_that_is_missing_is_a_connect_error_that_names_it() {
    let client = builder().unix_socket("/no/such.sock").build().unwrap();
    let error = refused(&client, "http://a.example/".to_owned()).await;
    assert_eq!(error.kind(), Kind::Connect);
    let text = tell(&error);
    assert!(
        text.contains("the Unix socket /no/such.sock: No such file"),
        "{text}"
    );
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn h8c_limits_and_timeouts_hold_over_a_unix_socket() {
    let server = Server::start(|request| match request.path() {
        "/silent" => Reply::ok("0123456789").hang_after(4),
        _ => Reply::ok("x").delay(Duration::from_millis(2)),
    });
    let server = server.await.unwrap();
    let socket = Socket::to(&server);
    let client = builder()
        .unix_socket(socket.path())
        .limits(PoolLimits::default().total(2))
        .build()
        .unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        tasks.spawn(async move { read(&client, format!("http://h{}/", number % 5)).await });
    }
    while let Some(body) = tasks.join_next().await {
        assert_eq!(body.unwrap(), b"x");
    }
    // The relay may close its side a little later than the client does.
    assert!(server.connections().peak <= 4, "{:?}", server.connections());
    let request = client.get("http://a.example/silent").unwrap();
    let timeouts = Timeouts::NONE.read(Duration::from_millis(300));
    let response = request.timeouts(timeouts).send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Read));
    until(|| client.stats().active == 0).await;
}
