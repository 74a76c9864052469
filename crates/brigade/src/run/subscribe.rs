//! Signals that do not stop the program: a reload, a report.
//!
//! A subscription only listens. It never changes what the stop signals do.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use super::control::Control;

static ACTIVE: Mutex<Weak<Control>> = Mutex::new(Weak::new());

pub(super) fn activate(control: &Arc<Control>) {
    let mut active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    *active = Arc::downgrade(control);
}

/// Listens to a signal while [`run`](crate::run()) is running, for example SIGHUP to reload.
///
/// From then on the signal's default action no longer happens. A stop signal can be listened to
/// as well; it still cancels the program.
///
/// # Errors
///
/// If no `run` is active, or the system does not let the signal be caught.
///
/// # Panics
///
/// If the signal may not be caught at all: SIGKILL, SIGSTOP, SIGILL, SIGFPE, SIGSEGV.
///
/// # Examples
///
/// ```no_run
/// let code = brigade::run(async {
///     let mut reloads = brigade::run::subscribe(1)?; // SIGHUP
///     loop {
///         reloads.recv().await;
///         println!("reading the configuration again");
///     }
///     #[expect(unreachable_code)]
///     Ok::<_, std::io::Error>(())
/// });
/// ```
pub fn subscribe(signal: i32) -> io::Result<Signals> {
    let active = ACTIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let control = active.upgrade();
    drop(active);
    let control = control.ok_or_else(|| io::Error::other("no `brigade::run` is active"))?;
    let notify = control.subscribe(signal)?;
    Ok(Signals { control, notify })
}

/// Tells of arrivals of one signal; made by [`subscribe`].
#[must_use = "who subscribes and drops it hears nothing"]
pub struct Signals {
    control: Arc<Control>,
    notify: Arc<Notify>,
}

impl Signals {
    /// Waits for the signal. Arrivals since the last call count as one, as signals do.
    ///
    /// # Cancel safety
    ///
    /// Safe: an arrival is taken only when this returns.
    pub async fn recv(&mut self) {
        self.notify.notified().await;
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.control.unsubscribe(&self.notify);
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signals")
    }
}
