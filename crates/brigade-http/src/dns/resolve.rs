//! The question that every resolver answers.
//!
//! It exists so that names can come from anywhere: a file, a service registry, a test. An
//! implementation never needs a cache of its own.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::Answer;

/// An answer that is on its way.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Answer>> + Send + 'a>>;

/// Something that finds the addresses of host names.
///
/// A client asks it once for all who want a name at that moment, within the connect timeout, and
/// keeps the answer; see the [module](super). It asks for several names at once, for as many as it
/// may have connections.
///
/// # Examples
///
/// Some names from a map, the others from the system:
///
/// ```
/// use brigade_http::Client;
/// use brigade_http::dns::{Answer, Resolve, Resolving, System};
/// # use brigade_testkit::server::{Reply, Server};
/// use std::collections::HashMap;
/// use std::net::IpAddr;
/// use std::time::Duration;
///
/// #[derive(Debug)]
/// struct Registry {
///     services: HashMap<String, IpAddr>,
///     system: System,
/// }
///
/// impl Resolve for Registry {
///     fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
///         Box::pin(async move {
///             match self.services.get(name) {
///                 Some(address) => Ok(Answer::new([*address]).ttl(Duration::from_secs(5))),
///                 None => self.system.resolve(name).await,
///             }
///         })
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = Server::start(|_| Reply::ok("found")).await?;
/// # let port = server.address().port();
/// let services = HashMap::from([("billing.internal".to_owned(), [127, 0, 0, 1].into())]);
/// let registry = Registry { services, system: System::new() };
/// let client = Client::builder().resolver(registry).build()?;
/// let url = format!("http://billing.internal:{port}/");
/// assert_eq!(client.get(&url)?.send().await?.text().await?, "found");
/// client.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Resolve: Debug + Send + Sync + 'static {
    /// Finds the addresses of `name`.
    ///
    /// The name is as it stands in the URL, in lower case and with what is not ASCII in Punycode. A
    /// dot at its end means that it is whole and no search domain is to be tried. It is never an
    /// address.
    ///
    /// # Errors
    ///
    /// Whatever the look-up fails with becomes the cause of an error of
    /// [`Kind::Dns`](crate::Kind::Dns), for all who wait for it. An answer without addresses is
    /// such a failure too. The next who wants the name asks again.
    ///
    /// # Panics
    ///
    /// A panic goes on in one of those who wait; the others ask again. In a client that is a dial, so
    /// the request that it was begun for fails with [`Kind::Connect`](crate::Kind::Connect).
    ///
    /// # Cancel safety
    ///
    /// The future is polled by whoever of those who wait is awake, and dropped with the last of
    /// them.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// Shared, it answers for several clients; each keeps the answers for itself.
impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        (**self).resolve(name)
    }
}
