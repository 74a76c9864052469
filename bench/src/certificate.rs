//! The server's certificate, made anew for every benchmark and trusted by nobody else.
//!
//! It never leaves the folder of the benchmark that made it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

/// The files of a certificate for `127.0.0.1` that is its own authority.
#[derive(Debug)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    pub fn write(folder: &Path) -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let certificate = Self {
            chain: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&certificate.chain, made.cert.pem())?;
        fs::write(&certificate.key, made.signing_key.serialize_pem())?;
        Ok(certificate)
    }
}
