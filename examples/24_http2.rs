//! HTTP/2: many requests at once on few connections, within what the server takes.
//!
//! Replaces: "httpx" with `http2=True`. The trap that is gone: a client with one connection for each
//! host lets requests wait behind the server's limit on streams, and loses those that a server which
//! goes away has not looked at.
//!
//! The server here takes ten requests at once on a connection, so two hundred are served by three
//! connections at a time, as many as the limits allow. Each ends after twenty requests, and what
//! it did not look at moves to another one.

use std::io;
use std::process::ExitCode;

use brigade::group::collect;
use brigade_http::{Client, PoolLimits, Versions};
use brigade_testkit::h2::{H2Conn, H2Server, code, setting};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(async {
        let server = H2Server::start(serve)?;
        // Over TLS the server would choose; without it, the client has to know.
        let client = Client::builder()
            .versions(Versions::Http2)
            .limits(PoolLimits::default().total(100).per_host(3))
            .build()?;

        let urls: Vec<_> = (0..200).map(|n| server.url(&format!("/{n}"))).collect();
        let all = collect(urls, 64, |url| fetch(client.clone(), url)).await;
        println!("{}", all.counts);
        assert_eq!(all.counts.ok, 200);

        let (opened, stats) = (server.connections().total, client.stats());
        println!("{opened} connections, of which {} are left", stats.total());
        assert!(opened >= 10 && stats.total() <= 3);
        client.close().await;
        Ok::<_, Error>(())
    })
}

async fn fetch(client: Client, url: String) -> Result<usize, brigade_http::Error> {
    let body = client.get(&url)?.send().await?.text().await?;
    assert!(url.ends_with(&body), "the answer belongs to the request");
    Ok(body.len())
}

/// Answers each request with its path; after twenty it goes away.
async fn serve(mut conn: H2Conn) -> io::Result<()> {
    conn.settings(&[(setting::MAX_CONCURRENT_STREAMS, 10)])
        .await?;
    for served in 1.. {
        let Some(request) = conn.request().await? else {
            return Ok(());
        };
        let path = request.path().to_owned();
        conn.respond(request.stream, 200, path).await?;
        if served == 20 {
            conn.goaway(request.stream, code::NO_ERROR).await?;
            return Ok(());
        }
    }
    Ok(())
}
