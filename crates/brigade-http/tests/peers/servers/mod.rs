//! The servers of the table: each one set up to serve the same things in each of its protocols.
//!
//! What they serve: `/0` to `/999` and `/large` are files, `/gzip/0` the same compressed (and
//! `/zstd/0` where a server knows that), `/none` has no content, `/headers` has headers of 30 KiB,
//! `/echo/...` sends back what was posted, and `/put/...` keeps what was put. What a server cannot
//! do, [`Program::can`] says. Nothing here knows what is proven with them.

mod apache;
mod caddy;
mod haproxy;
mod hypercorn;
mod nghttpd;
mod nginx;
pub(crate) mod process;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use brigade_http::tls::TlsConfig;
use brigade_http::{Client, ClientBuilder, Version};
use libtest_mimic::Failed;

use crate::files::Files;
use crate::nginx::Identity;
use crate::trust::{authority, for_localhost, identity};
use process::Process;

const STEP: Duration = Duration::from_millis(10);
const STEPS_MAX: u32 = 500;

/// A header of 3 KiB, of which `/headers` has ten.
const PART: usize = 3 << 10;
const PARTS: usize = 10;

/// A server that others have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Nginx,
    Apache,
    Caddy,
    /// In front of nginx, to which it speaks HTTP/1.1.
    Haproxy,
    Nghttpd,
    Hypercorn,
}

/// What not every server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feat {
    /// Answer with what a program or its configuration says, instead of a file.
    Answers,
    /// Send back what was posted.
    Echo,
    /// Log what it was asked for.
    Log,
}

impl Program {
    pub(crate) fn can(self, feat: Feat) -> bool {
        match feat {
            Feat::Answers | Feat::Log => self != Self::Nghttpd,
            Feat::Echo => !matches!(self, Self::Nginx | Self::Haproxy),
        }
    }

    /// In which codings it sends its files.
    pub(crate) fn codings(self) -> &'static [&'static str] {
        match self {
            Self::Caddy => &["gzip", "zstd"],
            _ => &["gzip"],
        }
    }

    /// Its name, and that of the Debian package with it.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Nginx => crate::NGINX,
            Self::Apache => ("apache2", "apache2"),
            Self::Caddy => ("caddy", "caddy"),
            Self::Haproxy => ("haproxy", "haproxy"),
            Self::Nghttpd => ("nghttpd", "nghttp2-server"),
            Self::Hypercorn => crate::python::HYPERCORN,
        }
    }
}

/// What a server speaks on its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    /// HTTP/2 over TLS, by ALPN.
    Http2,
    /// HTTP/2 without TLS.
    H2c,
}

impl Speaks {
    pub(crate) fn version(self) -> Version {
        match self {
            Self::Http1 => Version::HTTP_11,
            Self::Http2 | Self::H2c => Version::HTTP_2,
        }
    }
}

/// How a server is set up.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The most streams of a connection at once.
    pub(crate) streams: u32,
    /// The most requests on a connection.
    pub(crate) requests: u32,
    /// How long a connection may be idle, in seconds.
    pub(crate) idle: u32,
    /// The only version of TLS.
    pub(crate) tls: Option<&'static str>,
    /// What it proves its identity with, instead of a good one.
    pub(crate) identity: Option<Identity>,
    /// The authority whose certificate a client must have, as PEM.
    pub(crate) clients: Option<String>,
    /// Where an http URL is redirected to.
    pub(crate) redirect: Option<String>,
    /// Whether it takes little of a body before it reads it.
    pub(crate) is_narrow: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            streams: 100,
            requests: 1_000_000,
            idle: 60,
            tls: None,
            identity: None,
            clients: None,
            redirect: None,
            is_narrow: false,
        }
    }
}

/// Where and how one server is to run.
#[derive(Clone, Copy)]
struct Place<'a> {
    folder: &'a Path,
    files: &'a Path,
    port: u16,
    /// The port of the server behind it.
    behind: u16,
    speaks: Speaks,
    setup: &'a Setup,
}

impl Place<'_> {
    fn has_tls(&self) -> bool {
        self.speaks == Speaks::Http2
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        fs::write(self.folder.join(name), text)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// The headers of `/headers`, each with its value, as a line of a configuration each.
fn parts(line: impl Fn(&str, &str) -> String) -> String {
    let value = "v".repeat(PART);
    let lines = (0..PARTS).map(|number| line(&format!("X-Part-{number}"), &value));
    lines.collect::<Vec<_>>().join("\n")
}

/// One line of a server's log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The port of the client, which tells connections apart.
    pub(crate) port: u16,
    pub(crate) method: String,
    pub(crate) target: String,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) speaks: Speaks,
    process: Process,
    /// The authority of its certificate, as PEM, unless the trial brought the certificate.
    authority: Option<String>,
    /// Ends after what is in front of it.
    behind: Option<Box<Server>>,
}

impl Server {
    pub(crate) fn start(
        program: Program,
        speaks: Speaks,
        files: &Arc<Files>,
        mut setup: Setup,
    ) -> Result<Self, Failed> {
        let mut pem = None;
        if speaks == Speaks::Http2 && setup.identity.is_none() {
            let authority = authority("good")?;
            setup.identity = Some(identity(&authority, &for_localhost()?)?);
            pem = Some(authority.pem());
        }
        let behind = match program {
            Program::Haproxy => {
                let plain = Speaks::Http1;
                Some(Self::start(Program::Nginx, plain, files, Setup::default())?)
            }
            _ => None,
        };
        let folder = files.folder()?;
        let process = Process::start(program.names().0, |own, port| {
            let place = Place {
                folder: own,
                files: folder,
                port,
                behind: behind.as_ref().map_or(0, |server| server.process.port()),
                speaks,
                setup: &setup,
            };
            prepare(program, place)
        })?;
        Ok(Self {
            program,
            speaks,
            process,
            authority: pem,
            behind: behind.map(Box::new),
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = match self.speaks {
            Speaks::Http2 => "https",
            Speaks::Http1 | Speaks::H2c => "http",
        };
        format!("{scheme}://localhost:{}{path}", self.process.port())
    }

    /// A client that trusts it and speaks what it speaks.
    pub(crate) fn client(&self) -> Result<ClientBuilder, Failed> {
        let builder = Client::builder().no_proxy();
        Ok(match (self.speaks, &self.authority) {
            (Speaks::H2c, _) => builder.http2_prior_knowledge(),
            (_, None) => builder,
            (_, Some(pem)) => builder.tls(TlsConfig::new().add_root_pem(pem.as_bytes())?),
        })
    }

    /// What it has logged, once there are at least `count` entries, or after a bounded wait.
    pub(crate) fn log(&self, count: usize) -> Result<Vec<Entry>, Failed> {
        let read = || {
            let text = fs::read_to_string(self.process.folder().join("access.log"))?;
            Ok::<_, Failed>(text.lines().filter_map(entry).collect::<Vec<_>>())
        };
        for _ in 0..STEPS_MAX {
            let entries = read()?;
            if entries.len() >= count {
                return Ok(entries);
            }
            thread::sleep(STEP);
        }
        read()
    }

    /// What has arrived at the server that answers: as [`log`](Self::log).
    pub(crate) fn arrived(&self, count: usize) -> Result<Vec<Entry>, Failed> {
        self.behind.as_deref().unwrap_or(self).log(count)
    }

    /// Replaces its workers by others, which those end their work for.
    pub(crate) fn reload(&self) -> Result<(), Failed> {
        match self.program {
            Program::Nginx => self.process.signal("HUP"),
            Program::Apache => self.process.signal("USR1"),
            Program::Haproxy => self.process.replace(&["-x", "admin.sock", "-sf"]),
            other => Err(format!("{other:?} cannot reload").into()),
        }
    }

    /// Fails unless what was replaced ends by itself.
    pub(crate) fn formers_end(&self) -> Result<(), Failed> {
        self.process.formers_end()
    }

    /// Kills what holds its connections, with something to follow in its place.
    pub(crate) fn kill(&self) -> Result<(), Failed> {
        match self.program {
            Program::Nginx | Program::Apache => self.process.kill_children(),
            _ => self.process.kill_and_start_again(),
        }
    }
}

fn prepare(program: Program, place: Place<'_>) -> std::io::Result<Vec<String>> {
    if let Some(Identity { chain, key }) = &place.setup.identity {
        place.write("chain.pem", chain)?;
        place.write("key.pem", key)?;
        place.write("both.pem", &format!("{chain}{key}"))?;
    }
    if let Some(authority) = &place.setup.clients {
        place.write("clients.pem", authority)?;
    }
    match program {
        Program::Nginx => nginx::prepare(place),
        Program::Apache => apache::prepare(place),
        Program::Caddy => caddy::prepare(place),
        Program::Haproxy => haproxy::prepare(place),
        Program::Nghttpd => nghttpd::prepare(place),
        Program::Hypercorn => hypercorn::prepare(place),
    }
}

/// A line is `PORT METHOD TARGET`, be it after the time in brackets, or what Caddy makes of it.
fn entry(line: &str) -> Option<Entry> {
    if line.starts_with('{') {
        return caddy::entry(line);
    }
    let mut words = line.rsplit("] ").next()?.split(' ');
    let entry = Entry {
        port: words.next()?.rsplit(':').next()?.parse().ok()?,
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
    };
    entry.target.starts_with('/').then_some(entry)
}
