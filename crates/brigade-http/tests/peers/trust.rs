//! Servers with certificates that are good, and with all the others.

use std::error::Error as _;
use std::sync::Arc;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, Kind};
use libtest_mimic::Failed;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};

use crate::Outcome;
use crate::bodies::{all_files_arrive, write_files};
use crate::nginx::{Identity, Nginx};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority(name: &str) -> Result<Authority, Failed> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

pub(crate) fn identity(
    authority: &Authority,
    params: &CertificateParams,
) -> Result<Identity, Failed> {
    let key = KeyPair::generate()?;
    Ok(Identity {
        chain: params.signed_by(&key, authority)?.pem(),
        key: key.serialize_pem(),
    })
}

pub(crate) fn for_localhost() -> Result<CertificateParams, Failed> {
    Ok(CertificateParams::new(["localhost".to_owned()])?)
}

pub(crate) fn trusting(authority: &Authority) -> Result<TlsConfig, Failed> {
    Ok(TlsConfig::new().add_root_pem(authority.pem().as_bytes())?)
}

pub(crate) async fn files_arrive_over_tls_from_an_added_authority() -> Outcome {
    let authority = authority("good")?;
    let identity = identity(&authority, &for_localhost()?)?;
    let nginx = Nginx::start_tls(&identity, "", write_files)?;
    let builder = Client::builder().tls(trusting(&authority)?);
    all_files_arrive(Arc::new(nginx), builder, None).await
}

pub(crate) async fn bad_certificates_are_refused_with_the_reason() -> Outcome {
    let (good, unknown) = (authority("good")?, authority("unknown")?);
    let mut expired = for_localhost()?;
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 1, 1);
    let elsewhere = CertificateParams::new(["elsewhere.example".to_owned()])?;
    let cases = [
        (&unknown, for_localhost()?, "not trusted"),
        (&good, expired, "expired on"),
        (&good, elsewhere, "not for localhost, but for"),
    ];
    for (issuer, params, reason) in cases {
        let nginx = Nginx::start_tls(&identity(issuer, &params)?, "", |_| Ok(()))?;
        let client = Client::builder().tls(trusting(&good)?).build()?;
        let Err(error) = client.get(nginx.url("/"))?.send().await else {
            return Err(format!("accepted, though {reason}").into());
        };
        let why = error.source().ok_or("no reason is given")?.to_string();
        if error.kind() != Kind::Tls || !why.contains(reason) {
            return Err(format!("{:?} instead of {reason}: {why}", error.kind()).into());
        }
        if !nginx.log(0)?.is_empty() {
            return Err("the request was sent to a server that is not trusted".into());
        }
        let careless = TlsConfig::new().danger_accept_invalid_certificates(true);
        let client = Client::builder().tls(careless).build()?;
        let status = client.get(nginx.url("/nothing"))?.send().await?.status();
        if status != 404 {
            return Err(format!("whoever insists gets {status}").into());
        }
    }
    Ok(())
}
