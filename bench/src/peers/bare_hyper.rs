//! 64 bare hyper connections that write JSONL with a SIMD escaper: the floor of a fetch job.
//!
//! It has no pool, no limits, no timeouts, no retries and no ledger, and stops at the first error.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Result;

const FLUSH: usize = 256 * 1024;

struct Output {
    file: File,
    buffer: Vec<u8>,
}

pub(super) async fn run(list: &str, out: &str) -> Result<()> {
    let list = std::fs::read_to_string(list)?;
    let lines = Rc::new(RefCell::new(
        list.lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .into_iter()
            .enumerate(),
    ));
    let output = Output {
        file: File::create(out)?,
        buffer: Vec::with_capacity(2 * FLUSH),
    };
    let output = Rc::new(RefCell::new(output));
    let local = tokio::task::LocalSet::new();
    let workers: Vec<_> = (0..64)
        .map(|_| local.spawn_local(worker(lines.clone(), output.clone())))
        .collect();
    local.await;
    for worker in workers {
        worker.await??;
    }
    let mut output = output.borrow_mut();
    let Output { file, buffer } = &mut *output;
    file.write_all(buffer)?;
    Ok(())
}

type Lines = Rc<RefCell<std::iter::Enumerate<std::vec::IntoIter<String>>>>;

async fn worker(lines: Lines, output: Rc<RefCell<Output>>) -> std::result::Result<(), String> {
    work(lines, output).await.map_err(|error| error.to_string())
}

async fn work(lines: Lines, output: Rc<RefCell<Output>>) -> Result<()> {
    let mut connection: Option<http1::SendRequest<Empty<Bytes>>> = None;
    loop {
        let Some((index, url)) = lines.borrow_mut().next() else {
            return Ok(());
        };
        let uri: Uri = url.parse()?;
        let host = uri.authority().ok_or("no host")?.as_str().to_owned();
        let sender = match &mut connection {
            Some(sender) => sender,
            none => {
                let socket = TcpStream::connect(&host).await?;
                socket.set_nodelay(true)?;
                let (sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
                tokio::task::spawn_local(driver);
                none.insert(sender)
            }
        };
        sender.ready().await?;
        let path = uri.path_and_query().ok_or("no path")?.as_str();
        let request = Request::get(path)
            .header("host", &host)
            .body(Empty::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        let mut output = output.borrow_mut();
        let Output { file, buffer } = &mut *output;
        write!(
            buffer,
            "{{\"index\":{index},\"url\":\"{url}\",\"status\":{status},\"body\":"
        )?;
        json_escape_simd::escape_into(std::str::from_utf8(&bytes)?, buffer);
        buffer.extend_from_slice(b"}\n");
        if buffer.len() >= FLUSH {
            file.write_all(buffer)?;
            buffer.clear();
        }
    }
}
