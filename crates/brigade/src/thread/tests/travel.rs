//! What a closure finds of its caller.

use std::cell::Cell;
use std::sync::OnceLock;
use std::thread::current;

use tokio::runtime::Handle;
use tracing::{Event, Instrument, Metadata, Subscriber};
use tracing_core::span;

use super::*;
use crate::cancel::{self, Reason};
use crate::group::task_group;

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// A subscriber that knows one span, and logs on which thread it is entered and left.
struct Recorder {
    log: Log<(&'static str, Option<String>)>,
    span: OnceLock<&'static Metadata<'static>>,
}

impl Recorder {
    fn note(&self, entered: bool) {
        ENTERED.set(entered);
        let what = if entered { "enter" } else { "exit" };
        self.log.push((what, current().name().map(String::from)));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        self.span.set(span.metadata()).unwrap();
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {
        self.note(true);
    }

    fn exit(&self, _: &span::Id) {
        self.note(false);
    }

    fn current_span(&self) -> span::Current {
        match self.span.get() {
            Some(metadata) if ENTERED.get() => span::Current::new(span::Id::from_u64(1), metadata),
            _ => span::Current::none(),
        }
    }
}

#[tokio::test]
async fn t1e_the_span_travels_along_and_stays_no_longer() {
    let log = Log::new();
    let recorder = Recorder {
        log: log.clone(),
        span: OnceLock::new(),
    };
    let _default = tracing::subscriber::set_default(recorder);
    let pool = Pool::new("spans", 1);
    let inside = pool.call(|| ENTERED.get());
    assert!(inside.instrument(tracing::info_span!("caller")).await);
    let there: Vec<_> = log
        .entries()
        .into_iter()
        .filter(|(_, thread)| thread.as_deref() == Some("spans-0"))
        .map(|(what, _)| what)
        .collect();
    assert_eq!(there, ["enter", "exit"]);
    assert!(!pool.call(|| ENTERED.get()).await);
}

#[tokio::test]
async fn t1e_the_cancellation_travels_along_and_stays_no_longer() {
    let pool = Pool::new("context", 1);
    let there = pool.clone();
    let result = task_group(async |g| {
        let child = g.spawn(async move {
            let token = cancel::current();
            let inside = there.call(cancel::current).await;
            token.cancel();
            Ok::<_, String>(inside.reason())
        });
        Ok(child.await)
    });
    assert_eq!(
        result.await.unwrap(),
        Some(Reason::User),
        "it was the same token"
    );
    let token = pool.call(cancel::current).await;
    assert!(!token.is_cancelled());
}

#[tokio::test]
async fn t1e_the_runtime_is_at_hand() {
    let pool = Pool::new("runtime", 1);
    let id = pool.call(|| Handle::current().id()).await;
    assert_eq!(id, Handle::current().id());
}

#[test]
fn t1e_without_a_runtime_there_is_none_in_the_closure() {
    let pool = Pool::new("runtime", 1);
    let mut call = pool.call(|| Handle::try_current().is_err());
    assert!(poll_once(&mut call).is_none());
    until_without_a_turn("it ran", || pool.stats().finished == 1);
    assert_eq!(poll_once(&mut call), Some(true));
}
