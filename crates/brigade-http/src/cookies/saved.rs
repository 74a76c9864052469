//! A jar as JSON: what is written, and what is believed when it is read.
//!
//! Reading checks what setting would have checked, since a file can be edited. No error ever repeats
//! a part of the text, which holds secrets.

use serde::{Deserialize, Serialize};
use url::Host;

use super::line::PAIR_MAX;
use super::store::{AGE_MAX, Store};
use super::{Cookie, Error, scope};

/// Which form the text has.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    cookies: Vec<One>,
}

/// A cookie in the text. Its own type, so that no [`Cookie`] is written by mistake.
#[derive(Serialize, Deserialize)]
struct One {
    name: String,
    value: String,
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    http_only: bool,
    /// In seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

pub(super) fn to_json<'a>(cookies: impl Iterator<Item = &'a Cookie>) -> String {
    let cookies = cookies.cloned().map(|cookie| One {
        name: cookie.name,
        value: cookie.value,
        domain: cookie.domain,
        host_only: cookie.host_only,
        path: cookie.path,
        secure: cookie.secure,
        http_only: cookie.http_only,
        expires: cookie.expires,
    });
    let saved = Saved {
        version: VERSION,
        cookies: cookies.collect(),
    };
    serde_json::to_string(&saved).expect("texts and numbers can be written")
}

pub(super) fn from_json(json: &str, now: u64) -> Result<Store, Error> {
    let bad = |why: String| Err(Error::BadJson(why));
    let saved: Saved = match serde_json::from_str(json) {
        Ok(saved) => saved,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return bad(format!(
                "line {line}, column {column} is not of a saved jar"
            ));
        }
    };
    if saved.version != VERSION {
        let version = saved.version;
        return bad(format!(
            "they are saved in version {version}, not {VERSION}"
        ));
    }
    let mut store = Store::default();
    for (index, one) in saved.cookies.into_iter().enumerate() {
        if let Some(what) = wrong(&one) {
            return bad(format!("the {what} of cookie {} cannot be", index + 1));
        }
        let cookie = one.cookie(now);
        if !cookie.is_expired(now) {
            store.insert(cookie, now);
        }
    }
    Ok(store)
}

impl One {
    fn cookie(self, now: u64) -> Cookie {
        let latest = now.saturating_add(AGE_MAX);
        Cookie {
            name: self.name,
            value: self.value,
            domain: self.domain,
            host_only: self.host_only,
            path: self.path,
            secure: self.secure,
            http_only: self.http_only,
            expires: self.expires.map(|at| at.min(latest)),
        }
    }
}

/// What no server could have set.
fn wrong(one: &One) -> Option<&'static str> {
    let is_odd = |text: &str, also: &[char]| {
        let odd = |it: char| (it.is_ascii_control() && it != '\t') || also.contains(&it);
        text.contains(odd) || text != text.trim_matches([' ', '\t'])
    };
    let is_host = |domain: &str| Host::parse(domain).is_ok_and(|host| host.to_string() == domain);
    let is_long = one.name.len() + one.value.len() > PAIR_MAX;
    if one.name.is_empty() || is_odd(&one.name, &['=', ';']) {
        Some("name")
    } else if is_odd(&one.value, &[';']) || is_long {
        Some("value")
    } else if !is_host(&one.domain) || !(one.host_only || scope::may_be_shared(&one.domain)) {
        Some("domain")
    } else if !one.path.starts_with('/') || is_odd(&one.path, &[';']) {
        Some("path")
    } else {
        None
    }
}
