//! nginx with its own configuration, files and port, for as long as a value lives.

use super::{NGINX, find};
use libtest_mimic::Failed;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// A running nginx.
pub(crate) struct Nginx {
    child: Child,
    address: SocketAddr,
    place: TempDir,
}

impl Nginx {
    /// Serves the files below `root`; `extra` goes into the server's configuration.
    pub(crate) fn serve(root: &Path, extra: &str) -> Result<Self, Failed> {
        let place = tempfile::tempdir()?;
        // The port is free when it is chosen; if another program is faster, choose again.
        for _ in 0..10 {
            let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
            fs::write(
                place.path().join("nginx.conf"),
                configuration(address, root, extra),
            )?;
            let mut child = start(place.path())?;
            for _ in 0..2_000 {
                if TcpStream::connect(address).is_ok() {
                    return Ok(Self {
                        child,
                        address,
                        place,
                    });
                }
                if child.try_wait()?.is_some() {
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
            let _ = child.kill();
            child.wait()?;
        }
        let log = fs::read_to_string(place.path().join("error.log"))?;
        Err(format!("nginx does not start: {log}").into())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The targets of all requests so far, in order.
    pub(crate) fn requests(&self) -> Result<Vec<String>, Failed> {
        let log = fs::read_to_string(self.place.path().join("access.log"))?;
        Ok(log.lines().map(str::to_owned).collect())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(place: &Path) -> Result<Child, Failed> {
    let program = find(NGINX.program).ok_or("nginx went away")?;
    let mut command = Command::new(program);
    command
        .args(["-e", "error.log", "-c", "nginx.conf", "-p"])
        .arg(place);
    Ok(command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// One process in the foreground, everything that it writes in its own directory.
fn configuration(address: SocketAddr, root: &Path, extra: &str) -> String {
    let root = root.display();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
         events {{ worker_connections 512; }}
         http {{
             log_format target '$request_uri';
             access_log access.log target;
             client_body_temp_path temporary; proxy_temp_path temporary; fastcgi_temp_path temporary;
             uwsgi_temp_path temporary; scgi_temp_path temporary;
             server {{ listen {address}; root '{root}'; {extra} }}
         }}"
    )
}
