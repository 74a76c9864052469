//! nginx with its own files, ports and configuration, for as long as a value lives.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use brigade_testkit::wait::until;
use libtest_mimic::Failed;
use tempfile::TempDir;

/// A running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    /// Where it speaks HTTP/1.1, and where HTTP/2 without TLS.
    pub(crate) http1: SocketAddr,
    pub(crate) http2: SocketAddr,
    _place: TempDir,
}

impl Nginx {
    /// Serves the files below `root`: below `/gzip/` compressed and in chunks, and a page at every
    /// path that has no file.
    pub(crate) fn serve(root: &Path) -> Result<Self, Failed> {
        let place = tempfile::tempdir()?;
        // The ports are free when they are chosen; if another program is faster, choose again.
        for _ in 0..10 {
            let [http1, http2] = [free()?, free()?];
            fs::write(
                place.path().join("nginx.conf"),
                configuration(root, http1, http2),
            )?;
            let mut child = start(place.path())?;
            if answers(http1) && answers(http2) {
                return Ok(Self {
                    child,
                    http1,
                    http2,
                    _place: place,
                });
            }
            let _ = child.kill();
            child.wait()?;
        }
        let log = fs::read_to_string(place.path().join("error.log"))?;
        Err(format!("nginx does not start: {log}").into())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens at.
pub(crate) fn free() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether somebody listens there within some seconds.
pub(crate) fn answers(address: SocketAddr) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let limit = Duration::from_secs(30);
    let connected = until(|| TcpStream::connect(address).is_ok());
    runtime.is_ok_and(|runtime| {
        runtime.block_on(async { tokio::time::timeout(limit, connected).await.is_ok() })
    })
}

fn start(place: &Path) -> std::io::Result<Child> {
    let mut command = Command::new("nginx");
    let arguments = ["-e", "error.log", "-c", "nginx.conf", "-p"];
    command.args(arguments).arg(place);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// One process in the foreground, everything that it writes in its own directory.
fn configuration(root: &Path, http1: SocketAddr, http2: SocketAddr) -> String {
    let root = root.display();
    let site = format!(
        "root '{root}'; default_type text/plain;
         location / {{ try_files $uri /page.txt; }}
         location /gzip/ {{ alias '{root}/'; gzip on; gzip_min_length 1; gzip_types *; }}
         location = /moved {{ return 302 /plain/1.txt; }}
         location = /nothing {{ return 204; }}"
    );
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
         events {{ worker_connections 512; }}
         http {{
             access_log off;
             client_body_temp_path temporary; proxy_temp_path temporary;
             fastcgi_temp_path temporary; uwsgi_temp_path temporary; scgi_temp_path temporary;
             server {{ listen {http1}; {site} }}
             server {{ listen {http2} http2; {site} }}
         }}"
    )
}
