//! Debian's dnsmasq and unbound, each started on a free port of loopback and ended by its process
//! id.
//!
//! They answer only for names below `test.`, of records that are given, and log every question.
//! They need no privileges and forward nothing.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use tempfile::TempDir;

const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: u32 = 1000;
const STARTS_MAX: u32 = 5;

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Dnsmasq,
    Unbound,
}

/// A name of the zone with an address and its time to live in seconds.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) name: &'static str,
    pub(crate) address: IpAddr,
    pub(crate) ttl: u32,
}

impl Record {
    pub(crate) fn new(name: &'static str, address: impl Into<IpAddr>, ttl: u32) -> Self {
        Self {
            name,
            address: address.into(),
            ttl,
        }
    }
}

/// A running name server.
#[derive(Debug)]
pub(crate) struct NameServer {
    program: Program,
    child: Child,
    folder: TempDir,
    port: u16,
}

impl NameServer {
    /// With these records, and these further lines in the program's own configuration.
    pub(crate) fn start(
        program: Program,
        records: &[Record],
        lines: &[String],
    ) -> Result<Self, Failed> {
        let mut last = String::new();
        for _ in 0..STARTS_MAX {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            match Self::start_on(port, program, records, lines) {
                Ok(server) => return Ok(server),
                // The port may have been taken in between; anything else fails each time.
                Err(why) => last = why.message().unwrap_or_default().to_owned(),
            }
        }
        Err(last.into())
    }

    /// Ends it and starts another one with other records in its place.
    pub(crate) fn replace(mut self, records: &[Record]) -> Result<Self, Failed> {
        self.end();
        Self::start_on(self.port, self.program, records, &[])
    }

    fn start_on(
        port: u16,
        program: Program,
        records: &[Record],
        lines: &[String],
    ) -> Result<Self, Failed> {
        let folder = TempDir::with_prefix("brigade-name-server-")?;
        let configuration = folder.path().join("configuration");
        let text = program.configuration(port, records, lines);
        fs::write(&configuration, text)?;
        let child = program.spawn(&configuration, File::create(log(folder.path()))?)?;
        let mut server = Self {
            program,
            child,
            folder,
            port,
        };
        for _ in 0..STEPS_MAX {
            if server.text()?.contains(program.greeting()) {
                return Ok(server);
            }
            if server.child.try_wait()?.is_some() {
                break;
            }
            thread::sleep(STEP);
        }
        Err(format!("{program:?} does not start: {}", server.text()?).into())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// How often it was asked for a name's records of the type A or AAAA; at least `least` times,
    /// or after a bounded wait.
    pub(crate) fn asked(&self, kind: &str, name: &str, least: usize) -> Result<usize, Failed> {
        let question = self.program.question(kind, name);
        let mut count = 0;
        for _ in 0..STEPS_MAX {
            let text = self.text()?;
            count = text.lines().filter(|line| line.contains(&question)).count();
            if count >= least {
                break;
            }
            thread::sleep(STEP);
        }
        Ok(count)
    }

    fn text(&self) -> std::io::Result<String> {
        fs::read_to_string(log(self.folder.path()))
    }

    fn end(&mut self) {
        // A child that is gone already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq",
            Self::Unbound => "unbound",
        }
    }

    /// The Debian package that brings it.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq-base",
            Self::Unbound => "unbound",
        }
    }

    pub(crate) fn path(self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(self.name()))
            .find(|program| program.is_file())
    }

    /// What it logs once it listens.
    fn greeting(self) -> &'static str {
        match self {
            Self::Dnsmasq => "started, version",
            Self::Unbound => "start of service",
        }
    }

    /// How it logs a question.
    fn question(self, kind: &str, name: &str) -> String {
        match self {
            Self::Dnsmasq => format!("query[{kind}] {name} from"),
            Self::Unbound => format!(" {name}. {kind} IN"),
        }
    }

    fn spawn(self, configuration: &Path, log: File) -> Result<Child, Failed> {
        let path = self.path().ok_or("it is not installed")?;
        let mut command = Command::new(path);
        match self {
            Self::Dnsmasq => command.arg("--keep-in-foreground").arg("-C"),
            Self::Unbound => command.arg("-d").arg("-c"),
        };
        let command = command.arg(configuration).stdin(Stdio::null());
        Ok(command.stdout(Stdio::null()).stderr(log).spawn()?)
    }

    fn configuration(self, port: u16, records: &[Record], lines: &[String]) -> String {
        let mut text = match self {
            Self::Dnsmasq => format!(
                "port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
pid-file=
log-queries
log-facility=-
local=/test/
"
            ),
            Self::Unbound => format!(
                "remote-control:
    control-enable: no
server:
    interface: 127.0.0.1
    port: {port}
    do-daemonize: no
    use-syslog: no
    log-queries: yes
    username: \"\"
    chroot: \"\"
    pidfile: \"\"
    module-config: iterator
    local-zone: test. static
"
            ),
        };
        for Record { name, address, ttl } in records {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            text += &match self {
                Self::Dnsmasq => format!("host-record={name},{address},{ttl}\n"),
                Self::Unbound => format!("    local-data: \"{name}. {ttl} IN {kind} {address}\"\n"),
            };
        }
        for line in lines {
            text += line;
            text += "\n";
        }
        text
    }
}
