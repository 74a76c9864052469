//! Redirects, and what may not travel along.

use brigade_http::{Client, Kind, Method, Response};
use libtest_mimic::Failed;
use serde_json::Value;

use super::{Httpbin, json, shows};
use crate::{Outcome, close, expect};

pub(crate) async fn h20h_redirects_of_httpbin_lead_to_their_end() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().build()?;
    for path in ["redirect/10", "absolute-redirect/6", "relative-redirect/1"] {
        let response = client.get(path)?.send().await?;
        expect("end", response.url().as_str(), httpbin.url("/get").as_str())?;
        shows(&json(response).await?, "/url", httpbin.url("/get"))?;
    }
    match client.get("redirect/4")?.redirects(3).send().await {
        Err(error) if error.kind() == Kind::TooManyRedirects => {}
        other => return Err(format!("{other:?}").into()),
    }
    let hop = client.get("redirect/4")?.redirects(0).send().await?;
    expect("status", hop.status().as_u16(), 302)?;
    expect(
        "place",
        hop.headers()["location"].to_str()?,
        "/relative-redirect/3",
    )?;

    for (status, method, body) in [
        (301, "GET", ""),
        (302, "GET", ""),
        (303, "GET", ""),
        (307, "POST", "{\"a\":1}"),
        (308, "POST", "{\"a\":1}"),
    ] {
        let target = httpbin.url("/anything?kept=%26");
        let query = [
            ("url", target.as_str()),
            ("status_code", &status.to_string()),
        ];
        let request = client.post("redirect-to")?.query(&query);
        let answer = json(request.body("{\"a\":1}").send().await?).await?;
        shows(&answer, "/method", method)?;
        shows(&answer, "/data", body)?;
        shows(&answer, "/args", serde_json::json!({ "kept": "&" }))?;
    }
    close(client).await
}

pub(crate) async fn h20h_credentials_stay_with_the_httpbin_that_they_are_for() -> Outcome {
    let httpbin = Httpbin::start()?;
    let client = httpbin.client().bearer_auth("of-the-base").build()?;
    let own = |path: &str| httpbin.url(path);
    let other = |path: &str| httpbin.url_by_name(path);

    let here = to(&client, &own("/headers")).await?;
    shows(
        &json(here).await?,
        "/headers/Authorization",
        "Bearer of-the-base",
    )?;
    let there = to(&client, &other("/headers")).await?;
    let there = json(there).await?;
    shows(&there, "/headers/Authorization", Value::Null)?;
    shows(&there, "/headers/Cookie", Value::Null)?;

    // There and back again: who has left once is a stranger.
    let mut back = url::Url::parse(&other("/redirect-to"))?;
    back.query_pairs_mut().append_pair("url", &own("/headers"));
    let back = to(&client, back.as_str()).await?;
    expect("place", back.url().as_str(), own("/headers").as_str())?;
    shows(&json(back).await?, "/headers/Authorization", Value::Null)?;
    close(client).await
}

/// A redirect of a request with cookies to `url`.
async fn to(client: &Client, url: &str) -> Result<Response, Failed> {
    let request = client.request(Method::GET, "redirect-to")?;
    let request = request.query(&[("url", url)]).header("cookie", "secret=1");
    Ok(request.send().await?)
}
