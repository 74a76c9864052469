//! A resolver with a script, and the cache in front of it under paused time.

mod choices;
#[cfg(feature = "hickory")]
mod hickory;
mod kept;
mod lifetimes;
mod sharing;

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use super::cache::Cache;
use super::{Answer, Resolve, Resolving};

/// Answers as its script says, after a while.
#[derive(Debug)]
struct Scripted {
    takes: Duration,
    /// The answer to the nth question, counted from 0.
    script: fn(usize) -> io::Result<Answer>,
    asked: Mutex<Vec<String>>,
    under_way: AtomicUsize,
}

impl Scripted {
    fn new(takes: Duration, script: fn(usize) -> io::Result<Answer>) -> Arc<Self> {
        Arc::new(Self {
            takes,
            script,
            asked: Mutex::default(),
            under_way: AtomicUsize::new(0),
        })
    }

    /// How often it was asked.
    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let nth = {
                let mut asked = self.asked.lock().unwrap();
                asked.push(name.to_owned());
                asked.len() - 1
            };
            let _under_way = UnderWay::new(&self.under_way);
            tokio::time::sleep(self.takes).await;
            (self.script)(nth)
        })
    }
}

struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// What an answer counts that does not say so.
const TTL: Duration = Duration::from_secs(30);

fn cache(resolver: &Arc<Scripted>) -> Cache {
    Cache::new(resolver.clone(), TTL)
}

/// An address that shows to which question it is the answer.
fn answer(nth: usize) -> io::Result<Answer> {
    Ok(Answer::new([[127, 0, 0, nth as u8].into()]))
}

/// Polls once; whether the future is ready.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}
