//! WebSockets over all the ways to a server: TLS, proxies, SOCKS, Unix sockets.

use std::io;
use std::sync::{Arc, Mutex};

use brigade_http::proxy::Proxy;
use brigade_http::tls::TlsConfig;
use brigade_http::websocket::{Message, WebSocketBuilder};
use brigade_http::{ClientBuilder, Kind};
use brigade_testkit::wait::until;
use brigade_testkit::websocket::{WsConn, WsServer, kind};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::super::secure::identity;
use super::{builder, denied, spawn};

async fn echo(mut conn: WsConn) -> io::Result<()> {
    conn.agree("").await?;
    while let Some(message) = conn.message().await? {
        conn.send(kind::TEXT, message).await?;
    }
    Ok(())
}

/// Whether there is somebody who says back what is said.
async fn works(socket: WebSocketBuilder) {
    let mut socket = socket.connect().await.unwrap();
    socket.send_text("hello").await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::from("hello")
    );
    assert_eq!(socket.close(1000, "").await.unwrap().code, Some(1000));
}

/// A server of TLS that would rather speak HTTP/2, its port, certificate and the protocols chosen.
async fn secure() -> (u16, String, Arc<Mutex<Vec<Option<Vec<u8>>>>>) {
    let (acceptor, pem) = identity();
    let mut config = ServerConfig::clone(acceptor.config());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let chosen = Arc::<Mutex<Vec<_>>>::default();
    let log = chosen.clone();
    spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, log) = (acceptor.clone(), log.clone());
            spawn(async move {
                let tls = acceptor.accept(tcp).await?;
                let name = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                log.lock().unwrap().push(name);
                echo(WsConn::over(tls).await?).await
            });
        }
    });
    (port, pem, chosen)
}

fn trusting(pem: &str) -> ClientBuilder {
    builder().tls(TlsConfig::new().add_root_pem(pem.as_bytes()).unwrap())
}

#[tokio::test]
async fn h15c_over_tls_it_offers_http1_alone_whatever_else_the_client_speaks() {
    let (port, pem, chosen) = secure().await;
    for client in [trusting(&pem), trusting(&pem).http2_prior_knowledge()] {
        let client = client.build().unwrap();
        for scheme in ["wss", "https"] {
            works(
                client
                    .websocket(format!("{scheme}://localhost:{port}/"))
                    .unwrap(),
            )
            .await;
        }
        until(|| client.stats().total() == 0).await;
    }
    let chosen = std::mem::take(&mut *chosen.lock().unwrap());
    assert_eq!(chosen.len(), 4);
    assert!(
        chosen
            .iter()
            .all(|name| name.as_deref() == Some(b"http/1.1"))
    );
    let stranger = builder().build().unwrap();
    let error = denied(
        stranger
            .websocket(format!("wss://localhost:{port}/"))
            .unwrap(),
    )
    .await;
    assert_eq!(error.kind(), Kind::Tls);
}

#[tokio::test]
async fn h15c_it_never_goes_on_a_connection_of_http2() {
    let (port, pem, chosen) = secure().await;
    let client = trusting(&pem).build().unwrap();
    // The server takes it for HTTP/2, and hangs up when it hears it.
    let get = client
        .get(format!("https://localhost:{port}/"))
        .unwrap()
        .send();
    let socket = works(
        client
            .websocket(format!("wss://localhost:{port}/"))
            .unwrap(),
    );
    let _ = tokio::join!(get, socket);
    let chosen = chosen.lock().unwrap();
    assert!(chosen.contains(&Some(b"http/1.1".to_vec())) && chosen.contains(&Some(b"h2".to_vec())));
}

/// A proxy that leads every tunnel to one server, and the requests for them.
async fn proxy(to: std::net::SocketAddr) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::<Mutex<Vec<_>>>::default();
    let log = heads.clone();
    spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let log = log.clone();
            spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                log.lock().unwrap().push(String::from_utf8(head).unwrap());
                client.write_all(b"HTTP/1.1 200 Go\r\n\r\n").await?;
                let mut server = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn h15r_an_http_proxy_is_asked_for_a_tunnel_by_ws_and_wss() {
    let server = WsServer::start(|conn| {
        // What is for the proxy stays with it.
        let head = conn.head().to_lowercase();
        assert!(head.starts_with("get / http/1.1\r\n"), "{head}");
        assert!(!head.contains("proxy-authorization"), "{head}");
        echo(conn)
    });
    let server = server.unwrap();
    let (address, heads) = proxy(server.address()).await;
    let way = Proxy::all(format!("http://joe:hunter2@{address}")).unwrap();
    let client = builder().proxy(way).build().unwrap();
    works(client.websocket("ws://a.example/").unwrap()).await;
    let head = heads.lock().unwrap().remove(0);
    assert!(
        head.starts_with("CONNECT a.example:80 HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(
        head.contains("proxy-authorization: Basic am9lOmh1bnRlcjI="),
        "{head}"
    );
    let (port, pem, _) = secure().await;
    let (address, heads) = proxy(([127, 0, 0, 1], port).into()).await;
    let client = trusting(&pem)
        .proxy(Proxy::all(address).unwrap())
        .build()
        .unwrap();
    works(client.websocket("wss://localhost/").unwrap()).await;
    assert!(heads.lock().unwrap()[0].starts_with("CONNECT localhost:443 "));
}

#[tokio::test]
async fn h15r_a_socks_proxy_leads_to_the_server() {
    let server = WsServer::start(echo).unwrap();
    let to = server.address();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = format!("socks5h://{}", listener.local_addr().unwrap());
    spawn(async move {
        let (mut client, _) = listener.accept().await?;
        let mut greeting = [0; 3];
        client.read_exact(&mut greeting).await?;
        client.write_all(&[5, 0]).await?;
        // A name of nine letters.
        let mut request = [0; 4 + 1 + 9 + 2];
        client.read_exact(&mut request).await?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        let mut server = TcpStream::connect(to).await?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await
    });
    let client = builder().proxy(Proxy::all(way).unwrap()).build().unwrap();
    works(client.websocket("ws://a.example/").unwrap()).await;
}

#[tokio::test]
async fn h15a_it_goes_over_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    spawn(async move {
        let (stream, _) = listener.accept().await?;
        echo(WsConn::over(stream).await?).await
    });
    let client = builder().unix_socket(&path).build().unwrap();
    works(client.websocket("ws://anything/").unwrap()).await;
}
