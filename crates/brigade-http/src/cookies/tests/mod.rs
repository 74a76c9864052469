//! H13, the rules alone: what is read, where it goes, what has to leave.

use url::Url;

use super::store::Store;
use super::{Error, date};

mod any;
mod expiry;
mod limits;
mod places;
mod saved;

/// 2026-11-28, in seconds since 1970.
const NOW: u64 = 1_795_824_000;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// What a store has to do.
trait Steps {
    fn put(&mut self, at: &str, cookie: &str) -> Result<(), Error>;
    fn sent(&mut self, to: &str) -> String;
}

impl Steps for Store {
    fn put(&mut self, at: &str, cookie: &str) -> Result<(), Error> {
        self.set(&url(at), cookie.as_bytes(), NOW)
    }

    fn sent(&mut self, to: &str) -> String {
        let header = self.header(&url(to), NOW);
        header.map_or(String::new(), |value| {
            String::from_utf8(value.as_bytes().to_vec()).unwrap()
        })
    }
}

/// What `to` is sent after `at` has set `cookie`.
fn once(at: &str, cookie: &str, to: &str) -> String {
    let mut store = Store::default();
    // Refused or not: what is sent tells.
    let _ = store.put(at, cookie);
    store.sent(to)
}
