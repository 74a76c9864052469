//! How long a conversation waits, for what.
//!
//! Plain moments and the nearest of them; the driver keeps the timer. What a server is waited for is
//! never timed while it is not being listened to.

use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;

use super::goodbye::GOODBYE;

/// How long a server may take to confirm that the client closes.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// The limits on waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// After how long a silence the server is asked for a sign of life.
    pub(super) ping_every: Option<Duration>,
    /// How long it may take to give one.
    pub(super) read: Option<Duration>,
    pub(super) write: Option<Duration>,
}

/// What is due when the nearest wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The server is to be asked for a sign of life.
    Ping,
    /// It did not give one.
    Silent,
    /// It did not confirm that the client closes.
    Unconfirmed,
    /// It takes nothing.
    Stalled,
    /// It took nothing, and said nothing more.
    Mute,
}

#[derive(Debug)]
pub(super) struct Patience {
    waits: Waits,
    is_paused: bool,
    heard: Moment,
    /// Since when a sign of life is waited for; the last of all moments until it was asked for.
    asked: Option<Moment>,
    closing: Option<Moment>,
    stalled: Option<Moment>,
    mute: Option<Moment>,
}

impl Patience {
    pub(super) fn begin(waits: Waits) -> Self {
        Self {
            waits,
            is_paused: false,
            heard: clock::now(),
            asked: None,
            closing: None,
            stalled: None,
            mute: None,
        }
    }

    /// The server is not listened to from now on.
    pub(super) fn pause(&mut self) {
        self.is_paused = true;
    }

    /// It is listened to.
    pub(super) fn go_on(&mut self) {
        if self.is_paused {
            self.is_paused = false;
            self.note_heard();
            if self.closing.is_some() {
                self.begin_closing();
            }
        }
    }

    pub(super) fn note_heard(&mut self) {
        self.heard = clock::now();
        self.asked = None;
    }

    /// A sign of life is asked for as soon as the message that is under way is written. Nobody can
    /// give one before, and how long that takes is bounded by itself.
    pub(super) fn note_asked(&mut self) {
        self.asked = Some(Moment::MAX);
    }

    /// All that was to be written has left.
    pub(super) fn note_left(&mut self) {
        if self.asked == Some(Moment::MAX) {
            self.asked = Some(clock::now());
        }
    }

    /// The server knows that the client closes.
    pub(super) fn begin_closing(&mut self) {
        self.closing = Some(clock::now() + CLOSE_WAIT);
    }

    pub(super) fn note_stalled(&mut self) {
        self.stalled.get_or_insert_with(clock::now);
    }

    pub(super) fn note_taken(&mut self) {
        self.stalled = None;
    }

    pub(super) fn note_mute(&mut self) {
        self.stalled = None;
        self.mute = Some(clock::now() + GOODBYE);
    }

    /// What is due next, and when.
    pub(super) fn due(&self) -> (Moment, Due) {
        let heard = match (self.is_paused, self.closing, self.asked) {
            (true, _, _) => (Moment::MAX, Due::Silent),
            (_, Some(until), _) => (until, Due::Unconfirmed),
            (_, None, Some(asked)) => (after(asked, self.waits.read), Due::Silent),
            (_, None, None) => (after(self.heard, self.waits.ping_every), Due::Ping),
        };
        let taken = match (self.mute, self.stalled) {
            (Some(until), _) => (until, Due::Mute),
            // The question cannot even leave.
            (None, Some(since))
                if self.waits.write.is_none() && self.asked == Some(Moment::MAX) =>
            {
                (after(since, self.waits.read), Due::Silent)
            }
            (None, Some(since)) => (after(since, self.waits.write), Due::Stalled),
            (None, None) => return heard,
        };
        match taken.0 <= heard.0 {
            true => taken,
            false => heard,
        }
    }
}

fn after(since: Moment, limit: Option<Duration>) -> Moment {
    limit.map_or(Moment::MAX, |limit| since + limit)
}
