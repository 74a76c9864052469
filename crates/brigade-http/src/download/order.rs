//! The builder of a download.
//!
//! It does nothing before it is run: no file is looked at.

use std::fmt;
use std::path::PathBuf;

use brigade_core::backoff::Backoff;
use http::Method;
use http::header::{IF_RANGE, RANGE};

use super::done::{Downloaded, Progress};
use super::fetching::{Fetching, Rules};
use crate::draft::Draft;
use crate::{Client, Error, Kind, Result};

/// How often a download goes on by itself, unless it says otherwise.
const RESUMES: u32 = 5;

/// A download that has not begun; [`download`](crate::download) says what it does.
#[must_use = "a download does nothing until it is run"]
pub struct Download {
    client: Client,
    draft: Box<Draft>,
    path: PathBuf,
    rules: Rules,
}

impl Download {
    pub(crate) fn new(client: Client, draft: Box<Draft>, path: PathBuf) -> Self {
        let rules = Rules {
            resumes: RESUMES,
            backoff: Backoff::default(),
            progress: None,
        };
        Self {
            client,
            draft,
            path,
            rules,
        }
    }

    /// How often the request may be sent again, by default 5 times, because the connection broke, or
    /// the server fell silent or could not be reached. A first response must have come; what happens
    /// before is for the [retry policy](crate::RequestBuilder::retry), which holds for each attempt.
    /// To start over, because what was there is of no use, is not counted.
    pub fn resumes(mut self, resumes: u32) -> Self {
        self.rules.resumes = resumes;
        self
    }

    /// How long to wait before that, by default from half a second to a minute.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules.backoff = backoff;
        self
    }

    /// Has `told` called each time that bytes were written, and before the first.
    pub fn progress(mut self, told: impl FnMut(Progress) + Send + 'static) -> Self {
        self.rules.progress = Some(Box::new(told));
        self
    }

    /// Downloads to the end.
    ///
    /// The file is what the server sent: no content coding is asked for, and none is undone. The
    /// total timeout bounds all of it, and [`max_body`](crate::RequestBuilder::max_body) the file.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the request. What was written stays for the next download to the
    /// same place, at most 1 MiB less than what has arrived; the file at the path itself is
    /// untouched.
    ///
    /// # Errors
    ///
    /// [`Kind::Status`] for any status but 200 and 206, [`Kind::File`] if the file cannot be written
    /// or is being downloaded already, [`Kind::TooLarge`], [`Kind::BadRequest`] for a request that
    /// is no plain GET, and whatever a request can fail with. What was written stays.
    pub async fn run(self) -> Result<Downloaded> {
        let Self {
            client,
            mut draft,
            path,
            rules,
        } = self;
        let url = draft.hop.url.clone();
        let problem = draft.error.take().or_else(|| check(&draft));
        let done = match problem {
            Some(error) => Err(error),
            None => Box::pin(Fetching::run(client, draft, path, rules)).await,
        };
        done.map_err(|error| error.about(&url))
    }
}

fn check(draft: &Draft) -> Option<Error> {
    let hop = &draft.hop;
    let problem = if hop.method != Method::GET || !hop.body.is_empty() || draft.later.is_some() {
        "a download is a GET without a body"
    } else if hop.headers.contains_key(RANGE) || hop.headers.contains_key(IF_RANGE) {
        "a download asks for the ranges that it needs by itself"
    } else {
        return None;
    };
    Some(Error::new(Kind::BadRequest).because(problem))
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("draft", &self.draft)
            .field("path", &self.path)
            .field("resumes", &self.rules.resumes)
            .finish_non_exhaustive()
    }
}
