//! Through proxies that others have written, and over a Unix socket of nginx.

use std::sync::Arc;

use brigade_http::proxy::Proxy;
use brigade_http::{Client, Kind};
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::bodies::{all_files_arrive, write_files};
use crate::gateways::Gateway;
use crate::nginx::{Identity, Nginx, free_port};
use crate::trust::{Authority, authority, for_localhost, identity, trusting};
use crate::{Outcome, close};

const HELLO: &str = "location / { return 200 hello; }";

/// An nginx and what makes the client trust it; the identity is good for proxies too.
fn servers() -> Result<(Nginx, Nginx, Identity, Authority), Failed> {
    let authority = authority("good")?;
    let identity = identity(&authority, &for_localhost()?)?;
    let plain = Nginx::start(HELLO, |_| Ok(()))?;
    let tls = Nginx::start_tls(&identity, HELLO, |_| Ok(()))?;
    Ok((plain, tls, identity, authority))
}

fn client(proxy: &str, authority: &Authority) -> Result<Client, Failed> {
    let proxy = Proxy::all(proxy)?;
    let builder = Client::builder().proxy(proxy);
    Ok(builder.tls(trusting(authority)?).build()?)
}

async fn hello(client: &Client, url: String) -> Outcome {
    let response = client.get(&url)?.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    match text.as_str() {
        "hello" => Ok(()),
        _ => Err(format!("{url}: status {status}, {text}").into()),
    }
}

/// Fails unless fetching `url` fails by `kind` and a text that contains `reason`.
async fn fails(client: &Client, url: String, kind: Kind, reason: &str) -> Outcome {
    let Err(error) = client.get(url)?.send().await else {
        return Err(format!("answered, instead of {reason}").into());
    };
    let text = error.to_string();
    if error.kind() != kind || !text.contains(reason) || text.contains("hunter2") {
        return Err(format!("{kind:?} and {reason:?} were expected: {text}").into());
    }
    Ok(())
}

pub(crate) async fn files_arrive_over_a_unix_socket() -> Outcome {
    let folder = TempDir::with_prefix("brigade-socket-")?;
    let path = folder.path().join("http");
    let directives = format!("listen unix:{};", path.display());
    let nginx = Nginx::start(&directives, write_files)?;
    let builder = Client::builder().unix_socket(path);
    all_files_arrive(Arc::new(nginx), builder, None).await
}

pub(crate) async fn files_arrive_through_tunnels_of_squid() -> Outcome {
    let authority = authority("good")?;
    let identity = identity(&authority, &for_localhost()?)?;
    let nginx = Nginx::start_tls(&identity, "", write_files)?;
    let squid = Gateway::squid(&identity, false)?;
    let target = nginx.url("").replace("https://", "CONNECT ");
    let builder = Client::builder().tls(trusting(&authority)?);
    let builder = builder.proxy(Proxy::https(squid.url("http", ""))?);
    all_files_arrive(Arc::new(nginx), builder, None).await?;
    squid.log(&format!("{target} 200 -")).map(drop)
}

pub(crate) async fn squid_lets_in_who_has_the_password() -> Outcome {
    let (plain, secure, identity, authority) = servers()?;
    let squid = Gateway::squid(&identity, true)?;
    for scheme in ["http", "https"] {
        let known = client(&squid.url(scheme, "joe:hunter2@"), &authority)?;
        for url in [
            plain.url("/in"),
            secure.url("/in"),
            plain.url_by_address("/in"),
        ] {
            hello(&known, url).await?;
        }
        close(known).await?;
        for login in ["", "joe:wrong@"] {
            let unknown = client(&squid.url(scheme, login), &authority)?;
            let response = unknown.get(plain.url("/out"))?.send().await?;
            if response.status() != 407 {
                return Err(format!("{login:?} got {}", response.status()).into());
            }
            drop(response);
            let reason = "407 Proxy Authentication Required";
            fails(&unknown, secure.url("/out"), Kind::Connect, reason).await?;
            close(unknown).await?;
        }
    }
    squid.log(&format!("GET {} 200 joe", plain.url("/in")))?;
    let entries = plain.log(4)?.into_iter().chain(secure.log(2)?);
    let targets: Vec<_> = entries.map(|entry| entry.target).collect();
    match targets.len() == 6 && targets.iter().all(|target| target == "/in") {
        true => Ok(()),
        false => Err(format!("the servers were asked for {targets:?}").into()),
    }
}

pub(crate) async fn a_server_that_squid_cannot_reach_is_an_error_of_the_tunnel() -> Outcome {
    let (_, _, identity, authority) = servers()?;
    let squid = Gateway::squid(&identity, false)?;
    let client = client(&squid.url("http", ""), &authority)?;
    let url = format!("https://127.0.0.1:{}/", free_port()?);
    fails(
        &client,
        url,
        Kind::Connect,
        "it refused the tunnel with 503",
    )
    .await?;
    close(client).await
}

pub(crate) async fn both_kinds_of_socks_lead_through_microsocks() -> Outcome {
    let (plain, secure, _, authority) = servers()?;
    for has_login in [false, true] {
        let proxy = Gateway::microsocks(has_login)?;
        // It takes a login only where it wants one.
        let login = if has_login { "joe:hunter2@" } else { "" };
        socks(&proxy, login, [&plain, &secure], &authority).await?;
        if has_login {
            let unknown = client(&proxy.url("socks5h", ""), &authority)?;
            let reason = "it wants a user name and password";
            fails(&unknown, plain.url("/"), Kind::Connect, reason).await?;
            let wrong = client(&proxy.url("socks5h", "joe:hunter22@"), &authority)?;
            fails(
                &wrong,
                secure.url("/"),
                Kind::Connect,
                "refused the user name",
            )
            .await?;
        }
    }
    Ok(())
}

pub(crate) async fn both_kinds_of_socks_lead_through_dante() -> Outcome {
    let (plain, secure, _, authority) = servers()?;
    let proxy = Gateway::dante()?;
    socks(&proxy, "", [&plain, &secure], &authority).await?;
    // It lets everybody in, so it chooses no login from what it is offered.
    socks(&proxy, "joe:hunter2@", [&plain, &secure], &authority).await
}

async fn socks(
    proxy: &Gateway,
    login: &str,
    servers: [&Nginx; 2],
    authority: &Authority,
) -> Outcome {
    for scheme in ["socks5", "socks5h"] {
        let client = client(&proxy.url(scheme, login), authority)?;
        for server in servers {
            hello(&client, server.url("/")).await?;
            hello(&client, server.url("/")).await?;
        }
        hello(&client, servers[0].url_by_address("/")).await?;
        let nobody = format!("http://127.0.0.1:{}/", free_port()?);
        fails(
            &client,
            nobody,
            Kind::Connect,
            "it cannot connect to the server",
        )
        .await?;
        close(client).await?;
    }
    Ok(())
}
