//! One nginx on loopback with a prefix of its own, ended with the value that started it.
//!
//! It never touches an nginx that it did not start.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::measure::pinned;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    base: String,
}

impl Nginx {
    /// Starts nginx on the second processor, serving `root`; its own files go to `prefix`.
    pub fn start(prefix: &Path, root: &Path) -> Result<Self> {
        Self::start_with(prefix, root, "access_log off;")
    }

    /// The same with a line for each request in `log`.
    pub fn start_logging(prefix: &Path, root: &Path, log: &Path) -> Result<Self> {
        Self::start_with(
            prefix,
            root,
            &format!("access_log {} combined;", log.display()),
        )
    }

    fn start_with(prefix: &Path, root: &Path, log: &str) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        fs::create_dir_all(prefix.join("logs"))?;
        let config = format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;\n\
             events {{ worker_connections 8192; }}\n\
             http {{ {log} sendfile on; tcp_nopush on; default_type text/plain; etag off;\n\
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
               keepalive_requests 100000000; keepalive_timeout 120s; open_file_cache max=15000 inactive=600s;\n\
               server {{ listen 127.0.0.1:{port} backlog=4096; root {}; }} }}\n",
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
        let nginx = Self {
            child,
            base: format!("http://127.0.0.1:{port}"),
        };
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(nginx);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("nginx did not answer within 5 s".into())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }
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
