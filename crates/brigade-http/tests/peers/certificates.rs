//! Good and bad certificates, of servers and of clients, with HTTP/2 on offer.

use std::error::Error as _;
use std::sync::Arc;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, ClientBuilder, Error, Kind, Version};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::files::Files;
use crate::nginx::Identity;
use crate::servers::{Feat, Program, Server, Setup, Speaks};
use crate::trust::{authority, for_localhost, identity, trusting};
use crate::{Outcome, close};

/// The versions of TLS that `program` can be held to.
fn versions(program: Program) -> &'static [Option<&'static str>] {
    match program {
        Program::Nghttpd | Program::Hypercorn => &[None],
        _ => &[Some("1.2"), Some("1.3")],
    }
}

fn self_signed() -> Result<Identity, libtest_mimic::Failed> {
    let key = KeyPair::generate()?;
    Ok(Identity {
        chain: for_localhost()?.self_signed(&key)?.pem(),
        key: key.serialize_pem(),
    })
}

pub(crate) async fn h11i_bad_certificates_are_refused_where_http2_is_offered(
    program: Program,
    files: Arc<Files>,
) -> Outcome {
    let (good, unknown) = (authority("good")?, authority("unknown")?);
    let mut expired = for_localhost()?;
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let elsewhere = CertificateParams::new(["elsewhere.example".to_owned()])?;
    for version in versions(program) {
        let cases = [
            (identity(&unknown, &for_localhost()?)?, Some("not trusted")),
            (self_signed()?, Some("not trusted")),
            (identity(&good, &expired)?, Some("expired on")),
            (
                identity(&good, &elsewhere)?,
                Some("not for localhost, but for"),
            ),
            (identity(&good, &for_localhost()?)?, None),
        ];
        for (identity, reason) in cases {
            // Caddy has no certificate at all for a name that is in none.
            if program == Program::Caddy && reason.is_some_and(|reason| reason.contains("for")) {
                continue;
            }
            let setup = Setup {
                tls: *version,
                identity: Some(identity),
                ..Setup::default()
            };
            let server = Server::start(program, Speaks::Http2, &files, setup)?;
            meets(&server, Client::builder().tls(trusting(&good)?), reason).await?;
            if program.can(Feat::Log) && reason.is_some() && !server.log(0)?.is_empty() {
                return Err("the request was sent to a server that is not trusted".into());
            }
        }
    }
    Ok(())
}

/// Fails unless a request succeeds, or fails for `reason`.
async fn meets(server: &Server, builder: ClientBuilder, reason: Option<&str>) -> Outcome {
    let client = builder.no_proxy().build()?;
    let found = client.get(server.url("/7"))?.send().await;
    match (found, reason) {
        (Ok(response), None) if response.version() == Version::HTTP_2 => {
            response.bytes().await?;
        }
        (Err(error), Some(reason)) => is_for(&error, reason)?,
        (found, reason) => return Err(format!("{found:?} instead of {reason:?}").into()),
    }
    close(client).await
}

fn is_for(error: &Error, reason: &str) -> Outcome {
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    match error.kind() == Kind::Tls && why.contains(reason) {
        true => Ok(()),
        false => Err(format!("{error}: {why} instead of {reason}").into()),
    }
}

pub(crate) async fn h11j_a_server_that_asks_for_a_certificate_gets_the_right_one(
    program: Program,
    files: Arc<Files>,
) -> Outcome {
    let (good, unknown) = (authority("good")?, authority("unknown")?);
    let of = |authority| identity(authority, &for_localhost()?);
    for version in versions(program) {
        let setup = Setup {
            tls: *version,
            identity: Some(of(&good)?),
            clients: Some(good.pem()),
            ..Setup::default()
        };
        let server = Server::start(program, Speaks::Http2, &files, setup)?;
        let presenting = |identity: &Identity| {
            let (chain, key) = (identity.chain.as_bytes(), identity.key.as_bytes());
            Ok::<TlsConfig, libtest_mimic::Failed>(trusting(&good)?.identity_pem(chain, key)?)
        };
        let right = presenting(&of(&good)?)?;
        meets(&server, Client::builder().tls(right), None).await?;
        let wrong = presenting(&of(&unknown)?)?;
        refused(&server, wrong).await?;
        refused(&server, trusting(&good)?).await?;
    }
    Ok(())
}

/// Fails unless the server says no: nginx by a status, hypercorn by hanging up, all others in the
/// handshake.
async fn refused(server: &Server, tls: TlsConfig) -> Outcome {
    let client = Client::builder().tls(tls).no_proxy().build()?;
    match client.get(server.url("/7"))?.send().await {
        Ok(response) if server.program == Program::Nginx && response.status() == 400 => {}
        Err(error) if server.program == Program::Hypercorn && error.kind() == Kind::Protocol => {}
        Err(error) if error.kind() == Kind::Tls => {}
        found => return Err(format!("{found:?} without the right certificate").into()),
    }
    close(client).await
}

/// The refusal and the end of the connection race with the request.
pub(crate) async fn h5m_the_refusal_of_a_certificate_is_heard_every_time(
    files: Arc<Files>,
) -> Outcome {
    const ROUNDS: usize = 30;
    let good = authority("good")?;
    let setup = Setup {
        tls: Some("1.3"),
        identity: Some(identity(&good, &for_localhost()?)?),
        clients: Some(good.pem()),
        ..Setup::default()
    };
    let server = Server::start(Program::Haproxy, Speaks::Http2, &files, setup)?;
    for _ in 0..ROUNDS {
        refused(&server, trusting(&good)?).await?;
    }
    Ok(())
}
