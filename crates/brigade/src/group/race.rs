//! The first success of several candidates.
//!
//! One answer is wanted and there are several ways to it: mirrors, replicas, addresses. Candidates
//! run as children; the first success ends the race. The losers are cancelled and waited for, so
//! nothing of them runs on behind the back of the winner.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::builder::{Builder, resume_first_panic};
use super::drive::drive;
use super::error::Error;
use super::error_group::ErrorGroup;
use super::inbox::{Inbox, Ticket};
use super::leaf::{Cause, Leaf};
use super::outcome::{Outcome, Record};
use super::start::start;
use crate::cancel::name::Name;
use crate::cancel::scope::Scope;
use crate::cancel::{Failure, FailureCause, Reason};
use crate::runtime::{Sleep, sleep};
use crate::sync::Arc;

/// Runs all candidates at once and returns the first success, when the losers are gone.
///
/// The losers are cancelled as [`Reason::RaceLost`]. What they return nevertheless is dropped, and
/// so are the failures of those that ended before the winner.
///
/// Candidates run in parallel, so they are `Send + 'static`, and they are of one type: box them if
/// they differ. [`RaceOk`] has options to start them one after the other, for a limit, and for a
/// deadline.
///
/// # Errors
///
/// [`Error::Failed`] with the failures of all candidates in the order of time, if none succeeds;
/// the tasks are called `candidate 0` and so on. Without candidates the only leaf is
/// [`Cause::NoCandidates`].
///
/// # Panics
///
/// A panic of a candidate cancels the others and continues when all have ended, as in
/// [`task_group`](super::task_group()).
///
/// # Cancel safety
///
/// As [`task_group`](super::task_group()): dropping the future cancels the candidates, and the task
/// or group around it waits for them.
///
/// # Examples
///
/// ```
/// use brigade::group::race_ok;
/// use std::time::Duration;
///
/// async fn ask(mirror: u64) -> Result<u64, String> {
///     tokio::time::sleep(Duration::from_millis(10 * mirror)).await;
///     if mirror == 0 { Err("down".into()) } else { Ok(mirror) }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// assert_eq!(race_ok((0..5).map(ask)).await.unwrap(), 1);
/// # });
/// ```
pub async fn race_ok<I, F, T, E>(candidates: I) -> Result<T, Error<E>>
where
    I: IntoIterator<Item = F>,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    RaceOk::new(candidates).run().await
}

/// Options for [`race_ok`].
///
/// # Examples
///
/// The next address is tried when the one before has failed, or has not answered for 250 ms:
///
/// ```
/// use brigade::group::RaceOk;
/// use std::time::Duration;
/// use tokio::net::{TcpListener, TcpStream};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
/// let refused = "127.0.0.1:1".parse().unwrap();
/// let addresses = [refused, listener.local_addr().unwrap()];
/// let stream = RaceOk::new(addresses.map(TcpStream::connect))
///     .stagger(Duration::from_millis(250))
///     .run()
///     .await
///     .unwrap();
/// assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing starts until `run` is called"]
pub struct RaceOk<I> {
    candidates: I,
    options: Builder,
    stagger: Option<Duration>,
    limit: usize,
    deadline: Option<Duration>,
    catch_panics: bool,
}

impl<I> RaceOk<I> {
    /// A race in which all candidates start at once.
    ///
    /// They are taken from `candidates` as they start; an endless iterator needs a
    /// [limit](Self::limit).
    pub fn new(candidates: I) -> Self {
        Self {
            candidates,
            options: Builder::new().name("race"),
            stagger: None,
            limit: usize::MAX,
            deadline: None,
            catch_panics: false,
        }
    }

    /// Starts the next candidate when this time has passed since the one before started, or at
    /// once when one has failed.
    pub fn stagger(mut self, delay: Duration) -> Self {
        self.stagger = Some(delay);
        self
    }

    /// Runs at most this many candidates at once.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(
            limit > 0,
            "a race of at most 0 candidates at once never ends"
        );
        self.limit = limit;
        self
    }

    /// Cancels the candidates after this time; the race fails with a deadline then, beside the
    /// failures that came before.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long losers may stay in their shields and finalisers; see [`Builder::grace`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options = self.options.grace(grace);
        self
    }

    /// Makes the panic of a candidate a failure like any other: the race goes on without it.
    pub fn catch_panics(mut self) -> Self {
        self.catch_panics = true;
        self
    }

    /// Runs the race; see [`race_ok`].
    ///
    /// # Errors
    ///
    /// As [`race_ok`].
    ///
    /// # Panics
    ///
    /// As [`race_ok`], unless panics are caught, and if the iterator panics.
    ///
    /// # Cancel safety
    ///
    /// As [`race_ok`].
    pub async fn run<F, T, E>(self) -> Result<T, Error<E>>
    where
        I: IntoIterator<Item = F>,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Display + Send + 'static,
    {
        let scope = self.options.open(usize::MAX, true);
        let mut race = Race {
            scope: scope.clone(),
            candidates: self.candidates.into_iter(),
            pace: Pace::new(self.stagger),
            limit: self.limit as u64,
            catch_panics: self.catch_panics,
            deadline: self.deadline.map(|after| (after, Box::pin(sleep(after)))),
            over: false,
            started: 0,
            ended: 0,
            winner: None,
            failures: Vec::new(),
            inbox: Arc::new(Inbox::new()),
        };
        let body = async {
            poll_fn(|cx| race.poll(cx)).await;
            Ok::<_, Infallible>(())
        };
        let driven = drive(scope.clone(), body, None).await;
        // There is more only if the body was dropped, in a race that was itself cancelled.
        while let Some(record) = race.inbox.take() {
            race.note(record);
        }
        let mut failures = driven.failures;
        // The body is not a candidate: it runs the iterator.
        let body_panicked = !failures.is_empty();
        failures.append(&mut race.failures);
        if body_panicked || !self.catch_panics {
            resume_first_panic(&scope, &mut failures);
        }
        race.conclude(failures, driven.reason)
    }
}

/// When the next candidate may start.
struct Pace {
    delay: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn new(delay: Option<Duration>) -> Self {
        Self { delay, timer: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
        }
        Poll::Ready(())
    }

    fn started(&mut self) {
        self.timer = self.delay.map(|delay| Box::pin(sleep(delay)));
    }

    fn failed(&mut self) {
        self.timer = None;
    }
}

struct Race<I, T, E> {
    scope: Arc<Scope>,
    candidates: I,
    pace: Pace,
    limit: u64,
    catch_panics: bool,
    deadline: Option<(Duration, Pin<Box<Sleep>>)>,
    /// No further candidate starts.
    over: bool,
    started: u64,
    ended: u64,
    winner: Option<T>,
    /// In the order of time.
    failures: Vec<Failure>,
    inbox: Arc<Inbox<T, E>>,
}

impl<I, F, T, E> Race<I, T, E>
where
    I: Iterator<Item = F>,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// Ready when all candidates are gone.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.poll_deadline(cx);
            while !self.over && self.running() < self.limit && self.pace.poll(cx).is_ready() {
                self.start();
            }
            if self.over && self.running() == 0 {
                return Poll::Ready(());
            }
            let record = ready!(self.inbox.poll_take(cx));
            self.note(record);
        }
    }

    fn running(&self) -> u64 {
        self.started - self.ended
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        if let Some((after, timer)) = &mut self.deadline
            && timer.as_mut().poll(cx).is_ready()
        {
            if self.winner.is_none() {
                self.failures.push(Failure::late(&self.scope, *after));
            }
            self.deadline = None;
            self.end(Reason::Deadline);
        }
    }

    fn start(&mut self) {
        let Some(candidate) = self.candidates.next() else {
            self.over = true;
            return;
        };
        let ticket = Ticket::new(self.started, self.inbox.clone());
        let name = Name::from(std::borrow::Cow::Owned(name(self.started)));
        self.started += 1;
        self.pace.started();
        // A refusal drops the ticket, which records the candidate as cancelled.
        match self.scope.seat(name, self.scope.last_polled(), None) {
            Ok(task) => drop(start(&self.scope, task, candidate, ticket)),
            Err(_) => self.over = true,
        }
    }

    /// Starts no further candidate, and cancels those that run.
    fn end(&mut self, reason: Reason) {
        self.over = true;
        self.scope.cancel_tasks(reason);
    }

    fn note(&mut self, record: Record<T, E>) {
        self.ended += 1;
        let cause = match record.outcome {
            Outcome::Ok(value) => {
                if self.winner.is_none() {
                    self.winner = Some(value);
                    self.end(Reason::RaceLost);
                }
                return;
            }
            Outcome::Failed(error) => FailureCause::Error(Box::new(error)),
            Outcome::Panicked(panic) => {
                if !self.catch_panics {
                    self.end(Reason::Sibling);
                }
                FailureCause::Panic(panic)
            }
            Outcome::Cancelled(_) => return,
        };
        self.pace.failed();
        let task = name(record.index).into();
        self.failures.push(Failure { task, cause });
    }

    fn conclude(self, failures: Vec<Failure>, reason: Option<Reason>) -> Result<T, Error<E>> {
        if let Some(value) = self.winner {
            return Ok(value);
        }
        if let Some(failed) = ErrorGroup::new(failures, reason) {
            return Err(failed.into());
        }
        if self.started > 0 || reason.is_some() {
            return Err(Error::Cancelled(reason.unwrap_or(Reason::Parent)));
        }
        let none = Leaf {
            task: "race".into(),
            cause: Cause::NoCandidates,
        };
        ErrorGroup::of([none], None).map_or(Err(Error::Cancelled(Reason::Parent)), |group| {
            Err(group.into())
        })
    }
}

fn name(index: u64) -> String {
    format!("candidate {index}")
}
