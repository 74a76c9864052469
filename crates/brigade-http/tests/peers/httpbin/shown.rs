//! What a request is made of, as httpbin has understood it.

use brigade_http::Method;
use serde_json::{Value, json};

use super::{Httpbin, json as answer, shows};
use crate::{Outcome, close, expect};

const TEXT: &str = "Ada & Grace = 100 % für alle + ?#/\u{1f680}";

pub(crate) async fn h20a_httpbin_sees_what_was_meant() -> Outcome {
    let httpbin = Httpbin::start()?;
    let builder = httpbin.client().user_agent("peers/1");
    let client = builder
        .header("x-default", "of the client")
        .header("x-replaced", "of the client")
        .query(&[("version", "1")])
        .build()?;

    let pairs = [("text", TEXT), ("list", "a"), ("list", "b"), ("empty", "")];
    let get = client.get("get?own=1&text=first")?.query(&pairs);
    let get = get
        .header("x-replaced", "of the request")
        .header("x-more", "one")
        .header("x-more", "two");
    let get = answer(get.send().await?).await?;
    shows(&get, "/args/text", json!(["first", TEXT]))?;
    shows(&get, "/args/list", json!(["a", "b"]))?;
    shows(&get, "/args/empty", "")?;
    shows(&get, "/args/own", "1")?;
    shows(&get, "/args/version", "1")?;
    shows(&get, "/headers/User-Agent", "peers/1")?;
    shows(&get, "/headers/X-Default", "of the client")?;
    shows(&get, "/headers/X-Replaced", "of the request")?;
    shows(&get, "/headers/X-More", "one,two")?;

    let form = client.post("post")?.form(&pairs);
    let form = answer(form.send().await?).await?;
    let fields = json!({ "text": TEXT, "list": ["a", "b"], "empty": "" });
    shows(&form, "/form", fields)?;
    shows(&form, "/data", "")?;

    let value = json!({ "text": TEXT, "list": [1, 2.5, null, true], "deep": { "a": {} } });
    for (method, path) in [
        (Method::POST, "post"),
        (Method::PUT, "put"),
        (Method::PATCH, "patch"),
        (Method::DELETE, "delete"),
        (Method::DELETE, "anything/a%20b/c"),
    ] {
        let request = client.request(method.clone(), path)?.json(&value);
        let sent = answer(request.send().await?).await?;
        shows(&sent, "/json", value.clone())?;
        shows(&sent, "/data", value.to_string())?;
        shows(&sent, "/headers/Content-Type", "application/json")?;
        if path.starts_with("anything") {
            shows(&sent, "/method", method.as_str())?;
            let url = httpbin.url("/anything/a%20b/c?version=1");
            shows(&sent, "/url", url)?;
        }
    }

    let binary = client.post("post")?.body(&b"\xff\x00\xfe"[..]);
    let binary = answer(binary.send().await?).await?;
    shows(
        &binary,
        "/data",
        "data:application/octet-stream;base64,/wD+",
    )?;
    shows(&binary, "/json", Value::Null)?;

    let head = client.head("get")?.send().await?;
    expect("status of HEAD", head.status().as_u16(), 200)?;
    expect("body of HEAD", head.bytes().await?.len(), 0)?;
    expect("connections", client.stats().total(), 1)?;
    close(client).await
}
