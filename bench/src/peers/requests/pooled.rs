//! The clients with a pool: hyper-util's, reqwest's and ours.
//!
//! Each is built as its users build it, with the plan's limits where it has such limits.

use brigade_http::tls::TlsConfig;
use brigade_http::{PoolLimits, Url};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Legacy;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::{Client, Result, bare, tls};
use crate::plan::{Plan, Protocol};

type Body = Empty<Bytes>;

pub(super) fn legacy(plan: &Plan) -> Legacy<HttpConnector, Body> {
    let mut builder = Legacy::builder(TokioExecutor::new());
    builder.http2_only(plan.protocol.is_h2()).build_http()
}

pub(super) fn legacy_tls(plan: &Plan) -> Result<Legacy<HttpsConnector<HttpConnector>, Body>> {
    let mut config = tls::config(plan)?;
    // The connector sets them by the versions that are enabled.
    config.alpn_protocols.clear();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_only();
    let connector = if plan.protocol.is_h2() {
        connector.enable_http2().build()
    } else {
        connector.enable_http1().build()
    };
    Ok(Legacy::builder(TokioExecutor::new()).build(connector))
}

impl<C: Connect + Clone + Send + Sync + 'static> Client for Legacy<C, Body> {
    type Url = Uri;

    fn url(text: &str) -> Result<Uri> {
        Ok(text.parse()?)
    }

    fn for_worker(&self, _: usize) -> Self {
        self.clone()
    }

    async fn get(&mut self, url: &Uri) -> Result<(u16, u64)> {
        bare::read(Self::get(self, url.clone()).await?).await
    }
}

pub(super) fn reqwest(plan: &Plan) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(tls::config(plan)?);
    let builder = match plan.protocol {
        Protocol::H2c => builder.http2_prior_knowledge(),
        _ => builder,
    };
    Ok(builder.build()?)
}

impl Client for reqwest::Client {
    type Url = String;

    fn url(text: &str) -> Result<String> {
        Ok(text.to_owned())
    }

    fn for_worker(&self, _: usize) -> Self {
        self.clone()
    }

    async fn get(&mut self, url: &String) -> Result<(u16, u64)> {
        let mut response = Self::get(self, url).send().await?;
        let mut length = 0;
        while let Some(chunk) = response.chunk().await? {
            length += chunk.len() as u64;
        }
        Ok((response.status().as_u16(), length))
    }
}

pub(super) fn brigade(plan: &Plan) -> Result<brigade_http::Client> {
    let streams = plan.in_flight.div_ceil(plan.connections);
    let limits = PoolLimits::default()
        .total(plan.connections)
        .per_host(plan.connections)
        .streams(streams.try_into()?);
    let certificate = std::fs::read(&plan.certificate)?;
    let trust = TlsConfig::new()
        .without_platform_roots()
        .add_root_pem(&certificate)?;
    let builder = brigade_http::Client::builder()
        .no_proxy()
        .limits(limits)
        .tls(trust);
    let builder = match plan.protocol {
        Protocol::H2c => builder.http2_prior_knowledge(),
        _ => builder,
    };
    Ok(builder.build()?)
}

impl Client for brigade_http::Client {
    type Url = Url;

    fn url(text: &str) -> Result<Url> {
        Ok(text.parse()?)
    }

    fn for_worker(&self, _: usize) -> Self {
        self.clone()
    }

    async fn get(&mut self, url: &Url) -> Result<(u16, u64)> {
        let mut response = Self::get(self, url)?.send().await?;
        let mut length = 0;
        while let Some(chunk) = response.chunk().await? {
            length += chunk.len() as u64;
        }
        Ok((response.status().as_u16(), length))
    }
}
