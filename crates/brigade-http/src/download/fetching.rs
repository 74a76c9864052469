//! The attempts of a download, one after the other, until the file is complete.
//!
//! Reading goes on while what was read is written. It never writes what the decision in
//! [`range`](super::range) did not allow, and never makes a file of anything that is not complete.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brigade::clock;
use brigade_core::backoff::Backoff;
use http::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};
use url::Url;

use super::done::{Downloaded, Progress};
use super::part::Part;
use super::range::{Answer, Asked};
use super::record::{Record, boot, hash};
use crate::deadline::Deadline;
use crate::disk::{FileError, on_disk};
use crate::draft::Draft;
use crate::send::send;
use crate::{Client, Error, Kind, Phase, Response, Result, decode};

/// As much as is written at once.
const BATCH: usize = 512 << 10;

/// How often, and how long apart, a part is tried that somebody else has: a download that was just
/// given up may still be writing.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// What a download may do.
pub(super) struct Rules {
    pub(super) resumes: u32,
    pub(super) backoff: Backoff,
    pub(super) progress: Option<Box<dyn FnMut(Progress) + Send>>,
}

/// A download on its way.
pub(super) struct Fetching {
    client: Client,
    draft: Box<Draft>,
    rules: Rules,
    total: Deadline,
    part: Arc<Part>,
    /// How many bytes of the part are good.
    have: u64,
    /// What they are, if that is known well enough to add to them.
    record: Option<Record>,
    /// Whether a response has come.
    has_begun: bool,
    resumes: u32,
    kept: u64,
    last: Option<(Url, HeaderMap)>,
}

/// How an attempt ended.
enum End {
    Complete,
    /// What was there was of no use, and is gone. That happens once for each attempt that left
    /// something, so it cannot go on for ever.
    StartOver,
    /// It can go on where it is now. The error is for when it may not.
    Again(Error),
}

/// Bytes to be written, and how the body went on after them.
struct Batch {
    bytes: Vec<u8>,
    end: Option<Result<()>>,
}

impl Fetching {
    pub(super) async fn run(
        client: Client,
        draft: Box<Draft>,
        path: PathBuf,
        rules: Rules,
    ) -> Result<Downloaded> {
        let total = Deadline::total(clock::now(), draft.settings.timeouts.total);
        let part = Arc::new(total.bound(open(path)).await??);
        let mut fetching = Self {
            client,
            draft,
            rules,
            total,
            part,
            have: 0,
            record: None,
            has_begun: false,
            resumes: 0,
            kept: 0,
            last: None,
        };
        if let Err(error) = fetching.complete().await {
            // Why nothing came says more than why nothing could be removed.
            let _ = fetching.on_part(Part::tidy).await;
            return Err(error);
        }
        fetching.finish().await
    }

    /// Attempts it until all of it is there.
    async fn complete(&mut self) -> Result<()> {
        self.look().await?;
        loop {
            match self.attempt().await? {
                End::Complete => return Ok(()),
                End::StartOver => {}
                End::Again(error) => self.pause(error).await?,
            }
        }
    }

    /// Does something with the part. It does not hold on to the download, which need not be
    /// shareable.
    fn on_part<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&Part) -> Result<T, FileError> + Send + 'static,
    {
        let part = self.part.clone();
        async move { on_disk(move || work(&part)).await.map_err(Error::of_file) }
    }

    /// Takes up what an earlier download has left.
    async fn look(&mut self) -> Result<()> {
        let (url, boot) = (hash(&self.draft.hop.url), boot());
        if let Some((length, record)) = self.on_part(Part::kept).await?
            && (&record.url, &record.boot) == (&url, &boot)
            && record.total.is_none_or(|total| length <= total)
        {
            self.have = length;
            self.kept = length;
            self.record = Some(record);
        }
        Ok(())
    }

    /// Sends the request once, and writes what comes.
    async fn attempt(&mut self) -> Result<End> {
        // The last byte that is there comes once more: a whole file is no special case so, and a
        // server that mixes things up is found out.
        let offset = match &self.record {
            Some(_) => self.have.saturating_sub(1),
            None => 0,
        };
        let last = match offset {
            0 => None,
            _ => Some(self.on_part(move |part| part.last(offset + 1)).await?),
        };
        let record = self.record.as_ref();
        let asked = Asked {
            offset,
            validator: record.map(|record| record.validator.clone()),
            total: record.and_then(|record| record.total),
        };
        let request = self.request(&asked)?;
        let response = match send(&self.client.inner, request).await {
            Ok(response) => response,
            Err(error) => return self.again(error),
        };
        self.has_begun = true;
        self.last = Some((response.url().clone(), response.headers().clone()));
        match asked.decide(response.status(), response.headers()) {
            Answer::Rest { end, total } => {
                self.limit(Some(total))?;
                self.copy(response, (offset, Some(end)), Some(total), last)
                    .await
            }
            Answer::Whole { total, validator } => {
                self.limit(total)?;
                let (url, boot) = (hash(&self.draft.hop.url), boot());
                let record = validator.map(|validator| Record {
                    url,
                    boot,
                    validator,
                    total,
                });
                self.restart(record).await?;
                self.copy(response, (0, total), total, None).await
            }
            Answer::Useless(reason) => self.useless(reason).await,
            Answer::Refused(status) => Err(Error::new(Kind::Status(status))),
            Answer::Wrong(reason) => Err(Error::new(Kind::Protocol).because(reason)),
        }
    }

    fn request(&self, asked: &Asked) -> Result<Box<Draft>> {
        let draft = self.draft.again();
        let mut draft = draft.ok_or_else(|| Error::new(Kind::BadRequest))?;
        let headers = &mut draft.hop.headers;
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(validator) = asked.validator.as_ref().filter(|_| asked.offset > 0)
            && let Ok(validator) = HeaderValue::from_str(validator.as_str())
            && let Ok(range) = HeaderValue::try_from(format!("bytes={}-", asked.offset))
        {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, validator);
        }
        draft.settings.compression = false;
        if let Some(total) = &mut draft.settings.timeouts.total {
            *total = self.total.at.since(clock::now());
        }
        Ok(Box::new(draft))
    }

    /// Fails if the file will be too large.
    fn limit(&self, total: Option<u64>) -> Result<()> {
        match self.draft.settings.body_max {
            Some(limit) if total.is_some_and(|total| total > limit) => {
                Err(Error::of_decode(decode::Error::TooLarge { limit }))
            }
            _ => Ok(()),
        }
    }

    async fn restart(&mut self, record: Option<Record>) -> Result<()> {
        self.have = 0;
        self.kept = 0;
        self.record = record.clone();
        self.on_part(move |part| part.restart(record.as_ref()))
            .await
    }

    /// What is there cannot be added to.
    async fn useless(&mut self, reason: &'static str) -> Result<End> {
        tracing::debug!(reason, "starting over");
        self.restart(None).await?;
        Ok(End::StartOver)
    }

    /// Whether an error may be the network's, and pass.
    fn again(&self, error: Error) -> Result<End> {
        let may_pass = matches!(
            error.kind(),
            Kind::Protocol
                | Kind::Connect
                | Kind::Dns
                | Kind::Timeout(Phase::Read | Phase::Write | Phase::Connect | Phase::Pool)
        );
        match may_pass && self.has_begun {
            true => Ok(End::Again(error)),
            false => Err(error),
        }
    }

    /// Writes a body that goes from `at` to `end`. `overlap` is the byte that is at `at` already.
    async fn copy(
        &mut self,
        mut response: Response,
        (mut at, end): (u64, Option<u64>),
        total: Option<u64>,
        overlap: Option<u8>,
    ) -> Result<End> {
        self.tell(total);
        let mut batch = read(&mut response).await;
        if let (Some(overlap), Some(first)) = (overlap, batch.bytes.first())
            && overlap != *first
        {
            return self.useless("the part does not fit to what is there").await;
        }
        let ended = loop {
            let next = at + batch.bytes.len() as u64;
            if end.is_some_and(|end| next > end) {
                if overlap.is_none() {
                    // To start over would come to the same.
                    let detail = "the body is longer than it says";
                    return Err(Error::new(Kind::Protocol).because(detail));
                }
                return self.useless("the part is longer than it says").await;
            }
            let bytes = std::mem::take(&mut batch.bytes);
            let write = self.on_part(move |part| part.write(at, &bytes));
            let ended = batch.end.take();
            let following = match ended {
                Some(_) => write.await.map(|()| None)?,
                None => {
                    let (written, following) = tokio::join!(write, read(&mut response));
                    written?;
                    Some(following)
                }
            };
            at = next;
            self.have = self.have.max(at);
            self.tell(total);
            match (following, ended) {
                (Some(following), _) => batch = following,
                (None, ended) => break ended.unwrap_or(Ok(())),
            }
        };
        match ended {
            Err(error) => self.again(error),
            Ok(()) if total.is_none_or(|total| at == total) => Ok(End::Complete),
            Ok(()) => Ok(End::Again(
                Error::new(Kind::Protocol).because("the body ended before its end"),
            )),
        }
    }

    fn tell(&mut self, total: Option<u64>) {
        let written = self.have;
        if let Some(told) = &mut self.rules.progress {
            told(Progress { written, total });
        }
    }

    /// Waits before the next attempt, if there may be one.
    async fn pause(&mut self, error: Error) -> Result<()> {
        let delay = self
            .rules
            .backoff
            .delay(self.resumes, fastrand::f64(), None);
        if self.resumes == self.rules.resumes || clock::now() + delay >= self.total.at {
            return Err(error);
        }
        self.resumes += 1;
        tracing::debug!(resumes = self.resumes, ?delay, %error, "going on with a download");
        if self.record.is_none() {
            // Without a proof that it is the same there is nothing to go on with.
            self.have = 0;
            self.kept = 0;
        }
        tokio::select! {
            biased;
            () = self.client.inner.pool.closing() => Err(Error::new(Kind::Closed)),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }

    async fn finish(mut self) -> Result<Downloaded> {
        let length = self.have;
        self.on_part(move |part| part.finish(length)).await?;
        let Some((url, headers)) = self.last.take() else {
            unreachable!("what is complete was answered");
        };
        let (kept, resumes) = (self.kept, self.resumes);
        Ok(Downloaded {
            length,
            kept,
            resumes,
            url,
            headers,
        })
    }
}

/// Opens the part of `path`, once nobody else has it.
async fn open(path: PathBuf) -> Result<Part> {
    for _ in 0..LOCK_TRIES {
        let target = path.clone();
        let opened = on_disk(move || Part::open(&target)).await;
        if let Some(part) = opened.map_err(Error::of_file)? {
            return Ok(part);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let detail = format!("{} is being downloaded already", path.display());
    Err(Error::new(Kind::File).because(detail))
}

/// What comes next of a body, up to some size.
async fn read(response: &mut Response) -> Batch {
    let mut bytes = Vec::new();
    while bytes.len() < BATCH {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => {
                return Batch {
                    bytes,
                    end: Some(Ok(())),
                };
            }
            Err(error) => {
                return Batch {
                    bytes,
                    end: Some(Err(error)),
                };
            }
        }
    }
    Batch { bytes, end: None }
}
