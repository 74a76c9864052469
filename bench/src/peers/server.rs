//! A server of HTTP/2 in the clear, by hyper, for the clients to be measured against.
//!
//! nginx 1.22 writes every response of HTTP/2 in the clear by itself, so that a client's price is
//! mostly that of its reads; this one writes all that is ready at once. It ends when its input
//! does, so it never outlives the benchmark.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

type Files = Arc<HashMap<String, Bytes>>;

/// Serves the files of `root` from memory, each connection with as many streams as nginx gives;
/// prints its port first.
pub(super) async fn run(root: &str, streams: u32) -> Result<()> {
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        files.insert(path_of(&path), std::fs::read(&path)?.into());
    }
    let files = Arc::new(files);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 16];
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                tokio::spawn(serve(accepted?.0, files.clone(), streams));
            }
            read = input.read(&mut ignored) => if read? == 0 {
                return Ok(());
            },
        }
    }
}

async fn serve(socket: TcpStream, files: Files, streams: u32) {
    let service = service_fn(move |request: Request<_>| {
        let answer = answer(&files, &request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let _ = socket.set_nodelay(true);
    // A client that goes away in the middle is its own business, and loses its run.
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_concurrent_streams(streams)
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

fn answer(files: &Files, request: &Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    match files.get(request.uri().path()) {
        Some(file) => Response::new(file.clone().into()),
        None => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn path_of(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    format!("/{}", name.to_string_lossy())
}
