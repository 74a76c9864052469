//! TLS through the whole client: limits, timeouts and reuse are those of plain connections.

use std::sync::Arc;
use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, Kind, Phase, Timeouts};
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{builder, client, read, spawn, tell};

/// What proves to be localhost, and its certificate in PEM.
pub(super) fn identity() -> (TlsAcceptor, String) {
    identity_of("localhost")
}

/// What proves to be the host of that name, and its certificate in PEM.
pub(super) fn identity_of(name: &str) -> (TlsAcceptor, String) {
    let names = [name.to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), cert.pem())
}

/// A server for the name localhost, and its certificate in PEM.
pub(super) async fn server(reply: Reply) -> (Server, String) {
    let (acceptor, pem) = identity();
    let server = Server::builder().wrap(move |tcp| acceptor.accept(tcp));
    (server.start(move |_| reply.clone()).await.unwrap(), pem)
}

pub(super) fn url(server: &Server, host: &str) -> String {
    format!("https://{host}:{}/", server.address().port())
}

pub(super) fn trusting(pem: &str) -> Client {
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    builder().tls(tls).build().unwrap()
}

#[tokio::test]
async fn requests_over_tls_share_a_connection_and_close_says_goodbye() {
    let (server, pem) = server(Reply::ok(vec![b'x'; 300_000])).await;
    let client = trusting(&pem);
    for _ in 0..3 {
        let response = client
            .get(url(&server, "localhost"))
            .unwrap()
            .send()
            .await
            .unwrap();
        assert_eq!(response.bytes().await.unwrap().len(), 300_000);
    }
    assert_eq!(server.connections().total, 1);
    assert_eq!(
        &*client.stats().connections[0].origin,
        url(&server, "localhost").trim_end_matches('/')
    );
    let peer = client.stats().connections[0].peer;
    assert_eq!(peer, Some(server.address()));
    client.close().await;
    until(|| server.connections().open == 0).await;
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_names_another_host_is_an_error() {
    let (server, pem) = server(Reply::ok("secret")).await;
    let stranger = client()
        .get(url(&server, "localhost"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(stranger.kind(), Kind::Tls, "{}", tell(&stranger));
    let other = trusting(&pem)
        .get(url(&server, "127.0.0.1"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(other.kind(), Kind::Tls, "{}", tell(&other));
    assert!(server.requests().is_empty(), "nothing was sent");
    let careless = TlsConfig::new().danger_accept_invalid_certificates(true);
    let careless = builder().tls(careless).build().unwrap();
    let response = careless
        .get(url(&server, "127.0.0.1"))
        .unwrap()
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "secret");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_an_error_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let plain = spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let _ = tcp.read(&mut [0; 4096]).await;
    });
    let error = client().get(url).unwrap().send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Tls, "{}", tell(&error));
    plain.await.unwrap();
    assert!(error.is_connect());
}

#[tokio::test]
async fn h2j_a_handshake_that_never_ends_is_a_connect_timeout() {
    let silent = Port::silent().unwrap();
    let client = client();
    let request = client
        .get(silent.url("/").replace("http:", "https:"))
        .unwrap();
    let timeouts = Timeouts::NONE.connect(Duration::from_millis(100));
    let error = request.timeouts(timeouts).send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Connect));
    assert_eq!(client.stats().total(), 0);
}

#[tokio::test]
async fn h2k_the_read_timeout_holds_over_tls() {
    let (server, pem) = server(Reply::ok("0123456789").hang_after(4)).await;
    let client = trusting(&pem);
    let request = client.get(url(&server, "localhost")).unwrap();
    let timeouts = Timeouts::NONE.read(Duration::from_millis(100));
    let response = request.timeouts(timeouts).send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Read));
    until(|| client.stats().total() == 0).await;
}

#[tokio::test]
async fn h6r_a_name_with_a_dot_at_its_end_is_the_one_in_the_certificate() {
    let (server, pem) = server(Reply::ok("here")).await;
    let port = server.address().port();
    let tls = TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap();
    let client = builder()
        .tls(tls)
        .resolve("localhost", [server.address().ip()]);
    let client = client.build().unwrap();
    let url = format!("https://localhost.:{port}/");
    assert_eq!(read(&client, url).await, b"here");
}
