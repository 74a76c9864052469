//! Cookies: what servers ask to be told again, kept and sent back as browsers do it.
//!
//! A client keeps no cookies unless it is given a [`CookieJar`] by
//! [`ClientBuilder::cookies`](crate::ClientBuilder::cookies). Then each hop of a redirect and each
//! attempt of a retry is sent with the cookies that belong to its own URL, and what its response
//! sets is there for the next. Clones of a jar are the same jar, so clients can share one, and a
//! program can look into it, add to it, and save it.
//!
//! The rules are those of RFC 6265 with what its successor (RFC 6265bis) took over from browsers:
//!
//! * A cookie without `Domain` goes to its host alone, one with `Domain` to the hosts beneath as well.
//!   A `Domain` that is not the host or above it is refused, and so is a public suffix (`com`, `co.uk`,
//!   `github.io`), as of the list of Mozilla that was current when this was released.
//! * A `Secure` cookie comes from and goes to https or to this machine itself (`localhost`,
//!   127.0.0.0/8, `::1`), and nothing that comes over plain http replaces it. The prefixes `__Secure-`
//!   and `__Host-` hold what they say.
//! * `Max-Age` counts before `Expires`, and no cookie lives longer than 400 days.
//! * `SameSite` and `Partitioned` say nothing here: they are about pages within pages.
//!
//! A server may be hostile, so everything has a limit: 4096 bytes for name and value, 1024 for what
//! an attribute says, 8192 for a header that sets a cookie, 50 such headers in one response, 50 cookies
//! of one domain, 3000 in all, and 16 KiB for what one request is sent with. Of too many those leave
//! first that have expired, then those that were not used for the longest time. Cookies with control
//! characters or not in UTF-8 are refused.
//!
//! A request that sets the header Cookie itself, or whose client does, is sent with that header as it
//! is, as everywhere in this crate: the jar adds nothing to it, and still keeps what the response sets.
//!
//! * `cookie_jar`: what is shared, and the only place where a clock is read.
//! * `store`: which cookies there are, which go where, and which have to leave.
//! * `line` and `date`: what a `Set-Cookie` header says.
//! * `scope`: to which hosts and paths a cookie belongs.
//! * `saved`: the jar as JSON.

mod cookie;
mod cookie_jar;
mod date;
mod error;
mod line;
mod saved;
mod scope;
mod store;
#[cfg(test)]
mod tests;

pub use cookie::Cookie;
pub use cookie_jar::CookieJar;
pub use error::Error;
