//! Which cookies there are, which of them go where, and which have to leave (RFC 6265, 5.3 and 5.4).
//!
//! Pure: the time comes in as seconds since 1970. It never holds more than its limits allow, and
//! never hands out what has expired.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use http::HeaderValue;
use url::Url;

use super::line::{ATTRIBUTE_MAX, Line};
use super::{Cookie, Error, scope};

/// The most cookies of one domain.
pub(super) const DOMAIN_MAX: usize = 50;
/// The most cookies.
pub(super) const TOTAL_MAX: usize = 3000;
/// The most bytes that a request is sent with, which servers by and large take.
pub(super) const HEADER_MAX: usize = 16 << 10;
/// 400 days in seconds, the longest that RFC 6265bis lets a cookie live.
pub(super) const AGE_MAX: u64 = 400 * 86_400;

/// All cookies, by domain.
#[derive(Default)]
pub(super) struct Store {
    domains: BTreeMap<String, Vec<Kept>>,
    count: usize,
    /// Grows with each use, so that it tells what was used before what.
    uses: u64,
}

/// A cookie and its age.
struct Kept {
    cookie: Cookie,
    /// When it came for the first time, by [`Store::uses`].
    made: u64,
    /// When it was set or sent last.
    used: Cell<u64>,
}

impl Kept {
    fn is(&self, other: &Cookie) -> bool {
        let cookie = &self.cookie;
        cookie.name == other.name
            && cookie.path == other.path
            && cookie.host_only == other.host_only
    }

    /// Less for those that leave first.
    fn age(&self) -> (u64, u64) {
        (self.used.get(), self.made)
    }
}

impl Store {
    /// Does what a `Set-Cookie` header in a response of `url` says.
    pub(super) fn set(&mut self, url: &Url, header: &[u8], now: u64) -> Result<(), Error> {
        let line = Line::parse(header)?;
        let cookie = cookie(&line, url, now)?;
        if !scope::is_secure(url) && self.has_secure(&cookie) {
            return Err(Error::Insecure);
        }
        match cookie.is_expired(now) {
            true => drop(self.take(&cookie)),
            false => self.insert(cookie, now),
        }
        Ok(())
    }

    /// Adds a cookie in the place of one with its name, domain and path.
    pub(super) fn insert(&mut self, cookie: Cookie, now: u64) {
        self.uses += 1;
        let former = self.take(&cookie).map(|kept| kept.made);
        let kept = Kept {
            made: former.unwrap_or(self.uses),
            used: Cell::new(self.uses),
            cookie,
        };
        let domain = kept.cookie.domain.clone();
        let neighbours = self.domains.entry(domain).or_default();
        neighbours.push(kept);
        self.count += 1;
        if neighbours.len() > DOMAIN_MAX {
            let size = neighbours.len();
            make_room(neighbours, now);
            self.count -= size - neighbours.len();
        }
        if self.count > TOTAL_MAX {
            self.retain(|kept| !kept.cookie.is_expired(now));
        }
        if self.count > TOTAL_MAX {
            self.evict();
        }
    }

    /// What a request for `url` is sent with: those of longer paths first, then the older ones.
    pub(super) fn header(&mut self, url: &Url, now: u64) -> Option<HeaderValue> {
        self.uses += 1;
        let mut text = String::new();
        for kept in self.matching(url, now) {
            let Cookie { name, value, .. } = &kept.cookie;
            if text.len() + name.len() + value.len() + "; =".len() > HEADER_MAX {
                continue;
            }
            let separator = if text.is_empty() { "" } else { "; " };
            text.extend([separator, name, "=", value]);
            kept.used.set(self.uses);
        }
        if text.is_empty() {
            return None;
        }
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The first cookie of that name that a request for `url` is sent with.
    pub(super) fn find(&self, url: &Url, name: &str, now: u64) -> Option<&Cookie> {
        let cookies = self.matching(url, now).into_iter();
        cookies
            .map(|kept| &kept.cookie)
            .find(|cookie| cookie.name == name)
    }

    /// The cookies in the order in which they came.
    pub(super) fn cookies(&self, now: u64) -> Vec<&Cookie> {
        let all = self.domains.values().flatten();
        let mut kept: Vec<&Kept> = all.filter(|kept| !kept.cookie.is_expired(now)).collect();
        kept.sort_unstable_by_key(|kept| kept.made);
        kept.into_iter().map(|kept| &kept.cookie).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn matching(&self, url: &Url, now: u64) -> Vec<&Kept> {
        let is_secure = scope::is_secure(url);
        let belongs = |cookie: &Cookie| {
            (!cookie.host_only || url.host_str() == Some(&cookie.domain))
                && (!cookie.secure || is_secure)
                && scope::under(url.path(), &cookie.path)
                && !cookie.is_expired(now)
        };
        let near = scope::domains(url).filter_map(|domain| self.domains.get(domain));
        let mut kept: Vec<&Kept> = near.flatten().filter(|it| belongs(&it.cookie)).collect();
        kept.sort_unstable_by_key(|kept| (Reverse(kept.cookie.path.len()), kept.made));
        kept
    }

    /// Whether there is a `Secure` cookie that this one would replace or stand before: of the same
    /// name, of a domain above or beneath, and of a path at or above its own.
    fn has_secure(&self, cookie: &Cookie) -> bool {
        let domain = &*cookie.domain;
        let related = self.domains.iter().filter(|(other, _)| {
            *other == domain || scope::beneath(other, domain) || scope::beneath(domain, other)
        });
        related.flat_map(|(_, kept)| kept).any(|kept| {
            kept.cookie.secure
                && kept.cookie.name == cookie.name
                && scope::under(&cookie.path, &kept.cookie.path)
        })
    }

    fn take(&mut self, cookie: &Cookie) -> Option<Kept> {
        let kept = self.domains.get_mut(&cookie.domain)?;
        let at = kept.iter().position(|kept| kept.is(cookie))?;
        let taken = kept.remove(at);
        self.count -= 1;
        if kept.is_empty() {
            self.domains.remove(&cookie.domain);
        }
        Some(taken)
    }

    /// Drops the tenth that was not used for the longest time: many at once, so that a full jar does
    /// not look through all for each cookie that comes.
    fn evict(&mut self) {
        let all = self.domains.values().flatten();
        let mut ages: Vec<_> = all.map(Kept::age).collect();
        let (_, &mut oldest, _) = ages.select_nth_unstable(TOTAL_MAX / 10);
        self.retain(|kept| kept.age() >= oldest);
    }

    fn retain(&mut self, stays: impl Fn(&Kept) -> bool) {
        self.domains.retain(|_, kept| {
            kept.retain(&stays);
            !kept.is_empty()
        });
        self.count = self.domains.values().map(Vec::len).sum();
    }
}

/// Drops what has expired of one domain, or if nothing has, what was not used for the longest time.
fn make_room(neighbours: &mut Vec<Kept>, now: u64) {
    let size = neighbours.len();
    neighbours.retain(|kept| !kept.cookie.is_expired(now));
    let ages = neighbours.iter().enumerate();
    let oldest = ages.min_by_key(|(_, kept)| kept.age());
    if let Some((oldest, _)) = oldest.filter(|_| neighbours.len() == size) {
        neighbours.remove(oldest);
    }
}

/// The cookie that a response of `url` sets.
fn cookie(line: &Line<'_>, url: &Url, now: u64) -> Result<Cookie, Error> {
    let (domain, host_only) = scope::domain(url, line.domain)?;
    if line.secure && !scope::is_secure(url) {
        return Err(Error::Insecure);
    }
    if !keeps_promise(line) {
        return Err(Error::Prefix);
    }
    let expires = match line.max_age {
        Some(0) => Some(0),
        Some(seconds) => Some(now.saturating_add(seconds)),
        None => line.expires,
    };
    let path = line.path.unwrap_or(scope::default_path(url));
    if domain.len().max(path.len()) > ATTRIBUTE_MAX {
        return Err(Error::TooLong);
    }
    Ok(Cookie {
        name: line.name.to_owned(),
        value: line.value.to_owned(),
        domain,
        host_only,
        path: path.to_owned(),
        secure: line.secure,
        http_only: line.http_only,
        expires: expires.map(|at| at.min(now.saturating_add(AGE_MAX))),
    })
}

/// Whether a cookie is what the prefix of its name says (RFC 6265bis, section 4.1.3).
fn keeps_promise(line: &Line<'_>) -> bool {
    let begins = |prefix: &str| {
        let start = line.name.get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if begins("__Host-") {
        return line.secure && line.domain.is_none() && line.path == Some("/");
    }
    line.secure || !begins("__Secure-")
}
