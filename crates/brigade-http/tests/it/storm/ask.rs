//! A caller: one request and its fate.
//!
//! It says of every request how it ended, once. It never waits for anything but the request and
//! what its fate says.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use brigade_http::{Client, Error, Response, Result, Timeouts};
use tokio::time::{Instant, sleep, timeout};

use super::book::{Outcome, allows};
use super::plan::{Fate, Weather, content};
use super::stage::Stage;

/// Sends the request of this number to `url` when its time comes.
pub(super) async fn run(stage: Arc<Stage>, number: usize, url: String, late: Duration) {
    let ask = &stage.plan.asks[number];
    sleep(ask.at).await;
    let outcome = match stage.watch.client() {
        None => Outcome::Skipped,
        Some(client) => {
            let mut caller = Caller {
                stage: &stage,
                number,
                began: Instant::now(),
                away: Duration::ZERO,
            };
            let outcome = caller.send(client, &url).await;
            caller.judge(outcome, late)
        }
    };
    stage.book.ended(number, outcome);
}

struct Caller<'a> {
    stage: &'a Stage,
    number: usize,
    began: Instant,
    /// For how long it did something else.
    away: Duration,
}

impl Caller<'_> {
    fn timeouts(&self) -> &Timeouts {
        &self.stage.plan.asks[self.number].timeouts
    }

    /// `None` if the request is given up.
    async fn send(&mut self, client: Client, url: &str) -> Result<Option<Vec<u8>>> {
        let ask = &self.stage.plan.asks[self.number];
        let url = format!("{url}/{}", self.number);
        let request = match ask.upload {
            Some(size) => client.post(url)?.body(content(self.number, size)),
            None => client.get(url)?,
        };
        drop(client);
        let mut sent = Box::pin(request.timeouts(ask.timeouts).send());
        let response = match ask.fate {
            Fate::DropAtPoll(polls) => polled(&mut sent, polls).await,
            Fate::DropAfter(after) => timeout(after, &mut sent).await.ok(),
            Fate::Unpolled(polls, pause) => match polled(&mut sent, polls).await {
                None => {
                    self.pause(pause).await;
                    Some(sent.await)
                }
                sent => sent,
            },
            _ => Some(sent.await),
        };
        match response {
            None => Ok(None),
            Some(response) => self.read(response?).await,
        }
    }

    async fn pause(&mut self, pause: Duration) {
        sleep(pause).await;
        self.away += pause;
    }

    async fn read(&mut self, mut response: Response) -> Result<Option<Vec<u8>>> {
        let status = response.status();
        if status != 200 {
            let number = self.number;
            self.stage
                .watch
                .report(|| format!("request {number} was answered with {status}"));
        }
        match self.stage.plan.asks[self.number].fate {
            Fate::DropAtPoll(_) | Fate::DropAfter(_) | Fate::DropAtHead => return Ok(None),
            Fate::DropInBody => return response.chunk().await.map(|_| None),
            Fate::Keep(pause) => self.pause(pause).await,
            Fate::Read | Fate::Unpolled(..) => {}
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }

    /// Whether the request may end like this, after so long.
    fn judge(&self, outcome: Result<Option<Vec<u8>>>, late: Duration) -> Outcome {
        let (stage, number) = (self.stage, self.number);
        let ask = &stage.plan.asks[number];
        let after = self.began.elapsed();
        let limit = self.timeouts().total.unwrap_or(Duration::MAX);
        if after > limit + self.away + late {
            stage
                .watch
                .report(|| format!("request {number} took {after:?}: {outcome:?}, {ask:?}"));
        }
        match outcome {
            Ok(None) => Outcome::Dropped,
            Ok(Some(body)) => {
                if body != content(number, ask.download) {
                    let body = String::from_utf8_lossy(&body).into_owned();
                    stage
                        .watch
                        .report(|| format!("request {number} got {body:?}: {ask:?}"));
                }
                Outcome::Read
            }
            Err(error) => self.judge_error(&error, after),
        }
    }

    fn judge_error(&self, error: &Error, after: Duration) -> Outcome {
        let (stage, number) = (self.stage, self.number);
        let is_closed = stage.watch.is_closed();
        let is_allowed = allows(self.timeouts(), error, after, is_closed);
        let must_succeed = stage.plan.weather == Weather::Fair && !is_closed;
        if !is_allowed || must_succeed {
            let ask = &stage.plan.asks[number];
            let text = super::super::tell(error);
            stage
                .watch
                .report(|| format!("request {number} failed after {after:?}: {text}; {ask:?}"));
        }
        Outcome::Failed(error.kind())
    }
}

/// Polls a future up to so often; `None` if it is not ready then.
async fn polled<F: Future + Unpin>(future: &mut F, mut polls: usize) -> Option<F::Output> {
    poll_fn(|cx| {
        while polls > 0 {
            polls -= 1;
            if let Poll::Ready(output) = std::pin::Pin::new(&mut *future).poll(cx) {
                return Poll::Ready(Some(output));
            }
            if polls > 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(None)
    })
    .await
}
