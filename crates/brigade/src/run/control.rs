//! What the main thread and the watching thread share.
//!
//! The lock is held for decisions only: never while something is printed, cancelled or waited for.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal_hook::iterator::Handle;
use signal_hook::low_level;
use tokio::sync::Notify;

use super::dump::Dumper;
use super::escalation::{Action, Because, Escalation, SETTLE};
use super::report;
use crate::cancel::Reason;
use crate::cancel::scope::Scope;
use crate::{clock, living};

#[derive(Debug)]
pub(super) struct Control {
    state: Mutex<State>,
    dumper: Dumper,
    /// A byte here makes the watching thread look at the state again.
    bell: UnixStream,
    signals: Handle,
    exit_code: fn(i32) -> u8,
}

struct State {
    escalation: Escalation,
    root: Option<Arc<Scope>>,
    over: bool,
    announced: Option<Receiver<()>>,
    subscribers: Vec<(i32, Arc<Notify>)>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.escalation.fmt(f)
    }
}

impl Control {
    pub(super) fn new(
        escalation: Escalation,
        dumper: Dumper,
        bell: UnixStream,
        signals: Handle,
        exit_code: fn(i32) -> u8,
    ) -> Self {
        let state = State {
            escalation,
            root: None,
            over: false,
            announced: None,
            subscribers: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            dumper,
            bell,
            signals,
            exit_code,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on signals cancel `root`; one that has already come does it at once.
    pub(super) fn begin(&self, root: Arc<Scope>) {
        let mut state = self.lock();
        state.root = Some(root.clone());
        let first = state.escalation.first();
        let aborted = state.escalation.is_aborted();
        drop(state);
        if let Some(signal) = first {
            root.cancel(Reason::Signal(signal));
        }
        if aborted {
            root.abort();
        }
    }

    pub(super) fn subscribe(&self, signal: i32) -> io::Result<Arc<Notify>> {
        self.signals.add_signal(signal)?;
        let notify = Arc::new(Notify::new());
        self.lock().subscribers.push((signal, notify.clone()));
        Ok(notify)
    }

    pub(super) fn unsubscribe(&self, notify: &Arc<Notify>) {
        let mut state = self.lock();
        state.subscribers.retain(|(_, n)| !Arc::ptr_eq(n, notify));
    }

    /// The exit code that the first signal asks for.
    pub(super) fn signal_code(&self) -> Option<u8> {
        self.lock().escalation.first().map(self.exit_code)
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.lock().escalation.is_aborted()
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// How long until something happens by itself.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let next = self.lock().escalation.next()?;
        Some(next.since(clock::now()))
    }

    pub(super) fn signal(&self, signal: i32) {
        self.dumper.signal(signal);
        let mut state = self.lock();
        let subscribers = state.subscribers.iter().filter(|(s, _)| *s == signal);
        let notified: Vec<_> = subscribers.map(|(_, notify)| notify.clone()).collect();
        let action = state.escalation.signal(signal, clock::now());
        drop(state);
        notified.iter().for_each(|notify| notify.notify_one());
        self.act(action);
    }

    pub(super) fn tick(&self) {
        let action = self.lock().escalation.tick(clock::now());
        self.act(action);
    }

    fn act(&self, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Cancel(signal) => {
                if let Some(root) = self.root() {
                    root.cancel(Reason::Signal(signal));
                }
            }
            Action::Abort(because) => self.abort(because),
            Action::Leave(first) => {
                self.wait_for_announcement();
                low_level::exit((self.exit_code)(first).into());
            }
            Action::Die(signal) => {
                // It returns only for a signal whose default is to do nothing.
                let _ = low_level::emulate_default_handler(signal);
            }
        }
    }

    fn abort(&self, because: Because) {
        let announced = report::announce(because);
        self.lock().announced = announced;
        if let Some(root) = self.root() {
            root.abort();
        }
        living::wake_waiting();
    }

    fn root(&self) -> Option<Arc<Scope>> {
        self.lock().root.clone()
    }

    /// Gives the names of what was aborted time to reach stderr, which may be blocked.
    pub(super) fn wait_for_announcement(&self) {
        let announced = self.lock().announced.take();
        if let Some(announced) = announced {
            let _ = announced.recv_timeout(SETTLE / 2);
        }
    }

    /// Ends the watch.
    pub(super) fn finish(&self) {
        self.lock().over = true;
        // The other end is gone only if the watch has ended.
        let _ = (&self.bell).write(&[0]);
    }
}
