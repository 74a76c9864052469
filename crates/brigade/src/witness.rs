//! A witness for tests: it says what happened, in order.

use std::future::Future;
use std::time::Duration;

use tokio::time::sleep;

use crate::sync::{Arc, Mutex};

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    pub(crate) fn add(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    /// Something that logs when it is dropped.
    pub(crate) fn on_drop(&self, what: &'static str) -> impl Drop + Send + use<> {
        struct OnDrop(Log, &'static str);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.add(self.1);
            }
        }
        OnDrop(self.clone(), what)
    }

    /// A finaliser that awaits and then logs.
    pub(crate) fn later(
        &self,
        what: &'static str,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let log = self.clone();
        async move {
            sleep(millis(10)).await;
            log.add(what);
        }
    }

    pub(crate) fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}
