//! Real proxies (squid, microsocks, dante), each started in a temporary folder of its own on
//! loopback and ended by its process id.
//!
//! squid leaves root for a user of its own if it is started by root, so its folder is open to all.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::nginx::{Identity, find, free_port};

const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: u32 = 1000;
const STARTS_MAX: u32 = 5;

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    folder: TempDir,
    port: u16,
    /// Where squid speaks TLS itself.
    port_tls: u16,
}

impl Gateway {
    /// squid, for everybody or for joe with the password hunter2 only.
    pub(crate) fn squid(identity: &Identity, has_login: bool) -> Result<Self, Failed> {
        Self::start("squid", |folder, port, port_tls| {
            fs::write(folder.join("chain.pem"), &identity.chain)?;
            fs::write(folder.join("key.pem"), &identity.key)?;
            fs::write(folder.join("login.sh"), LOGIN)?;
            let text = squid(folder, [port, port_tls], has_login);
            fs::write(folder.join("squid.conf"), text)?;
            for entry in fs::read_dir(folder)? {
                fs::set_permissions(entry?.path(), Permissions::from_mode(0o644))?;
            }
            fs::set_permissions(folder, Permissions::from_mode(0o777))?;
            Ok(vec!["-N".into(), "-f".into(), path(folder, "squid.conf")])
        })
    }

    /// microsocks, for everybody or for joe with the password hunter2 only.
    pub(crate) fn microsocks(has_login: bool) -> Result<Self, Failed> {
        Self::start("microsocks", |_, port, _| {
            let mut arguments = vec![
                "-i".into(),
                "127.0.0.1".into(),
                "-p".into(),
                port.to_string(),
            ];
            if has_login {
                arguments.extend(["-u", "joe", "-P", "hunter2"].map(String::from));
            }
            Ok(arguments)
        })
    }

    /// dante, for everybody.
    pub(crate) fn dante() -> Result<Self, Failed> {
        Self::start("danted", |folder, port, _| {
            fs::write(folder.join("danted.conf"), dante(folder, port))?;
            let (configuration, id) = (path(folder, "danted.conf"), path(folder, "danted.pid"));
            Ok(vec!["-f".into(), configuration, "-p".into(), id])
        })
    }

    fn start(
        program: &str,
        prepare: impl Fn(&Path, u16, u16) -> std::io::Result<Vec<String>>,
    ) -> Result<Self, Failed> {
        let path = find(program).ok_or_else(|| format!("{program} is not installed"))?;
        for _ in 0..STARTS_MAX {
            let folder = TempDir::with_prefix("brigade-proxy-")?;
            let (port, port_tls) = (free_port()?, free_port()?);
            let arguments = prepare(folder.path(), port, port_tls)?;
            let child = Command::new(&path)
                .args(arguments)
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            let mut gateway = Self {
                child,
                folder,
                port,
                port_tls,
            };
            if gateway.is_ready()? {
                return Ok(gateway);
            }
        }
        Err(format!("{program} does not start").into())
    }

    /// Waits until it listens. A port that was taken in between ends it.
    fn is_ready(&mut self) -> Result<bool, Failed> {
        for _ in 0..STEPS_MAX {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return Ok(true);
            }
            thread::sleep(STEP);
        }
        Ok(false)
    }

    /// Its URL, with `login` as `USER:PASSWORD@` or nothing.
    pub(crate) fn url(&self, scheme: &str, login: &str) -> String {
        match scheme {
            "https" => format!("https://{login}localhost:{}", self.port_tls),
            _ => format!("{scheme}://{login}127.0.0.1:{}", self.port),
        }
    }

    /// What squid has logged, once `expected` is in it, or after a bounded wait.
    pub(crate) fn log(&self, expected: &str) -> Result<String, Failed> {
        let path = self.folder.path().join("access.log");
        let mut text = String::new();
        for _ in 0..STEPS_MAX {
            text = fs::read_to_string(&path)?;
            if text.contains(expected) {
                return Ok(text);
            }
            thread::sleep(STEP);
        }
        Err(format!("squid has not logged {expected:?}: {text}").into())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // dante's children end with their parent only if it has the time to tell them.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        for _ in 0..STEPS_MAX / 2 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(STEP);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// The helper that squid asks about logins.
const LOGIN: &str = r#"while read -r user password; do
    if [ "$user $password" = "joe hunter2" ]; then echo OK; else echo ERR; fi
done
"#;

fn squid(folder: &Path, [port, port_tls]: [u16; 2], has_login: bool) -> String {
    let folder = folder.display();
    let access = match has_login {
        true => "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all",
        false => "http_access allow all",
    };
    format!(
        "http_port 127.0.0.1:{port}
https_port 127.0.0.1:{port_tls} tls-cert={folder}/chain.pem tls-key={folder}/key.pem
pid_filename {folder}/squid.pid
logformat peers %rm %ru %>Hs %un
access_log stdio:{folder}/access.log peers
cache_log {folder}/cache.log
coredump_dir {folder}
cache deny all
memory_cache_shared off
pinger_enable off
netdb_filename none
visible_hostname localhost
shutdown_lifetime 0 seconds
auth_param basic program /bin/sh {folder}/login.sh
auth_param basic children 1
{access}
"
    )
}

fn dante(folder: &Path, port: u16) -> String {
    format!(
        "logoutput: {}/danted.log
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
socksmethod: none
clientmethod: none
client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}
",
        folder.display()
    )
}
