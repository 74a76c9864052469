//! The contexts of other libraries, which live in thread-locals of their own.
//!
//! Each is described once, by how to capture it and how to run something inside what was captured.
//! Those descriptions are foreign code, so none of them is called under a lock.

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, PoisonError, global};

/// What was captured: it runs what it is given inside itself.
pub(super) trait Carried: Send + Sync {
    fn around(&self, run: &mut dyn FnMut());
}

impl<W: Fn(&mut dyn FnMut()) + Send + Sync> Carried for W {
    fn around(&self, run: &mut dyn FnMut()) {
        self(run);
    }
}

trait Carrier: Send + Sync {
    fn capture(&self) -> Option<Box<dyn Carried>>;
}

struct Capture<C>(C);

impl<C, W> Carrier for Capture<C>
where
    C: Fn() -> Option<W> + Send + Sync,
    W: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
{
    fn capture(&self) -> Option<Box<dyn Carried>> {
        (self.0)().map(|carried| -> Box<dyn Carried> { Box::new(carried) })
    }
}

global! {
    static CARRIERS: Mutex<Vec<Arc<dyn Carrier>>> = Mutex::new(Vec::new());
}
global! {
    /// Whether there is any carrier, so that a program without one takes no lock.
    static ANY: AtomicBool = AtomicBool::new(false);
}

/// Takes the context of another library along to the children of groups and to closures on
/// threads, from now on and for the whole process.
///
/// `capture` is called where a group opens or a closure is submitted, and returns `None` if there is
/// nothing to take along. What it returns is called around each poll of a child, and around the
/// closure; it must run what it is given, once, inside the context that it holds.
///
/// Call it once for each library, at the start of the program: groups that are open already do not
/// carry it. Neither closure should panic: a panic of the first is that of the caller, one of the
/// second fails the group.
///
/// # Examples
///
/// A task-local of tokio. For OpenTelemetry, `capture` returns the current context, and what it
/// returns attaches it for as long as `run` takes.
///
/// ```
/// use brigade::{context, task_group};
///
/// tokio::task_local! { static TENANT: u32; }
///
/// context::carry(|| {
///     let tenant = TENANT.try_with(|tenant| *tenant).ok()?;
///     Some(move |run: &mut dyn FnMut()| TENANT.sync_scope(tenant, run))
/// });
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let seen = task_group(async |group| {
///     Ok::<_, String>(group.spawn(async { Ok(TENANT.get()) }).await)
/// });
/// assert_eq!(TENANT.scope(7, seen).await.unwrap(), 7);
/// # });
/// ```
pub fn carry<C, W>(capture: C)
where
    C: Fn() -> Option<W> + Send + Sync + 'static,
    W: Fn(&mut dyn FnMut()) + Send + Sync + 'static,
{
    let mut carriers = CARRIERS.lock().unwrap_or_else(PoisonError::into_inner);
    carriers.push(Arc::new(Capture(capture)));
    ANY.store(true, Ordering::Release);
}

/// Captures everything that is carried; empty if there is nothing.
pub(super) fn capture() -> Vec<Box<dyn Carried>> {
    if !ANY.load(Ordering::Acquire) {
        return Vec::new();
    }
    let carriers = CARRIERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    carriers.iter().filter_map(|one| one.capture()).collect()
}
