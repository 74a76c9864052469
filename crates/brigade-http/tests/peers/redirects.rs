//! Redirects as nginx makes them, and what it sees of the credentials.

use brigade_http::{Client, Kind, Method};

use crate::Outcome;
use crate::nginx::Nginx;

/// `/start` leads through three kinds of redirects to `/end` on the same origin, `/leave` to
/// another one and back.
fn directives(other: &str) -> String {
    format!(
        "absolute_redirect off;
        location /start {{ return 301 /second; }}
        location /second {{ return 307 third?q=1; }}
        location /third {{ return 308 $scheme://$http_host/end; }}
        location /end {{ return 200 end; }}
        location /form {{ return 303 /end; }}
        location /leave {{ return 302 {other}; }}
        location /loop {{ return 302 /loop; }}"
    )
}

pub(crate) async fn redirects_are_followed_without_the_credentials() -> Outcome {
    let other = Nginx::start("location /end { return 200 other; }", |_| Ok(()))?;
    let nginx = Nginx::start(&directives(&other.url_by_address("/end")), |_| Ok(()))?;
    let client = Client::builder()
        .header("authorization", "Bearer secret")
        .build()?;

    let response = client.get(nginx.url("/start#part"))?.send().await?;
    if response.url().as_str() != nginx.url("/end#part") || response.text().await? != "end" {
        return Err("it did not arrive at the end".into());
    }
    let log = nginx.log(4)?;
    if log.len() != 4
        || log
            .iter()
            .any(|entry| entry.authorization != "Bearer secret")
    {
        return Err(format!("the origin itself must see the credentials: {log:?}").into());
    }

    let form = client
        .request(Method::POST, nginx.url("/form"))?
        .body("a=1")
        .send()
        .await?;
    let entry = nginx.log(6)?.pop().ok_or("no log")?;
    if form.status() != 200 || entry.method != "GET" || entry.target != "/end" {
        return Err(format!("a POST is answered by a GET after 303: {entry:?}").into());
    }

    let response = client.get(nginx.url("/leave"))?.send().await?;
    let text = response.text().await?;
    let log = other.log(1)?;
    if text != "other" || log.iter().any(|entry| entry.authorization != "-") {
        return Err(format!("another origin saw {log:?}").into());
    }
    Ok(())
}

pub(crate) async fn a_redirect_loop_ends() -> Outcome {
    let nginx = Nginx::start(&directives("/end"), |_| Ok(()))?;
    let client = Client::builder().redirects(7).build()?;
    match client.get(nginx.url("/loop"))?.send().await {
        Err(error) if error.kind() == Kind::TooManyRedirects => {}
        other => return Err(format!("{other:?}").into()),
    }
    match nginx.log(8)?.len() {
        8 => Ok(()),
        count => Err(format!("{count} requests for 7 redirects").into()),
    }
}
