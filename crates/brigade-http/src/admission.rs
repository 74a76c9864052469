//! A limit of the library before every request of a client: how many at once and how many a second,
//! of all servers and of each.
//!
//! Limits on connections say how many sockets there are; this one says how much a server is asked
//! for, which is what it counts itself. One admission is one attempt on its way to one host. Nothing
//! is held while another admission is waited for, and none outlives the response that it was for.

use std::time::Duration;

use brigade::clock;
use brigade::limit::{Bounded, KeyedLimit, Pass};
use url::{Position, Url};

use crate::deadline::Deadline;
use crate::pool::ClientPool;
use crate::{Error, Kind, Result};

/// A limit for [`ClientBuilder::limit`](crate::ClientBuilder::limit): a [`KeyedLimit`] whose keys are
/// hosts, or one with a [bound](KeyedLimit::max_waiters) on those who wait.
#[derive(Clone, Debug)]
pub struct HostLimit(Form);

#[derive(Clone, Debug)]
enum Form {
    Open(KeyedLimit<String>),
    Bounded(Bounded<KeyedLimit<String>>),
}

impl From<KeyedLimit<String>> for HostLimit {
    fn from(limit: KeyedLimit<String>) -> Self {
        Self(Form::Open(limit))
    }
}

impl From<&KeyedLimit<String>> for HostLimit {
    fn from(limit: &KeyedLimit<String>) -> Self {
        limit.clone().into()
    }
}

impl From<Bounded<KeyedLimit<String>>> for HostLimit {
    fn from(limit: Bounded<KeyedLimit<String>>) -> Self {
        Self(Form::Bounded(limit))
    }
}

impl From<&Bounded<KeyedLimit<String>>> for HostLimit {
    fn from(limit: &Bounded<KeyedLimit<String>>) -> Self {
        limit.clone().into()
    }
}

/// The right to be on the way to a host. Boxed, because few clients have limits.
pub(crate) type Admitted = Box<Pass<String>>;

impl HostLimit {
    /// Waits until a request for `url` may be sent.
    pub(crate) async fn admit(
        &self,
        url: &Url,
        pool: &ClientPool,
        total: Deadline,
    ) -> Result<Admitted> {
        let host = host(url).to_owned();
        let pass = async {
            match &self.0 {
                Form::Open(limit) => Ok(limit.acquire(host).await),
                Form::Bounded(limit) => limit.acquire(host).await.map_err(Error::of_overload),
            }
        };
        let pass = tokio::select! {
            biased;
            () = pool.closing() => Err(Error::new(Kind::Closed)),
            pass = total.bound(pass) => pass.flatten(),
        };
        pass.map(Box::new)
    }

    /// Lets nobody else ask the host of `url` before that time is over.
    pub(crate) fn pause(&self, url: &Url, asked: Duration) {
        let limit = match &self.0 {
            Form::Open(limit) => limit,
            Form::Bounded(limit) => limit.get_ref(),
        };
        let until = clock::instant(clock::now() + asked);
        limit.pause_until(&host(url).to_owned(), until);
    }
}

/// What counts as one host: the name, with the port unless it is the scheme's.
fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
