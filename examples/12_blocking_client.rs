//! A library that knows no async: a blocking client on the one thread that opened it.
//!
//! Replaces: "Wrapping a sync library" (boto3). The traps that are gone: a client is made for each
//! call, since it may not be shared between the threads of a pool; calls have no limit of their own,
//! so that they fill the threads which everybody uses; and a cancelled upload goes on unseen. Here
//! the client lives on a thread of its own, and a call that is cancelled is waited for, or named.
//!
//! The client stands for any SDK that blocks. The store is the test kit's server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use brigade::thread::{Pinned, Pool};
use brigade_testkit::server::{Reply, Server};
use tokio::time::timeout;

fn main() -> ExitCode {
    brigade::run(async {
        let store = Server::start(|request| match request.path() {
            "/pages/slow" => Reply::ok("stored").delay(Duration::from_millis(100)),
            _ => Reply::ok("stored"),
        })
        .await?;
        let address = store.address();

        // One client on one thread; calls are made in order.
        let client = Pinned::try_new("store", move || Client::open(address, "pages")).await?;
        for key in ["first", "second"] {
            upload_to_s3(&client, key, b"a page").await?;
        }

        // A caller that loses patience leaves; the upload itself cannot be stopped, and is not lost.
        let slow = upload_to_s3(&client, "slow", b"a page");
        assert!(timeout(Duration::from_millis(20), slow).await.is_err());
        upload_to_s3(&client, "third", b"a page").await?;
        client.close().await;

        // A vendor that allows two sessions has a class of its own: more never run, others wait.
        let sessions = Pool::new("vendor", 2);
        let uploads = brigade::collect(0..8, 8, |number| {
            let sessions = sessions.clone();
            async move {
                let upload = sessions.call(move || {
                    Client::open(address, "logs")?.put_object(&number.to_string(), b"a log")
                });
                upload.name("upload").await
            }
        });
        assert_eq!(uploads.await.counts.ok, 8);
        assert!(sessions.stats().threads <= 2);

        let requests = store.finish().await;
        let keys: Vec<_> = requests.iter().map(|request| request.path()).collect();
        println!("stored {keys:?}");
        assert_eq!(
            keys[..4],
            [
                "/pages/first",
                "/pages/second",
                "/pages/slow",
                "/pages/third"
            ]
        );
        assert_eq!(keys.len(), 12);
        assert!(requests.iter().all(|request| request.method() == "PUT"));
        let (one, four) = (requests[0].connection(), requests[3].connection());
        assert_eq!(one, four, "the pinned client kept its connection");
        io::Result::Ok(())
    })
}

async fn upload_to_s3(client: &Pinned<Client>, key: &str, body: &[u8]) -> io::Result<()> {
    let (key, body) = (key.to_owned(), body.to_owned());
    client
        .call(move |client| client.put_object(&key, &body))
        .await
}

/// A blocking client for a store of objects, as a vendor might ship it. It keeps one connection
/// and, because of the `Rc`, must stay on the thread that opened it.
struct Client {
    connection: BufReader<TcpStream>,
    bucket: Rc<str>,
}

impl Client {
    fn open(store: SocketAddr, bucket: &str) -> io::Result<Self> {
        let connection = BufReader::new(TcpStream::connect(store)?);
        let bucket = Rc::from(bucket);
        Ok(Self { connection, bucket })
    }

    fn put_object(&mut self, key: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let bucket = &self.bucket;
        let head = format!(
            "PUT /{bucket}/{key} HTTP/1.1\r\nHost: store\r\nContent-Length: {length}\r\n\r\n"
        );
        let stream = self.connection.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut status = String::new();
        self.connection.read_line(&mut status)?;
        if !status.contains(" 200 ") {
            return Err(io::Error::other(format!("the store said {status}")));
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.connection.read_line(&mut line)?;
            match line
                .trim_end()
                .to_ascii_lowercase()
                .strip_prefix("content-length:")
            {
                Some(value) => length = value.trim().parse().map_err(io::Error::other)?,
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        io::copy(&mut self.connection.by_ref().take(length), &mut io::sink())?;
        Ok(())
    }
}
