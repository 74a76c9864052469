//! The operating system's resolver.
//!
//! It is the default because only it knows all that an administrator may have set: files, search
//! domains, name servers for parts of the tree. Its one call blocks a thread and tells no lifetime.

use std::io;
use std::net::ToSocketAddrs;

use brigade::thread::Pool;

use super::{Answer, Resolve, Resolving};

/// The most names that are looked up at once.
const LOOK_UPS_MAX: usize = 32;

/// Asks the operating system (`getaddrinfo`), on at most 32 threads of its own: dead name servers
/// keep nothing else waiting. Further names wait for a thread.
///
/// A look-up that nobody waits for any more holds its thread until the system gives up, as a rule
/// after some seconds.
///
/// # Examples
///
/// ```
/// use brigade_http::dns::{Resolve, System};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let answer = System::new().resolve("localhost").await?;
/// assert!(answer.addresses.iter().all(|address| address.is_loopback()));
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct System {
    threads: Pool,
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// A resolver with threads of its own, which start when there is something to do. Clones share
    /// them.
    pub fn new() -> Self {
        Self::on(Pool::new("resolve", LOOK_UPS_MAX))
    }

    pub(super) const fn on(threads: Pool) -> Self {
        Self { threads }
    }
}

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        let name = name.to_owned();
        let call = self.threads.call(move || look_up(&name));
        Box::pin(call.name("resolve").abandon_on_cancel())
    }
}

fn look_up(name: &str) -> io::Result<Answer> {
    let found = (name, 0).to_socket_addrs()?;
    Ok(Answer::new(found.map(|address| address.ip())))
}
