//! Whom to trust and whom to be: the settings of TLS, and how rustls is told about them.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::Verifier;

use super::Error;
use super::verifier::AcceptAny;

/// Whom the client trusts and which certificate it presents.
///
/// The default trusts the authorities of the operating system (on Linux those that OpenSSL would
/// find, or the ones in the file that the environment variable `SSL_CERT_FILE` names).
///
/// # Examples
///
/// ```
/// use brigade_http::tls::TlsConfig;
///
/// # let company_pem = rcgen::generate_simple_self_signed(["localhost".to_owned()])?.cert.pem();
/// // Trust the company's authority besides those of the system.
/// let tls = TlsConfig::new().add_root_pem(company_pem.as_bytes())?;
/// let config = tls.build()?;
/// assert_eq!(config.alpn_protocols, [b"http/1.1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TlsConfig {
    roots: Vec<CertificateDer<'static>>,
    with_platform_roots: bool,
    accept_invalid: bool,
    identity: Option<Identity>,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl TlsConfig {
    /// Trusts the authorities of the operating system and presents no certificate.
    pub const fn new() -> Self {
        Self {
            roots: Vec::new(),
            with_platform_roots: true,
            accept_invalid: false,
            identity: None,
        }
    }

    /// Trusts the authorities in this PEM text as well; it may hold several.
    ///
    /// # Errors
    ///
    /// If the text is not PEM, or has no certificate in it.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.roots.extend(certificates(pem)?);
        Ok(self)
    }

    /// Trusts only the authorities that were added, not those of the operating system.
    #[must_use]
    pub const fn without_platform_roots(mut self) -> Self {
        self.with_platform_roots = false;
        self
    }

    /// Presents a certificate to servers that ask for one: PEM text with the certificate and those
    /// that lead from it to the authority, in that order, and PEM text with its private key.
    ///
    /// # Errors
    ///
    /// If either text is not PEM, or does not hold what it should.
    pub fn identity_pem(mut self, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|why| Error::new(format!("the private key cannot be read: {why}")))?;
        self.identity = Some(Identity { chain, key });
        Ok(self)
    }

    /// Accepts any certificate, so that anybody on the way can read and change everything.
    ///
    /// Meant for tests against servers of one's own; trusting the one certificate with
    /// [`add_root_pem`](Self::add_root_pem) is as easy, and safe. [`build`](Self::build) logs a
    /// warning.
    #[must_use]
    pub const fn danger_accept_invalid_certificates(mut self, accept: bool) -> Self {
        self.accept_invalid = accept;
        self
    }

    /// Makes the configuration that rustls takes, for clients of HTTP/1.1.
    ///
    /// It may read the operating system's authorities from disk, which takes milliseconds and some
    /// hundred kilobytes, so do it once, and only when the first `https` address turns up.
    ///
    /// # Errors
    ///
    /// If there is nobody to trust, or one of the certificates or the key cannot be used.
    pub fn build(&self) -> Result<Arc<ClientConfig>, Error> {
        self.build_with(vec![b"http/1.1".to_vec()])
    }

    /// The same for the protocols of these names (RFC 7301), the preferred one first.
    pub(crate) fn build_with(&self, alpn: Vec<Vec<u8>>) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(Error::from_rustls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { chain, key }) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|why| Error::new(format!("the client certificate is unusable: {why}")))?,
        };
        config.alpn_protocols = alpn;
        Ok(Arc::new(config))
    }

    /// Whether building it takes the time to read files.
    pub(crate) const fn reads_files(&self) -> bool {
        self.with_platform_roots && !self.accept_invalid
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        if self.accept_invalid {
            tracing::warn!(
                "TLS certificates are not verified: anybody on the way can read and change \
                 what is sent and received"
            );
            return Ok(Arc::new(AcceptAny::new(provider)));
        }
        if self.with_platform_roots {
            let roots = self.roots.iter().cloned();
            let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(provider));
            return Ok(Arc::new(verifier.map_err(no_roots)?));
        }
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add(root.clone()).map_err(no_roots)?;
        }
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(provider))
                .build()
                .map_err(|_| Error::new("no certificate authority is trusted: add one"))?;
        Ok(verifier)
    }
}

fn no_roots(why: rustls::Error) -> Error {
    match why {
        rustls::Error::General(_) => Error::new(
            "no certificate authority was found on this system: install its `ca-certificates`, \
             set SSL_CERT_FILE, or add one",
        ),
        why => Error::new(format!(
            "a certificate authority to trust is unusable: {why}"
        )),
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|why| Error::new(format!("the certificate cannot be read: {why}")))?;
    if found.is_empty() {
        return Err(Error::new("there is no certificate in the PEM text"));
    }
    Ok(found)
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the key, not even its length.
        f.debug_struct("TlsConfig")
            .field("roots", &self.roots.len())
            .field("with_platform_roots", &self.with_platform_roots)
            .field("accept_invalid", &self.accept_invalid)
            .field("identity", &self.identity.is_some())
            .finish()
    }
}
