//! Cookies that httpbin sets on the way, and what comes back of them.

use brigade_http::Client;
use brigade_http::cookies::CookieJar;
use serde_json::{Value, json};

use super::{Httpbin, json as answer, shows};
use crate::{Outcome, close, expect};

/// What its server writes in quotes and with escapes.
const ODD: &str = "a b; c=\"d\", ü\\";

pub(crate) async fn h20k_cookies_of_httpbin_come_back_to_it() -> Outcome {
    let httpbin = Httpbin::start()?;
    let jar = CookieJar::new();
    let client = httpbin.client().cookies(jar.clone()).build()?;
    // Each answer is a redirect to what shows them.
    let set = client.get("cookies/set?one=1&two=2")?.send().await?;
    shows(
        &answer(set).await?,
        "/cookies",
        json!({ "one": "1", "two": "2" }),
    )?;
    let odd = client.get("cookies/set")?.query(&[("odd", ODD)]);
    let all = json!({ "one": "1", "two": "2", "odd": ODD });
    shows(&answer(odd.send().await?).await?, "/cookies", all)?;
    let gone = client.get("cookies/delete?one")?.send().await?;
    let left = json!({ "two": "2", "odd": ODD });
    shows(&answer(gone).await?, "/cookies", left.clone())?;
    expect("jar", jar.len(), 2)?;
    expect(
        "two",
        jar.get(httpbin.url("/"), "two").as_deref(),
        Some("2"),
    )?;
    expect("one", jar.get(httpbin.url("/"), "one"), None)?;

    let own = client.get("cookies")?.header("cookie", "own=1");
    shows(
        &answer(own.send().await?).await?,
        "/cookies",
        json!({ "own": "1" }),
    )?;
    // The other name is another host.
    let other = client.get(httpbin.url_by_name("/cookies"))?.send().await?;
    shows(&answer(other).await?, "/cookies", json!({}))?;
    let other = client.get(httpbin.url_by_name("/cookies/set?two=other"))?;
    let other = answer(other.send().await?).await?;
    shows(&other, "/cookies", json!({ "two": "other" }))?;
    shows(&kept(&client).await?, "/cookies", left.clone())?;
    close(client).await?;

    // They are cookies of the session, which are saved only if that is said.
    for (saved, expected) in [(jar.to_json(), json!({})), (jar.to_json_all(), left)] {
        let jar = CookieJar::from_json(&saved)?;
        let client = httpbin.client().cookies(jar).build()?;
        shows(&kept(&client).await?, "/cookies", expected)?;
        close(client).await?;
    }
    let without = httpbin.client().build()?;
    let set = without.get("cookies/set?one=1")?.send().await?;
    shows(&answer(set).await?, "/cookies", json!({}))?;
    close(without).await
}

/// What httpbin is sent now.
async fn kept(client: &Client) -> Result<Value, libtest_mimic::Failed> {
    answer(client.get("cookies")?.send().await?).await
}
