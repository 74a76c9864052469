//! One look-up for all who want a name, and its answer kept for as long as it counts.
//!
//! The look-up is a future that its waiters share: whoever is polled drives it, so none of them can
//! hold up the others, and it is dropped with the last of them. It never keeps a failure, nor gives
//! one to somebody who asked after it.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade::clock;
use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use super::Resolve;
use super::kept::{Addresses, Kept};

/// The most names whose answers are kept.
pub(super) const NAMES_MAX: usize = 10_000;
/// The most addresses of one family that are used of an answer.
pub(super) const ADDRESSES_MAX: usize = 32;
/// What an answer says about its lifetime is taken to lie between these.
const TTL_MIN: Duration = Duration::from_secs(1);
const TTL_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// By how much of its lifetime an answer may end early.
const EARLY_MAX: f64 = 0.1;

type LookUp = Pin<Box<dyn Future<Output = Result<Addresses, Failure>> + Send>>;

#[derive(Debug)]
pub(super) struct Cache {
    resolver: Arc<dyn Resolve>,
    /// How long an answer counts that does not say so.
    ttl: Duration,
    names: Arc<Mutex<Names>>,
}

struct Names {
    kept: Kept,
    /// At most one for each caller: an abandoned one takes itself off. Weak, so that it belongs to
    /// those who wait.
    under_way: HashMap<Arc<str>, (u64, WeakShared<LookUp>)>,
    begun: u64,
}

enum Found {
    Kept(Addresses),
    UnderWay(Shared<LookUp>),
}

impl Cache {
    pub(super) fn new(resolver: Arc<dyn Resolve>, ttl: Duration) -> Self {
        let names = Names {
            kept: Kept::new(NAMES_MAX),
            under_way: HashMap::new(),
            begun: 0,
        };
        Self {
            resolver,
            ttl,
            names: Arc::new(Mutex::new(names)),
        }
    }

    /// The addresses of a name, never empty.
    pub(super) async fn resolve(&self, name: &str) -> io::Result<Addresses> {
        loop {
            let look_up = match self.find(name) {
                Found::Kept(addresses) => return Ok(addresses),
                Found::UnderWay(look_up) => look_up,
            };
            match look_up.await {
                Ok(addresses) => return Ok(addresses),
                Err(Failure::Error(error)) => return Err(SharedError::unfold(error)),
                Err(Failure::Panic(payload)) => {
                    let payload = lock(&payload).take();
                    // One caller goes down with it; for the others it is as if it had not been.
                    if let Some(payload) = payload {
                        resume_unwind(payload);
                    }
                }
            }
        }
    }

    /// What is kept or under way, or a look-up that is begun here.
    fn find(&self, name: &str) -> Found {
        let now = clock::now();
        let mut names = lock(&self.names);
        if let Some(addresses) = names.kept.get(name, now) {
            return Found::Kept(addresses.clone());
        }
        if let Some((_, look_up)) = names.under_way.get(name)
            && let Some(look_up) = look_up.upgrade()
        {
            return Found::UnderWay(look_up);
        }
        let name = Arc::<str>::from(name);
        let id = names.begun;
        names.begun += 1;
        let entry = Entry {
            names: self.names.clone(),
            name: name.clone(),
            id,
        };
        let look_up: LookUp = Box::pin(look_up(self.resolver.clone(), self.ttl, entry));
        let look_up = look_up.shared();
        if let Some(weak) = look_up.downgrade() {
            names.under_way.insert(name, (id, weak));
        }
        Found::UnderWay(look_up)
    }
}

/// One look-up from its first poll to its entry in the cache.
async fn look_up(
    resolver: Arc<dyn Resolve>,
    ttl: Duration,
    entry: Entry,
) -> Result<Addresses, Failure> {
    let asked = AssertUnwindSafe(async { resolver.resolve(&entry.name).await });
    let answer = match asked.catch_unwind().await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(Failure::Error(Arc::new(error))),
        Err(payload) => return Err(Failure::Panic(Arc::new(Mutex::new(Some(payload))))),
    };
    let addresses = usable(answer.addresses);
    if addresses.is_empty() {
        let error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(Failure::Error(Arc::new(error)));
    }
    entry.keep(&addresses, lifetime(answer.ttl, ttl, fastrand::f64()));
    Ok(addresses)
}

/// How long an answer is kept, given what it says, what counts if it says nothing, and chance, at
/// least 0 and less than 1.
pub(super) fn lifetime(its: Option<Duration>, otherwise: Duration, chance: f64) -> Duration {
    let early = |ttl: Duration| ttl.min(TTL_MAX).mul_f64(1.0 - EARLY_MAX * chance);
    match its {
        Some(ttl) => early(ttl).max(TTL_MIN),
        None => early(otherwise),
    }
}

/// The first of each family, each of them once.
fn usable(found: Vec<IpAddr>) -> Addresses {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        let family = addresses
            .iter()
            .filter(|other| other.is_ipv4() == address.is_ipv4());
        if family.count() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.into()
}

/// The place of a look-up among those under way, which it leaves however it ends.
struct Entry {
    names: Arc<Mutex<Names>>,
    name: Arc<str>,
    id: u64,
}

impl Entry {
    fn keep(&self, addresses: &Addresses, lifetime: Duration) {
        if lifetime.is_zero() {
            return;
        }
        let now = clock::now();
        let mut names = lock(&self.names);
        let (name, addresses) = (self.name.clone(), addresses.clone());
        names.kept.insert(name, addresses, now + lifetime, now);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut names = lock(&self.names);
        // Another may have begun since the last of those who waited for this one left.
        if let Some((id, _)) = names.under_way.get(&self.name)
            && *id == self.id
        {
            names.under_way.remove(&self.name);
        }
    }
}

/// Why there is no answer, for all who waited for it.
#[derive(Clone)]
enum Failure {
    Error(Arc<io::Error>),
    Panic(Arc<Mutex<Option<Box<dyn Any + Send>>>>),
}

/// An error that several callers got.
#[derive(Debug)]
struct SharedError(Arc<io::Error>);

impl SharedError {
    fn unfold(error: Arc<io::Error>) -> io::Error {
        match Arc::try_unwrap(error) {
            Ok(error) => error,
            Err(error) => io::Error::new(error.kind(), Self(error)),
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names")
            .field("kept", &self.kept.len())
            .field("under_way", &self.under_way.len())
            .finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Cache {
    /// How many answers are kept, those whose time is up included, and how many are under way.
    pub(super) fn counts(&self) -> (usize, usize) {
        let names = lock(&self.names);
        (names.kept.len(), names.under_way.len())
    }
}
