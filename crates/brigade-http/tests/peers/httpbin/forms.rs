//! Forms with files, and files that are written from an answer.

use brigade_http::multipart::{Multipart, Part};
use brigade_http::{Kind, RequestBody, StatusCode};
use futures_util::stream;
use serde_json::{Value, json};

use super::{Httpbin, json as answer, shows};
use crate::{Outcome, close, expect};

pub(crate) async fn h20o_forms_with_files_reach_httpbin_whole() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("für alle.txt");
    let text = "a line, and a boundary: --x--\r\n".repeat(10_000);
    std::fs::write(&path, &text)?;
    let form = || {
        let binary = Part::new(&b"\xff\x00\xfe"[..]).file_name("raw");
        Multipart::new()
            .text("title", "Ada & Grace = 100 % für alle\r\n\u{1f680}")
            .text("list", "a")
            .text("list", "b")
            .text("empty", "")
            .text("a \"quoted\" näme", "q")
            .file("file", &path)
            .part("binary", binary.mime("application/octet-stream"))
    };
    let fields = json!({
        "title": "Ada & Grace = 100 % für alle\r\n\u{1f680}",
        "list": ["a", "b"],
        "empty": "",
        "a \"quoted\" näme": "q",
    });

    let known = client.post("post")?.multipart(form()).send().await?;
    let known = answer(known).await?;
    shows(&known, "/form", fields.clone())?;
    is_file(&known, "file", &text)?;
    is_file(
        &known,
        "binary",
        "data:application/octet-stream;base64,/wD+",
    )?;
    shows(&known, "/headers/Transfer-Encoding", Value::Null)?;

    let chunks = (0..10).map(|_| Ok::<_, std::io::Error>("0123456789"));
    let streamed = Part::new(RequestBody::stream(stream::iter(chunks)));
    let streamed = form().part(
        "streamed",
        streamed.file_name("numbers.txt").mime("text/plain"),
    );
    let unknown = client.put("put")?.multipart(streamed).send().await?;
    let unknown = answer(unknown).await?;
    shows(&unknown, "/form", fields)?;
    is_file(&unknown, "file", &text)?;
    is_file(&unknown, "streamed", &"0123456789".repeat(10))?;
    shows(&unknown, "/headers/Transfer-Encoding", "chunked")?;
    close(client).await
}

fn is_file(answer: &Value, name: &str, expected: &str) -> Outcome {
    let found = answer["files"][name].as_str().unwrap_or_default();
    expect(name, found.len(), expected.len())?;
    expect(name, found == expected, true)
}

pub(crate) async fn h20p_files_of_httpbin_are_whole_or_not_there() -> Outcome {
    const SIZE: usize = 100_000;
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("letters");
    let whole: Vec<u8> = (b'a'..=b'z').cycle().take(SIZE).collect();

    let gone = client.get("status/404")?.download(&path).run().await;
    let gone = gone.map(drop).map_err(|error| error.kind());
    expect("status", gone, Err(Kind::Status(StatusCode::NOT_FOUND)))?;
    expect("file", path.exists(), false)?;
    // Left in the middle: half of it is there by then.
    let slow = client.get(format!("range/{SIZE}?duration=4&chunk_size=10000"))?;
    let (half, reached) = tokio::sync::oneshot::channel();
    let mut half = Some(half);
    let slow = slow.download(&path).progress(move |progress| {
        if progress.written > SIZE as u64 / 2
            && let Some(half) = half.take()
        {
            // Nobody may want to know any more.
            let _ = half.send(());
        }
    });
    tokio::select! {
        done = slow.run() => return Err(format!("it was done too soon: {done:?}").into()),
        reached = reached => reached?,
    }
    expect("file", path.exists(), false)?;
    // Its ETag is in no quotes, so nothing is proven by it, and all of it is sent again.
    let again = client.get(format!("range/{SIZE}?chunk_size=10000"))?;
    let done = again.download(&path).run().await?;
    expect("length", done.length(), SIZE as u64)?;
    expect("kept", done.kept(), 0)?;
    expect("the same", std::fs::read(&path)? == whole, true)?;
    close(client).await
}
