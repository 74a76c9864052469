//! Hosts that ask for more patience than the job has.
//!
//! A host may ask to be left alone for a year, and a job must not wait for that without a word. It
//! leaves the host alone for its longest pause, and meanwhile hands the lines of it back as they
//! come, wherever they waited, to fail without being asked for. They take no turn of another: not
//! from the concurrency and not from the rates. Lines of a host that is merely paused are not
//! touched.

use std::time::Duration;

use brigade_core::time::Moment;

use super::host::HostId;
use super::state::Schedule;
use super::window::LOW;
use crate::input::Item;

/// What a host said that asked for patience for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) status: u16,
    pub(crate) wait: Duration,
}

/// A host whose lines are handed back, and why. It need not be the one that a line asks for: one
/// that was redirected there and went to disk begins again at its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) host: Box<str>,
    pub(crate) asked: Asked,
}

impl Schedule {
    /// Has the lines of a host that is paused handed back until the pause is over: it has asked for
    /// a longer one.
    pub(crate) fn give_up(&mut self, host: &str, asked: Asked) {
        let id = self.hosts.number(host);
        self.hosts.at(id).asked = Some(asked);
        self.abandon(id);
    }

    /// The shortest pause that hosts are given, which is also about what is added to one that was
    /// asked for.
    pub(crate) fn pause_least(&self) -> Duration {
        self.settings.host_rule.backoff.base
    }

    /// What a host has asked for whose lines are handed back at `now`.
    pub(crate) fn given_up(&self, host: HostId, now: Moment) -> Option<Asked> {
        let asked = self.hosts.get(host).asked?;
        self.is_paused(host, now).then_some(asked)
    }

    /// Has the lines handed back that stand in line of a host, if it is given up.
    pub(super) fn abandon(&mut self, id: HostId) {
        let host = self.hosts.at(id);
        if host.asked.is_some() && !host.abandoned {
            host.abandoned = true;
            self.abandoned.push(id);
        }
    }

    /// The next line that is handed back, which has left the schedule.
    pub(super) fn take_abandoned(&mut self, now: Moment) -> Option<(Item, GivenUp)> {
        while let Some(&id) = self.abandoned.last() {
            let asked = self.given_up(id, now);
            let line = asked.and_then(|asked| Some((self.admission.take_last(&id)?, asked)));
            let Some((item, asked)) = line else {
                self.abandoned.pop();
                self.hosts.at(id).abandoned = false;
                continue;
            };
            self.held -= 1;
            self.held_bytes -= item.bytes();
            let host = self.hosts.at(id);
            host.held -= 1;
            let given_up = GivenUp {
                host: host.name.clone(),
                asked,
            };
            if host.standing() == 0 {
                self.abandoned.pop();
                host.abandoned = false;
            }
            if host.standing() < LOW {
                self.load(id);
            }
            self.relax();
            return Some((item, given_up));
        }
        None
    }
}
