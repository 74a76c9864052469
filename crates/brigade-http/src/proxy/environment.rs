//! The proxies that the environment names.
//!
//! The variables are an argument, because reading them is the one thing here that depends on the
//! process. A variable that cannot be used is an error: to ignore it would send to the open network
//! what was meant for a proxy.

use std::ffi::OsString;
use std::sync::Arc;

use super::bypass::Bypass;
use super::{Proxy, Server};
use crate::{Error, Kind, Result};

/// The proxies for http and https URLs, from the variables that `read` gives.
pub(crate) fn from_environment(read: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Proxy>> {
    // Under CGI, `HTTP_PROXY` is what a stranger has sent as the header `Proxy`.
    let is_cgi = read("REQUEST_METHOD").is_some();
    let all = server(&read, &["all_proxy", "ALL_PROXY"])?;
    let http: &[_] = match is_cgi {
        true => &["http_proxy"],
        false => &["http_proxy", "HTTP_PROXY"],
    };
    let http = server(&read, http)?.or_else(|| all.clone());
    let https = server(&read, &["https_proxy", "HTTPS_PROXY"])?.or(all);
    if http.is_none() && https.is_none() {
        return Ok(Vec::new());
    }
    let bypass = first(&read, &["no_proxy", "NO_PROXY"])?;
    let bypass = bypass.map_or_else(Bypass::default, |(_, list)| Bypass::new(&list));
    let bypass = bypass.with_loopback();
    let http = http.map(|server| Proxy::new(server, true, false));
    let https = https.map(|server| Proxy::new(server, false, true));
    let proxies = http.into_iter().chain(https);
    Ok(proxies
        .map(|proxy| proxy.with_bypass(bypass.clone()))
        .collect())
}

fn server(
    read: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<Arc<Server>>> {
    let Some((name, text)) = first(read, names)? else {
        return Ok(None);
    };
    let what = format!("the proxy in the environment variable {name}");
    let server = Server::new(&what, &text)?;
    Ok(Some(server.into()))
}

/// The first variable that is set to something.
fn first(
    read: &impl Fn(&str) -> Option<OsString>,
    names: &[&'static str],
) -> Result<Option<(&'static str, String)>> {
    for name in names {
        match read(name).map(OsString::into_string) {
            Some(Ok(text)) if !text.trim().is_empty() => {
                return Ok(Some((name, text.trim().to_owned())));
            }
            Some(Err(_)) => {
                let detail = format!("the environment variable {name} is not UTF-8");
                return Err(Error::new(Kind::Config).because(detail));
            }
            _ => {}
        }
    }
    Ok(None)
}
