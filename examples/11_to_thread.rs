//! Blocking work off the event loop: files, computing, and a client that knows no async.
//!
//! A tick every few milliseconds shows that the event loop stays responsive meanwhile. At the end
//! the program checks that what the store received unpacks to the file.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use brigade::thread::{Pinned, Pool, to_cpu, to_thread};
use brigade_testkit::server::{Reply, Server};
use tokio::time::{MissedTickBehavior, interval};

/// Run-length coding, standing in for a real compressor: pairs of a count and a byte.
fn pack(data: &[u8]) -> Vec<u8> {
    data.chunk_by(|a, b| a == b)
        .flat_map(|run| run.chunks(255))
        .flat_map(|run| [run.len() as u8, run[0]])
        .collect()
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let runs = packed.chunks_exact(2);
    runs.flat_map(|run| std::iter::repeat_n(run[1], run[0].into()))
        .collect()
}

/// A file is read where work waits, and packed where work computes.
async fn process_file(path: PathBuf) -> io::Result<Vec<u8>> {
    let content = to_thread(move || std::fs::read(path)).name("read").await?;
    Ok(to_cpu(move || pack(&content)).name("pack").await)
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

/// Ticks until it is dropped, if the event loop lets it.
async fn tick() {
    let mut ticks = interval(Duration::from_millis(5));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        print!(".");
    }
}

async fn collect(path: &Path, store: &Server) -> io::Result<()> {
    // A class of its own: this vendor allows two sessions, and no more closures run than that.
    let sessions = Pool::new("vendor", 2);
    let checked = sessions.call(|| "licence checked").await;
    println!("{checked}, {} of 2 threads", sessions.stats().threads);

    let packed = process_file(path.to_owned()).await?;
    let address = store.address();
    let client = Pinned::try_new("store", move || Client::open(address, "pages")).await?;
    for key in ["first", "second"] {
        let body = packed.clone();
        client
            .call(move |client| client.put_object(key, &body))
            .await?;
        println!("\nstored {key}, {} bytes", packed.len());
    }
    client.close().await;
    Ok(())
}

fn main() -> ExitCode {
    brigade::run(async {
        let path = std::env::temp_dir().join(format!("brigade-11-{}", std::process::id()));
        let content = "a page of many equal bytes "
            .replace(' ', &" ".repeat(1000))
            .repeat(200);
        let (file, text) = (path.clone(), content.clone());
        to_thread(move || std::fs::write(file, text)).await?;

        let store = Server::start(|_| Reply::ok("stored")).await?;
        let done = tokio::select! {
            done = collect(&path, &store) => done,
            () = tick() => unreachable!("ticks have no end"),
        };
        to_thread(move || std::fs::remove_file(path)).await?;
        done?;

        let requests = store.finish().await;
        assert_eq!(requests.len(), 2);
        for request in &requests {
            assert_eq!(request.method(), "PUT");
            assert_eq!(unpack(request.body()), content.as_bytes());
            assert_eq!(request.connection(), requests[0].connection());
        }
        println!("both objects unpack to the file, and came over one connection");
        io::Result::Ok(())
    })
}
