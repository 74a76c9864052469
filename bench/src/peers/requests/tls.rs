//! The TLS of the peers: rustls with ring, trusting the server's certificate alone.
//!
//! All peers in Rust share it, so that what differs is not the cipher.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Result;
use crate::plan::Plan;

/// The configuration, with the version of HTTP that the plan wants.
pub(super) fn config(plan: &Plan) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&plan.certificate)?)?;
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name: &[u8] = if plan.protocol.is_h2() {
        b"h2"
    } else {
        b"http/1.1"
    };
    config.alpn_protocols = vec![name.to_vec()];
    Ok(config)
}
