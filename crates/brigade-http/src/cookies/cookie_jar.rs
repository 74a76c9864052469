//! The jar that clients share, and the only place where the clock is read for it.
//!
//! A lock around the pure rules. It is never held while anything else runs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{COOKIE, SET_COOKIE};
use url::Url;

use super::store::Store;
use super::{Cookie, Error, saved};
use crate::IntoUrl;

/// The most `Set-Cookie` headers of one response that are looked at.
const SET_MAX: usize = 50;

/// Cookies that servers have set, and that they are sent again; see [the module](super).
///
/// It is cheap to clone, and clones are the same jar. Its `Debug` output holds no cookie.
///
/// # Examples
///
/// ```
/// use brigade_http::{Client, cookies::CookieJar};
/// # use brigade_testkit::server::{Reply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let server = Server::start(|request| match request.path() {
/// #     "/login" => Reply::redirect(303, "/").header("set-cookie", "session=8f2c; Path=/"),
/// #     _ => Reply::ok(request.header("cookie").unwrap_or("nobody").to_owned()),
/// # });
/// # let server = server.await?;
/// # let (login, home) = (server.url("/login"), server.url("/"));
/// let jar = CookieJar::new();
/// let client = Client::builder().cookies(jar.clone()).build()?;
/// let response = client.post(&login)?.body("user=me").send().await?;
/// assert_eq!(response.text().await?, "session=8f2c", "set by the redirect, sent after it");
///
/// assert_eq!(jar.get(&home, "session").as_deref(), Some("8f2c"));
/// let kept = jar.to_json_all();
/// assert_eq!(CookieJar::from_json(&kept)?.len(), 1, "for the next run of the program");
/// client.close().await;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct CookieJar {
    store: Arc<Mutex<Store>>,
}

impl CookieJar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what the server at `url` would do with the header `Set-Cookie: {cookie}`: sets one, such
    /// as `name=value; Path=/`, or removes one, such as `name=; Max-Age=0`.
    ///
    /// # Errors
    ///
    /// [`Error`] says why the cookie is refused.
    pub fn add(&self, url: impl IntoUrl, cookie: &str) -> Result<(), Error> {
        let url = http_url(url).ok_or(Error::BadUrl)?;
        self.lock().set(&url, cookie.as_bytes(), now())
    }

    /// The value of the cookie of that name with which a request for `url` is sent; of several, the
    /// one that comes first.
    pub fn get(&self, url: impl IntoUrl, name: &str) -> Option<String> {
        let url = http_url(url)?;
        let store = self.lock();
        Some(store.find(&url, name, now())?.value.clone())
    }

    /// Copies of all cookies, in the order in which they came.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.lock().cookies(now()).into_iter().cloned().collect()
    }

    /// How many cookies there are, at most 3000; those that have expired do not count.
    pub fn len(&self) -> usize {
        self.lock().cookies(now()).len()
    }

    /// Whether there is no cookie.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all cookies.
    pub fn clear(&self) {
        *self.lock() = Store::default();
    }

    /// The cookies with a date of expiry, as JSON for [`from_json`](Self::from_json).
    ///
    /// A cookie without one is meant to end with its session, so it is left out. The text holds the
    /// values, which are as good as passwords: keep it where nobody else can read it.
    pub fn to_json(&self) -> String {
        let store = self.lock();
        let cookies = store.cookies(now()).into_iter();
        saved::to_json(cookies.filter(|cookie| cookie.expires.is_some()))
    }

    /// The same with the cookies of the session, whose end is then the program's business.
    pub fn to_json_all(&self) -> String {
        saved::to_json(self.lock().cookies(now()).into_iter())
    }

    /// A jar with the cookies that were saved, but for those that have expired since.
    ///
    /// # Errors
    ///
    /// [`Error::BadJson`] if the text is not what [`to_json`](Self::to_json) gave. It names no value.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let store = saved::from_json(json, now())?;
        Ok(Self {
            store: Arc::new(Mutex::new(store)),
        })
    }

    /// Adds to the headers of a request for `url` the cookies that belong there, unless there is a
    /// header Cookie already.
    pub(crate) fn attach(&self, url: &Url, headers: &mut HeaderMap) {
        let mut store = self.lock();
        if store.is_empty() || headers.contains_key(COOKIE) {
            return;
        }
        if let Some(value) = store.header(url, now()) {
            headers.insert(COOKIE, value);
        }
    }

    /// Keeps what a response of `url` sets.
    pub(crate) fn keep(&self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE).iter().take(SET_MAX) {
            let kept = self.lock().set(url, value.as_bytes(), now());
            if let Err(error) = kept {
                tracing::debug!(server.address = url.host_str(), %error, "refused a cookie");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The URL of a request, or of the handshake of a WebSocket.
fn http_url(url: impl IntoUrl) -> Option<Url> {
    let mut url = url.into_url(None).ok()?;
    let scheme = match url.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return None,
    };
    url.set_scheme(scheme).ok()?;
    Some(url)
}
