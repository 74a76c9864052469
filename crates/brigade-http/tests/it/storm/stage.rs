//! What all parts of one run share, and the servers' side of it.
//!
//! Its tasks are the servers' connections, which it ends. It holds nothing of the client but the
//! handle of its watch.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};

use brigade_http::transport::Io;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::book::Book;
use super::plan::{Door, Plan};
use super::watch::{Turns, Watch, lock};
use super::wire::{Cut, End};
use super::{http1, http2};

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) watch: Watch,
    pub(super) book: Book,
    /// How many sockets the client has to each host, where the world counts them itself.
    pub(super) sockets: Option<Mutex<Vec<usize>>>,
    accepted: Vec<AtomicUsize>,
    tasks: Mutex<JoinSet<()>>,
}

impl Stage {
    pub(super) fn new(plan: Plan, origins: Vec<String>, counts: bool) -> Arc<Self> {
        let hosts = plan.hosts.len();
        Arc::new(Self {
            watch: Watch::new(&plan, origins),
            book: Book::new(&plan),
            sockets: counts.then(|| Mutex::new(vec![0; hosts])),
            accepted: (0..hosts).map(|_| AtomicUsize::new(0)).collect(),
            tasks: Mutex::default(),
            plan,
        })
    }

    pub(super) fn check(&self) {
        self.watch.check(self.counted().as_deref());
    }

    /// The client's sockets to each host, if they are counted here.
    pub(super) fn counted(&self) -> Option<Vec<usize>> {
        self.sockets.as_ref().map(|sockets| lock(sockets).clone())
    }

    /// How the next connection to a host is met.
    pub(super) fn next_door(&self, host: usize) -> Door {
        let number = self.accepted[host].fetch_add(1, SeqCst);
        self.plan.door(host, number)
    }

    pub(super) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stage = self.clone();
        lock(&self.tasks).spawn(Turns::new(task, move || stage.check()));
    }

    /// Ends the servers.
    pub(super) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        tasks.shutdown().await;
    }

    /// Serves one connection, whatever becomes of it.
    pub(super) async fn serve(self: Arc<Self>, host: usize, end: End) {
        let cut = end.cut();
        let kind = &self.plan.hosts[host];
        let stream: Box<dyn Io> = if kind.is_tls {
            match identity().acceptor(kind.is_http2).accept(end).await {
                Ok(stream) => Box::new(stream),
                Err(_) => return,
            }
        } else {
            Box::new(end)
        };
        self.speak(host, stream, cut).await;
    }

    async fn speak(&self, host: usize, stream: Box<dyn Io>, cut: Cut) {
        // That a client leaves in the middle is what a storm is about.
        let _ = match self.plan.hosts[host].is_http2 {
            true => http2::serve(self, stream, cut).await,
            false => http1::serve(self, stream, cut).await,
        };
    }
}

/// Who the hosts are.
pub(super) struct Identity {
    http1: TlsAcceptor,
    http2: TlsAcceptor,
    pub(super) pem: String,
}

impl Identity {
    fn acceptor(&self, is_http2: bool) -> &TlsAcceptor {
        match is_http2 {
            true => &self.http2,
            false => &self.http1,
        }
    }
}

/// The name of a host.
pub(super) fn name(host: usize) -> String {
    format!("h{host}.test")
}

/// One identity for all hosts of all runs, because keys are expensive.
pub(super) fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let names: Vec<_> = (0..8).map(name).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let acceptor = |protocol: &[u8]| {
            let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
            let provider = Arc::new(ring::default_provider());
            let mut config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![cert.der().clone()], key)
                .unwrap();
            config.alpn_protocols = vec![protocol.to_vec()];
            TlsAcceptor::from(Arc::new(config))
        };
        Identity {
            http1: acceptor(b"http/1.1"),
            http2: acceptor(b"h2"),
            pem: cert.pem(),
        }
    })
}
