//! One exchange for one line: the request, the answer, and what follows from it.
//!
//! Everything that a request holds (its place in the schedule, its bytes of the budget) is given
//! back however it ends; a dropped attempt leaves its line pending.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::SystemTime;

use brigade::clock;
use brigade_core::time::Moment;
use brigade_core::verdict::{Answer, FailureKind, Verdict, judge};
use brigade_http::redirect::{self, Follow, Hop};
use brigade_http::retry::parse_retry_after;
use brigade_http::{Kind, RequestBuilder, Response};
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};

use super::archive::HOP_BODY_MAX;
use super::drain::drain;
use super::floor::Turn;
use super::gate::Gate;
use super::run::Shared;
use super::settle::{give_up, pause, settle};
use crate::budget::{Budget, Holder};
use crate::error::Error;
use crate::format::place;
use crate::input::{Item, shown};
use crate::progress::{add, sub};
use crate::record::{Capture, Head, Success, head, pack};
use crate::schedule::Asked;
use crate::sink::Outcome;

/// Room for the head of a record, and at most so much for a body that is only announced.
const HEAD: usize = 512;
const ANNOUNCED_MAX: usize = 1 << 20;
/// Longest message of a failure, in bytes.
const MESSAGE_MAX: usize = 400;

/// What hyper puts between an error of ours and its cause.
const SAYS_NOTHING: [&str; 2] = ["connection error", "error reading a body from connection"];

/// How an exchange ended.
pub(super) enum Fetched {
    Success(Success),
    Status(Refusal),
    /// Redirected, and the exchange if it is archived.
    Moved(Follow, Option<Capture>),
    Error(FailureKind, String),
}

/// What the head of an answer says.
enum Judged {
    /// It is a result, if its body arrives.
    Good,
    /// The line is to be asked for elsewhere.
    Moved(Follow),
    /// A final status that is no success, and what follows from it.
    Refused(Verdict),
}

/// A final status that is no success.
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    pub(super) verdict: Verdict,
    /// Until when its host is left alone, if it asked for that.
    pub(super) until: Moment,
    /// What it asked for, if that is longer than the longest pause.
    pub(super) too_long: Option<Asked>,
}

/// Bytes of the budget that a body holds.
struct Held<'a> {
    budget: &'a Budget,
    holder: Holder,
    bytes: usize,
}

impl Held<'_> {
    /// The bytes now belong to somebody else.
    fn hand_over(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
        self.budget.end(self.holder);
    }
}

/// Fetches lines until the job is finished.
pub(super) async fn work(shared: &Arc<Shared>, worker: usize) -> Result<(), Error> {
    let gate = Gate::new(shared);
    let counters = &shared.counters;
    while let Some(turn) = shared.floor.next(worker).await {
        let (host, mut item) = match turn {
            Turn::Ask(host, item) => (host, item),
            Turn::GiveUp(item, given_up) => {
                hand_over(shared, give_up(shared, item, &given_up)).await?;
                continue;
            }
        };
        add(&counters.in_flight, 1);
        gate.begin(host);
        let is_attempt = item.depart();
        let begun = clock::now();
        let fetching = Fetching {
            shared,
            worker,
            item: &item,
            gate: &gate,
            begun,
        };
        let fetched = fetching.fetch().await;
        sub(&counters.in_flight, 1);
        let Some(fetched) = fetched else {
            item.stay(is_attempt);
            let now = clock::now();
            shared.floor.lock().schedule.put_back(host, item, now);
            continue;
        };
        // What found no connection was meant to be sent.
        add(&counters.requests, u64::from(gate.left_at().is_none()));
        let is_again = is_attempt && item.attempts > 1;
        add(&counters.retries, u64::from(is_again));
        if let Some(outcome) = settle(shared, host, item, begun, fetched) {
            hand_over(shared, outcome).await?;
        }
    }
    Ok(())
}

/// Hands over how a line ended.
async fn hand_over(shared: &Shared, outcome: Outcome) -> Result<(), Error> {
    add(&shared.counters.finished, 1);
    shared.handover.put(outcome).await?;
    let turns = shared.turns.as_ref();
    if shared.budget.is_short() || turns.is_some_and(|(turns, _)| turns.is_short()) {
        shared.handover.send(false).await?;
    }
    Ok(())
}

/// An exchange that is under way.
struct Fetching<'a> {
    shared: &'a Shared,
    worker: Holder,
    item: &'a Item,
    gate: &'a Arc<Gate>,
    begun: Moment,
}

impl Fetching<'_> {
    /// None if nothing was sent because meanwhile the host has asked for patience.
    async fn fetch(&self) -> Option<Fetched> {
        let at = SystemTime::now();
        let error = match self.exchange(at).await {
            Ok(fetched) => return Some(fetched),
            Err(error) if error.kind() == Kind::Withheld => return None,
            Err(error) => error,
        };
        let kind = error.kind().name().parse();
        // What is not an item's fault in the client's eyes has no name among the failures.
        let kind = kind.unwrap_or(FailureKind::Protocol);
        Some(Fetched::Error(kind, message(error)))
    }

    async fn exchange(&self, at: SystemTime) -> Result<Fetched, brigade_http::Error> {
        let (shared, item) = (self.shared, self.item);
        let gate = self.gate.clone();
        let request = request(shared, item)?.only_if(move || gate.lets_through());
        let mut response = request.send().await?;
        match judged(shared, item, &response)? {
            Judged::Good => receive(shared, self.worker, item, response, (self.begun, at)).await,
            Judged::Moved(follow) => {
                let kept = shared.archive.as_ref().map_or(0, |_| HOP_BODY_MAX);
                let (body, cut) = drain(&mut response, kept).await;
                let capture = capture(shared, item, &response, at);
                let capture = capture.map(|capture| Capture {
                    body,
                    cut,
                    ..capture
                });
                Ok(Fetched::Moved(follow, capture))
            }
            Judged::Refused(verdict) => {
                let refusal = self.refusal(&response, verdict, at);
                drain(&mut response, 0).await;
                Ok(Fetched::Status(refusal))
            }
        }
    }

    /// Reads what has to be known of an answer that is no success. A host that asks for patience is
    /// left alone from here on, whatever its body has in store.
    fn refusal(&self, response: &Response, verdict: Verdict, at: SystemTime) -> Refusal {
        let (status, now) = (response.status(), clock::now());
        let mut refusal = Refusal {
            status: status.as_u16(),
            message: answered(status),
            verdict,
            until: now,
            too_long: None,
        };
        if let Verdict::PauseHost(_) = verdict {
            let sent = self.gate.left_at().unwrap_or(self.begun);
            let wait = parse_retry_after(response.headers(), at);
            let status = refusal.status;
            let too_long = wait.filter(|wait| *wait > self.shared.max_pause);
            refusal.too_long = too_long.map(|wait| Asked { status, wait });
            refusal.until = pause(self.shared, self.item, (sent, now), wait, refusal.too_long);
        }
        refusal
    }
}

/// What the server said, with the name of the status if it has one.
fn answered(status: StatusCode) -> String {
    let name = status.canonical_reason();
    let name = name.map_or_else(String::new, |name| format!(" {name}"));
    format!("the server answered {}{name}", status.as_str())
}

fn request(shared: &Shared, item: &Item) -> Result<RequestBuilder, brigade_http::Error> {
    let request = shared.client.get(item.target())?;
    let left_origin = item.journey.as_ref().is_some_and(|way| way.left_origin);
    let request = match left_origin {
        true => request.without_credentials(),
        false => request,
    };
    Ok(match shared.archive {
        Some(_) => request.recorded(),
        None => request,
    })
}

/// The exchange that was asked for at `at`, if it is archived.
fn capture(shared: &Shared, item: &Item, response: &Response, at: SystemTime) -> Option<Capture> {
    let archive = shared.archive.as_ref()?;
    archive.capture(item.target(), response, at)
}

/// All exchanges of a line whose last one is over, packed, if they are archived.
fn packed(shared: &Shared, item: &Item, response: &Response, at: SystemTime) -> Option<Vec<u8>> {
    let last = capture(shared, item, response, at)?;
    let hops = item.journey.as_ref().map_or(&[][..], |way| &way.captures);
    Some(pack(item.columns.as_deref(), hops, &last))
}

/// Decides what the answer to an exchange means for its line.
fn judged(
    shared: &Shared,
    item: &Item,
    response: &Response,
) -> Result<Judged, brigade_http::Error> {
    let hop = Hop {
        status: response.status(),
        headers: response.headers(),
        method: &Method::GET,
        url: item.target(),
        hops: item.hops(),
        limit: shared.redirects,
    };
    if let Some(follow) = redirect::decide(&hop)? {
        return Ok(Judged::Moved(follow));
    }
    let answer = Answer::Status(response.status().as_u16());
    match judge(answer, item.attempts, &shared.retries) {
        Verdict::Done => Ok(Judged::Good),
        verdict => Ok(Judged::Refused(verdict)),
    }
}

async fn receive(
    shared: &Shared,
    worker: Holder,
    item: &Item,
    mut response: Response,
    (sent, fetched_at): (Moment, SystemTime),
) -> Result<Fetched, brigade_http::Error> {
    let mut held = Held {
        budget: &shared.budget,
        holder: worker,
        bytes: 0,
    };
    let announced = announced(&response);
    let mut data = Vec::with_capacity(HEAD + announced.min(ANNOUNCED_MAX));
    let final_url = (!same_place(&item.url, response.url())).then(|| shown(response.url()));
    let begin = Head {
        index: item.index,
        url: &item.shown(),
        columns: item.columns.as_deref(),
        final_url: final_url.as_deref(),
        status: response.status().as_u16(),
        headers: response.headers(),
        fetched_at,
        attempts: item.attempts,
    };
    if shared.archive.is_none() {
        head(&begin, &mut data);
    }
    let mut body_at = data.len();
    while let Some(chunk) = response.chunk().await? {
        if !shared.budget.try_take(chunk.len()) {
            wait_for_room(shared, worker, chunk.len()).await;
        }
        held.bytes += chunk.len();
        data.extend_from_slice(&chunk);
    }
    add(&shared.counters.bytes, (data.len() - body_at) as u64);
    // Only now the request is known to be recorded in whole.
    if let Some(packed) = packed(shared, item, &response, fetched_at) {
        body_at = packed.len();
        data.splice(..0, packed);
    }
    Ok(Fetched::Success(Success {
        index: item.index,
        status: response.status().as_u16(),
        data,
        body_at,
        place: shared.files.then(|| place(&item.url, item.index).into()),
        elapsed_us: clock::now().since(sent).as_micros() as u64,
        budget: held.hand_over(),
    }))
}

/// Takes bytes of the budget that it does not have at the moment.
async fn wait_for_room(shared: &Shared, worker: Holder, bytes: usize) {
    let mut room = pin!(shared.budget.take(worker, bytes));
    // In line first: whoever hands over a body after that knows that it is waited for. Those that
    // were handed over before hold bytes as well. If the writer is gone, so is the job, and the
    // task that watches it says so.
    let first = poll_fn(|context| Poll::Ready(room.as_mut().poll(context)));
    if first.await.is_pending() {
        let _ = shared.handover.send(false).await;
        room.await;
    }
}

/// The length of a body as its head announces it, or 0.
pub(super) fn announced(response: &Response) -> usize {
    let length = response.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.unwrap_or(0)
}

/// Whether a response came from the URL that was asked for; the client takes out credentials.
fn same_place(asked: &url::Url, answered: &url::Url) -> bool {
    asked == answered || {
        let mut asked = asked.clone();
        let _ = asked.set_username("");
        let _ = asked.set_password(None);
        asked.set_fragment(None);
        let mut answered = answered.clone();
        answered.set_fragment(None);
        asked == answered
    }
}

/// The error and what caused it, in one line and without the URL.
fn message(error: brigade_http::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    // The record says itself that it is about a fetch, and of which URL.
    if let Some(rest) = text.strip_prefix("fetch: ") {
        text = rest.to_owned();
    }
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !SAYS_NOTHING.contains(&said.as_str()) && !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text.truncate(text.floor_char_boundary(MESSAGE_MAX));
    text
}
