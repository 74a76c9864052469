//! Debian's nginx, started from a temporary folder of its own and ended by its process id.
//!
//! It runs as one process without privileges, so that killing the child ends all of it, and logs
//! each request with the number of the connection that it came on.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::python;

/// A module of nginx in a package of its own, and loaded where it is installed.
pub(crate) const BROTLI: &str = "/usr/lib/nginx/modules/ngx_http_brotli_filter_module.so";

const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: u32 = 1000;
const STARTS_MAX: u32 = 5;

/// A running nginx that serves a folder on loopback.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    folder: TempDir,
    port: u16,
    scheme: &'static str,
}

/// What it proves its identity with, as PEM.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// One line of its log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) connection: u64,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) authorization: String,
}

impl Nginx {
    /// Serves what `fill` puts into a folder, with these directives in the `server` block.
    pub(crate) fn start(
        directives: &str,
        fill: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Self, Failed> {
        Self::launch("http", directives, fill)
    }

    /// The same over TLS.
    pub(crate) fn start_tls(
        identity: &Identity,
        directives: &str,
        fill: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Self, Failed> {
        let keys = TempDir::with_prefix("brigade-nginx-keys-")?;
        let (chain, key) = (keys.path().join("chain.pem"), keys.path().join("key.pem"));
        fs::write(&chain, &identity.chain)?;
        fs::write(&key, &identity.key)?;
        let directives = format!(
            "ssl_certificate {}; ssl_certificate_key {}; {directives}",
            chain.display(),
            key.display()
        );
        // nginx has read them once it is ready.
        Self::launch("https", &directives, fill)
    }

    fn launch(
        scheme: &'static str,
        directives: &str,
        fill: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<Self, Failed> {
        let folder = TempDir::with_prefix("brigade-nginx-")?;
        let files = folder.path().join("files");
        fs::create_dir(&files)?;
        fill(&files)?;
        let mut last = String::new();
        for _ in 0..STARTS_MAX {
            let port = free_port()?;
            fs::write(
                folder.path().join("nginx.conf"),
                configuration(port, scheme, directives),
            )?;
            let mut child = spawn(folder.path())?;
            if is_ready(&mut child, folder.path())? {
                return Ok(Self {
                    child,
                    folder,
                    port,
                    scheme,
                });
            }
            // The port may have been taken in between; anything else fails each time.
            last = fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
        }
        Err(format!("nginx does not start: {last}").into())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.port)
    }

    /// The folder that it serves.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// The same place by another name, which makes it another origin.
    pub(crate) fn url_by_address(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.port)
    }

    /// What it has logged, once there are at least `count` entries, or after a bounded wait.
    pub(crate) fn log(&self, count: usize) -> Result<Vec<Entry>, Failed> {
        let path = self.folder.path().join("access.log");
        let mut entries = Vec::new();
        for _ in 0..STEPS_MAX {
            entries = fs::read_to_string(&path)?
                .lines()
                .filter_map(entry)
                .collect();
            if entries.len() >= count {
                break;
            }
            thread::sleep(STEP);
        }
        Ok(entries)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A child that is gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program is, the folders of the system's own included.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if python::has(program) {
        return python::find(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
}

pub(crate) fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn spawn(folder: &Path) -> Result<Child, Failed> {
    let program = find("nginx").ok_or("nginx is not installed")?;
    let child = Command::new(program)
        .arg("-p")
        .arg(folder)
        .args(["-c", "nginx.conf", "-e", "error.log"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(child)
}

/// Waits for the file with its process id, which nginx writes once it listens.
fn is_ready(child: &mut Child, folder: &Path) -> Result<bool, Failed> {
    let id = folder.join("nginx.pid");
    for _ in 0..STEPS_MAX {
        if fs::read_to_string(&id).is_ok_and(|text| text.ends_with('\n')) {
            return Ok(true);
        }
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        thread::sleep(STEP);
    }
    child.kill()?;
    child.wait()?;
    Ok(false)
}

fn configuration(port: u16, scheme: &str, directives: &str) -> String {
    let module = match Path::new(BROTLI).is_file() {
        true => format!("load_module {BROTLI};"),
        false => String::new(),
    };
    let tls = if scheme == "https" { " ssl" } else { "" };
    format!(
        "{module}
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    log_format peers '$connection $request_method $request_uri $status $http_authorization';
    access_log access.log peers;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port}{tls};
        server_name localhost;
        root files;
        {directives}
    }}
}}
"
    )
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    Some(Entry {
        connection: words.next()?.parse().ok()?,
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        status: words.next()?.parse().ok()?,
        authorization: words.collect::<Vec<_>>().join(" "),
    })
}
