//! One nginx on loopback with a prefix of its own, ended with the value that started it.
//!
//! It never touches an nginx that it did not start, and never listens beyond 127.0.0.0/8.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::certificate::Certificate;
use crate::measure::pinned;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    ports: Ports,
}

/// Where each protocol is spoken; 0 where it is not.
#[derive(Clone, Copy, Debug, Default)]
struct Ports {
    h1: u16,
    h1_tls: u16,
    h2_tls: u16,
}

impl Nginx {
    /// Starts nginx on the second processor, serving `root`; its own files go to `prefix`.
    pub fn start(prefix: &Path, root: &Path) -> Result<Self> {
        let [h1] = free_ports()?;
        let server = format!("access_log off; listen 127.0.0.1:{h1} backlog=4096;\n");
        let ports = Ports {
            h1,
            ..Ports::default()
        };
        Self::start_server(prefix, root, &server, ports)
    }

    /// The same with TLS too, and without it on each of the addresses `hosts` as well.
    pub fn start_whole(
        prefix: &Path,
        root: &Path,
        certificate: &Certificate,
        hosts: impl Iterator<Item = String>,
    ) -> Result<Self> {
        let [h1, h1_tls, h2_tls] = free_ports()?;
        let mut server = format!(
            "access_log off; listen 127.0.0.1:{h1} backlog=4096;\n\
             listen 127.0.0.1:{h1_tls} ssl backlog=4096; listen 127.0.0.1:{h2_tls} ssl http2 backlog=4096;\n\
             ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.2 TLSv1.3;\n",
            certificate.chain.display(),
            certificate.key.display()
        );
        for host in hosts {
            writeln!(server, "listen {host}:{h1} backlog=256;")?;
        }
        let ports = Ports { h1, h1_tls, h2_tls };
        Self::start_server(prefix, root, &server, ports)
    }

    fn start_server(prefix: &Path, root: &Path, server: &str, ports: Ports) -> Result<Self> {
        fs::create_dir_all(prefix.join("logs"))?;
        let config = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;\n\
             worker_rlimit_nofile 20000;\n\
             events {{ worker_connections 8192; }}\n\
             http {{ sendfile on; tcp_nopush on; default_type text/plain; etag off;\n\
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
               keepalive_requests 100000000; keepalive_timeout 120s; open_file_cache max=15000 inactive=600s;\n\
               server {{ root {}; {server} }} }}\n",
            root.display()
        );
        fs::write(prefix.join("nginx.conf"), config)?;
        let program = if Path::new("/usr/sbin/nginx").exists() {
            "/usr/sbin/nginx"
        } else {
            "nginx"
        };
        let mut command: Command = pinned(1, program);
        command.arg("-p").arg(prefix).args(["-c", "nginx.conf"]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("nginx does not start ({error}); install the package nginx")
            })?;
        let nginx = Self { child, ports };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", ports.h1)).is_ok() {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("nginx did not answer within 5 s".into())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> String {
        self.base_at("127.0.0.1")
    }

    /// The same at another of its addresses.
    pub fn base_at(&self, host: &str) -> String {
        format!("http://{host}:{}", self.ports.h1)
    }

    /// `https://127.0.0.1:PORT`, with HTTP/1.1 or with HTTP/2.
    pub fn base_tls(&self, is_h2: bool) -> String {
        let port = if is_h2 {
            self.ports.h2_tls
        } else {
            self.ports.h1_tls
        };
        format!("https://127.0.0.1:{port}")
    }
}

/// Different ports that nobody listens on. All are held until the last was given.
fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // nginx ends its worker on SIGTERM only; a SIGKILL of the master would leave it behind.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}
