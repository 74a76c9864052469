//! The thread that waits for signals and keeps the hard deadline.
//!
//! It is an OS thread outside the runtime, because nothing inside can be relied on once tasks
//! misbehave. It never waits for a task, a worker or stderr.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::control::Control;
use super::dump::Dumper;
use super::escalation::Escalation;

/// Signals whose default action is kept up while no `run` is active.
static DEFAULTS: Mutex<Defaults> = Mutex::new(Defaults {
    active: 0,
    flags: None,
});

struct Defaults {
    active: usize,
    flags: Option<HashMap<i32, Arc<AtomicBool>>>,
}

/// A running watch; dropping it ends the thread and gives the signals their default action back.
pub(super) struct Watch {
    pub(super) control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(
        grace: Duration,
        stops: &[i32],
        dumps: &[i32],
        exit_code: fn(i32) -> u8,
    ) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let bell = write.try_clone()?;
        let signals = [stops, dumps].concat();
        suspend_defaults(&signals)?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, signals);
        let delivery = delivery.inspect_err(|_| resume_defaults())?;
        let escalation = Escalation::new(grace, stops.to_vec());
        let dumper = Dumper::new(dumps.to_vec());
        let control = Control::new(escalation, dumper, bell, delivery.handle(), exit_code);
        let control = Arc::new(control);
        let mut watch = Self {
            control: control.clone(),
            thread: None,
        };
        let thread = std::thread::Builder::new().name("brigade-watch".into());
        watch.thread = Some(thread.spawn(move || watch_signals(&control, delivery))?);
        Ok(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.control.finish();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        resume_defaults();
    }
}

fn watch_signals(control: &Control, mut delivery: SignalDelivery<UnixStream, SignalOnly>) {
    while !control.is_over() {
        // A timeout of zero would mean "wait for ever".
        let timeout = control.timeout().map(|t| t.max(Duration::from_millis(1)));
        let _ = delivery.get_read_mut().set_read_timeout(timeout);
        if let Ok(Some(signals)) = delivery.poll_pending(&mut has_signals) {
            signals.for_each(|signal| control.signal(signal));
        }
        control.tick();
    }
    delivery.handle().close();
}

fn has_signals(read: &mut UnixStream) -> io::Result<bool> {
    match read.read(&mut [0]) {
        Ok(count) => Ok(count > 0),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(false),
            _ => Err(error),
        },
    }
}

/// A signal that was once caught stays caught, so its default action has to be emulated between
/// runs; else a program that goes on after `run` could not be interrupted.
fn suspend_defaults(signals: &[i32]) -> io::Result<()> {
    let mut defaults = DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner);
    // Where one of them is refused, those before it stay as they are.
    let is_default = defaults.active == 0;
    let flags = defaults.flags.get_or_insert_default();
    for signal in signals {
        if !flags.contains_key(signal) {
            let flag = Arc::new(AtomicBool::new(is_default));
            register_conditional_default(*signal, flag.clone())?;
            flags.insert(*signal, flag);
        }
    }
    defaults.active += 1;
    defaults.set(false);
    Ok(())
}

fn resume_defaults() {
    let mut defaults = DEFAULTS.lock().unwrap_or_else(PoisonError::into_inner);
    defaults.active -= 1;
    if defaults.active == 0 {
        defaults.set(true);
    }
}

impl Defaults {
    fn set(&self, emulated: bool) {
        for flag in self.flags.iter().flat_map(HashMap::values) {
            flag.store(emulated, Ordering::SeqCst);
        }
    }
}
