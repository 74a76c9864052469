//! Where the scenes play: the files, the server and its addresses.
//!
//! Everything is in one temporary folder and goes with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::clients::Client;
use super::h2_server::H2Server;
use super::scenes::{FILES, Scene};
use crate::Result;
use crate::certificate::Certificate;
use crate::nginx::Nginx;
use crate::plan::{Plan, Protocol};
use crate::venv::Venv;

const HOSTS: usize = 1000;

/// The running servers and what clients need to know of it.
#[derive(Debug)]
pub struct Place {
    // Dropped first, so that the servers end before their files.
    nginx: Nginx,
    h2_server: H2Server,
    pub folder: tempfile::TempDir,
    pub certificate: Certificate,
    /// Why there is none, otherwise.
    pub venv: std::result::Result<Venv, String>,
}

impl Place {
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // nginx drops its privileges, so the way to the files must be open to everybody.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let root = folder.path().join("root");
        fs::create_dir_all(&root)?;
        for (name, length) in FILES {
            fs::write(root.join(name), vec![b'b'; usize::try_from(length)?])?;
        }
        let certificate = Certificate::write(folder.path())?;
        let hosts = (0..HOSTS).map(host);
        let nginx = Nginx::start_whole(folder.path(), &root, &certificate, hosts)?;
        Ok(Self {
            nginx,
            h2_server: H2Server::start(&root)?,
            folder,
            certificate,
            venv: Venv::make().map_err(|error| error.to_string()),
        })
    }

    /// What a client does in a scene.
    pub fn plan(&self, scene: &Scene, client: &Client, count: usize) -> Plan {
        let url = |address: &str| {
            let base = match scene.protocol {
                Protocol::H1 => self.nginx.base_at(address),
                Protocol::H1Tls => self.nginx.base_tls(false),
                Protocol::H2Tls => self.nginx.base_tls(true),
                Protocol::H2c => self.h2_server.base(),
            };
            format!("{base}/{}", scene.file())
        };
        let urls = match scene.hosts {
            1 => vec![url("127.0.0.1")],
            many => (0..many).map(|index| url(&host(index))).collect(),
        };
        Plan {
            client: client.name.to_owned(),
            protocol: scene.protocol,
            urls,
            requests: scene.requests(count, client.slower),
            in_flight: scene.in_flight,
            connections: scene.connections,
            body: scene.body,
            certificate: self.certificate.chain.display().to_string(),
        }
    }

    /// A file for a client to read.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Addresses of this machine alone: 127.0.1.1, 127.0.1.2 and so on.
fn host(index: usize) -> String {
    format!("127.0.{}.{}", 1 + index / 250, 1 + index % 250)
}
