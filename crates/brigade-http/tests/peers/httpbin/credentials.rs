//! Who one is, as httpbin checks it.

use brigade_http::{Kind, RequestBuilder, StatusCode};

use super::{Httpbin, json, shows};
use crate::{Outcome, close, expect};

/// A user and a password with what must be escaped in a URL, and may not be in a header.
const USER: &str = "Ada L.";
const PASSWORD: &str = "pass:wört@/?#%";

pub(crate) async fn h20b_httpbin_lets_in_whom_it_knows() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    // The same for the path and for the part before the host.
    let (user, password) = ("Ada%20L.", "pass:w%C3%B6rt%40%2F%3F%23%25");
    // A path cannot have a slash in a segment.
    let password_of_path = "pass:w%C3%B6rt%40";
    let short = PASSWORD
        .split_once('/')
        .map_or(PASSWORD, |(short, _)| short);
    let path = format!("basic-auth/{user}/{password_of_path}");
    let hidden = format!("hidden-{path}");

    for path in [&path, &hidden] {
        let known = client.get(path)?.basic_auth(USER, short);
        let known = json(known.send().await?).await?;
        shows(&known, "/authenticated", true)?;
        shows(&known, "/user", USER)?;
    }
    refused(client.get(&path)?.basic_auth(USER, PASSWORD), 401).await?;
    refused(client.get(&path)?.basic_auth(USER, None), 401).await?;
    refused(client.get(&path)?, 401).await?;
    refused(client.get(&hidden)?.basic_auth("Eve", short), 404).await?;

    let of_url = httpbin
        .url("/headers")
        .replace("//", &format!("//{user}:{password}@"));
    let shown = json(client.get(&of_url)?.send().await?).await?;
    let own = client.get("headers")?.basic_auth(USER, PASSWORD);
    let own = json(own.send().await?).await?;
    let authorization = own["headers"]["Authorization"].clone();
    shows(&shown, "/headers/Authorization", authorization)?;

    let bearer = client.get("bearer")?.bearer_auth("a.b-c_d~e+f/g=");
    let bearer = json(bearer.send().await?).await?;
    shows(&bearer, "/token", "a.b-c_d~e+f/g=")?;
    refused(client.get("bearer")?, 401).await?;
    refused(client.get("bearer")?.basic_auth(USER, PASSWORD), 401).await?;
    close(client).await?;

    let client = httpbin.client().basic_auth(USER, short).build()?;
    let known = json(client.get(&path)?.send().await?).await?;
    shows(&known, "/authenticated", true)?;
    let other = client.get(httpbin.url_by_name("/headers"))?;
    let other = json(other.send().await?).await?;
    shows(&other, "/headers/Authorization", serde_json::Value::Null)?;
    close(client).await
}

async fn refused(request: RequestBuilder, status: u16) -> Outcome {
    let Err(error) = request.send().await?.error_for_status() else {
        return Err("it was let in".into());
    };
    expect(
        "kind",
        error.kind(),
        Kind::Status(StatusCode::from_u16(status)?),
    )
}
