//! Handshakes on loopback with every kind of certificate that a server should not have.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Error, TlsConfig};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    authority_named("one")
}

fn authority_named(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
struct Pair {
    chain: String,
    key: String,
}

fn signed_by(authority: &Authority, params: CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        chain: params.signed_by(&key, authority).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn signed_by_itself(params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        chain: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn for_localhost() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn server(pair: &Pair) -> ServerConfig {
    server_with(pair, None, rustls::DEFAULT_VERSIONS)
}

fn server_with(
    pair: &Pair,
    clients_of: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let builder = match clients_of {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = CertificateDer::pem_slice_iter(pair.chain.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    builder
        .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
        .unwrap()
}

/// Connects to a server that says "hello", and returns what the client has heard, or its error.
async fn hear_from(
    client: &TlsConfig,
    server: ServerConfig,
    name: &'static str,
) -> Result<String, io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connector = TlsConnector::from(client.build().unwrap());
    let serve = async {
        let (tcp, _) = listener.accept().await?;
        let mut tls = TlsAcceptor::from(Arc::new(server)).accept(tcp).await?;
        tls.write_all(b"hello").await?;
        tls.shutdown().await
    };
    let listen = async {
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name).unwrap();
        let mut tls = connector.connect(name, tcp).await?;
        assert!(matches!(
            tls.get_ref().1.alpn_protocol(),
            None | Some(b"http/1.1")
        ));
        let mut heard = String::new();
        tls.read_to_string(&mut heard).await?;
        Ok(heard)
    };
    let (heard, _) = tokio::join!(listen, serve);
    heard
}

/// The explained error of a handshake that must fail.
async fn refusal(client: &TlsConfig, pair: &Pair, name: &'static str) -> Error {
    let error = hear_from(client, server(pair), name).await.unwrap_err();
    let error = Error::find(&error).expect("a TLS error");
    assert!(error.is_certificate(), "{error:?}");
    error
}

fn trusting(authority: &Authority) -> TlsConfig {
    TlsConfig::new()
        .add_root_pem(authority.pem().as_bytes())
        .unwrap()
        .without_platform_roots()
}

#[tokio::test]
async fn an_added_authority_is_trusted() {
    let authority = authority();
    let pair = signed_by(&authority, for_localhost());
    let client = trusting(&authority);
    for name in ["localhost", "127.0.0.1"] {
        let heard = hear_from(&client, server(&pair), name).await;
        assert_eq!(heard.unwrap(), "hello", "{name}");
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let server = server_with(&pair, None, &[version]);
        assert_eq!(
            hear_from(&client, server, "localhost").await.unwrap(),
            "hello"
        );
    }
}

#[tokio::test]
async fn an_added_authority_is_trusted_beside_those_of_the_system() {
    let authority = authority();
    let pair = signed_by(&authority, for_localhost());
    let client = TlsConfig::new()
        .add_root_pem(authority.pem().as_bytes())
        .unwrap();
    assert_eq!(
        hear_from(&client, server(&pair), "localhost")
            .await
            .unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn several_authorities_may_be_in_one_text() {
    let (first, second) = (authority(), authority_named("two"));
    let pair = signed_by(&second, for_localhost());
    let pem = format!("# comment\n{}\n{}", first.pem(), second.pem());
    let client = TlsConfig::new()
        .without_platform_roots()
        .add_root_pem(pem.as_bytes())
        .unwrap();
    assert_eq!(
        hear_from(&client, server(&pair), "localhost")
            .await
            .unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn h6r_an_authority_that_is_not_trusted_is_refused() {
    let pair = signed_by(&authority_named("two"), for_localhost());
    let error = refusal(&trusting(&authority()), &pair, "localhost").await;
    assert!(
        error.to_string().contains("authority that is not trusted"),
        "{error}"
    );
}

#[tokio::test]
async fn h6r_an_authority_that_only_bears_the_name_of_a_trusted_one_is_refused() {
    let pair = signed_by(&authority(), for_localhost());
    let error = refusal(&trusting(&authority()), &pair, "localhost").await;
    assert!(error.to_string().contains("only bears the name"), "{error}");
}

#[tokio::test]
async fn h6r_a_certificate_that_is_signed_by_itself_is_refused_unless_it_is_added() {
    let pair = signed_by_itself(&for_localhost());
    let error = refusal(&trusting(&authority()), &pair, "localhost").await;
    assert!(error.to_string().contains("signed by itself"), "{error}");
    let client = TlsConfig::new()
        .add_root_pem(pair.chain.as_bytes())
        .unwrap()
        .without_platform_roots();
    assert_eq!(
        hear_from(&client, server(&pair), "localhost")
            .await
            .unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn h6r_an_authority_that_serves_itself_is_refused_with_the_reason() {
    let mut params = for_localhost();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pair = signed_by_itself(&params);
    let client = TlsConfig::new()
        .add_root_pem(pair.chain.as_bytes())
        .unwrap()
        .without_platform_roots();
    let error = refusal(&client, &pair, "localhost").await;
    assert!(
        error.to_string().contains("only for signing others"),
        "{error}"
    );
}

#[tokio::test]
async fn h6r_an_expired_certificate_is_refused_with_its_date() {
    let authority = authority();
    let mut params = for_localhost();
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 2, 3);
    let pair = signed_by(&authority, params);
    let error = refusal(&trusting(&authority), &pair, "localhost").await;
    assert_eq!(
        error.to_string(),
        "the certificate of the server expired on Mon, 03 Feb 2020 00:00:00 GMT"
    );
}

#[tokio::test]
async fn h6r_a_certificate_of_the_future_is_refused_with_its_date() {
    let authority = authority();
    let mut params = for_localhost();
    params.not_before = date_time_ymd(4000, 1, 1);
    let pair = signed_by(&authority, params);
    let error = refusal(&trusting(&authority), &pair, "localhost").await;
    assert!(
        error
            .to_string()
            .contains("not valid before Sat, 01 Jan 4000"),
        "{error}"
    );
}

#[tokio::test]
async fn h6r_a_certificate_for_another_host_is_refused_with_both_names() {
    let authority = authority();
    let names: Vec<_> = (0..5).map(|n| format!("host{n}.example")).collect();
    let pair = signed_by(&authority, CertificateParams::new(names).unwrap());
    let error = refusal(&trusting(&authority), &pair, "localhost")
        .await
        .to_string();
    assert!(error.contains("not for localhost, but for "), "{error}");
    assert!(
        error.contains("host0.example") && error.contains("2 more"),
        "{error}"
    );
    let error = refusal(&trusting(&authority), &pair, "127.0.0.1")
        .await
        .to_string();
    assert!(error.contains("not for 127.0.0.1, but for "), "{error}");
}

#[tokio::test]
async fn h6r_a_certificate_for_another_purpose_is_refused() {
    let authority = authority();
    let mut params = for_localhost();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let pair = signed_by(&authority, params);
    refusal(&trusting(&authority), &pair, "localhost").await;
}

#[tokio::test]
async fn h6r_whoever_insists_accepts_everything() {
    let mut expired = for_localhost();
    expired.not_before = date_time_ymd(2019, 1, 1);
    expired.not_after = date_time_ymd(2020, 2, 3);
    let elsewhere = CertificateParams::new(["elsewhere.example".to_owned()]).unwrap();
    let client = TlsConfig::new().danger_accept_invalid_certificates(true);
    for params in [expired, elsewhere] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let pair = signed_by_itself(&params);
            let server = server_with(&pair, None, &[version]);
            assert_eq!(
                hear_from(&client, server, "localhost").await.unwrap(),
                "hello"
            );
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_presented_to_servers_that_ask() {
    let authority = authority();
    let pair = signed_by(&authority, for_localhost());
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let me = signed_by(&authority, params);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let strict = || server_with(&pair, Some(&authority), &[version]);
        let client = trusting(&authority)
            .identity_pem(me.chain.as_bytes(), me.key.as_bytes())
            .unwrap();
        assert_eq!(
            hear_from(&client, strict(), "localhost").await.unwrap(),
            "hello"
        );
        let nobody = trusting(&authority);
        let error = hear_from(&nobody, strict(), "localhost").await.unwrap_err();
        let error = Error::find(&error).expect("a TLS error").to_string();
        // TLS 1.2 has no word for it.
        let is_named = error.contains("asks for a client certificate");
        assert!(
            is_named || version.version != rustls::ProtocolVersion::TLSv1_3,
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_plain_server_behind_https_is_named_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tcp
    };
    let connector = TlsConnector::from(trusting(&authority()).build().unwrap());
    let connect = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, tcp).await.unwrap_err()
    };
    let (_tcp, error) = tokio::join!(serve, connect);
    let error = Error::find(&error).expect("a TLS error");
    assert!(error.to_string().contains("plain http"), "{error}");
    assert!(!error.is_certificate());
}

#[test]
fn settings_that_cannot_work_say_why() {
    let says = |result: Result<TlsConfig, Error>, what: &str| {
        let error = result.and_then(|tls| tls.build().map(drop)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    let pair = signed_by_itself(&for_localhost());
    let other = signed_by_itself(&for_localhost());
    let (chain, key) = (pair.chain.as_bytes(), pair.key.as_bytes());
    says(
        TlsConfig::new().add_root_pem(b"no certificate"),
        "no certificate in the PEM",
    );
    says(
        TlsConfig::new().add_root_pem(key),
        "no certificate in the PEM",
    );
    says(
        TlsConfig::new().add_root_pem(&chain[..90]),
        "cannot be read",
    );
    says(
        TlsConfig::new().identity_pem(chain, chain),
        "private key cannot be read",
    );
    says(
        TlsConfig::new().identity_pem(chain, other.key.as_bytes()),
        "unusable",
    );
    says(
        Ok(TlsConfig::new().without_platform_roots()),
        "no certificate authority is trusted",
    );
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let tls = || TlsConfig::new().add_root_pem(garbage);
    says(tls(), "is unusable");
    says(tls().map(TlsConfig::without_platform_roots), "is unusable");
}

#[test]
fn the_key_does_not_appear_in_debug() {
    let pair = signed_by_itself(&for_localhost());
    let tls = TlsConfig::new()
        .identity_pem(pair.chain.as_bytes(), pair.key.as_bytes())
        .unwrap();
    assert_eq!(
        format!("{tls:?}"),
        "TlsConfig { roots: 0, with_platform_roots: true, accept_invalid: false, identity: true }"
    );
}

#[test]
fn an_error_that_is_not_about_tls_is_not_found() {
    let error = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
    assert_eq!(Error::find(&error), None);
    let error = io::Error::other(rustls::Error::DecryptError);
    let error = io::Error::other(error);
    assert!(Error::find(&error).is_some());
}

/// Counts warnings, which is all that a test needs of a log.
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn h6r_only_the_danger_is_logged_and_only_once() {
    let count = Arc::new(AtomicUsize::new(0));
    tracing::subscriber::with_default(Warnings(Arc::clone(&count)), || {
        trusting(&authority()).build().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 0);
        let danger = TlsConfig::new().danger_accept_invalid_certificates(true);
        danger.build().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 1);
    });
}
