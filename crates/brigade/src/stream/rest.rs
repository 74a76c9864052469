//! What is left of a stream that was dropped, and who waits for it.
//!
//! It goes to the nearest scope around the drop, as what a group leaves behind does. Without any
//! scope there is nobody to wait, and it is aborted.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::producer::is_same;
use crate::cancel::Reason;
use crate::cancel::ending::Ending;
use crate::cancel::name::Name;
use crate::cancel::scope::{Body, Scope};
use crate::sync::Arc;
use crate::sync::atomic::AtomicU64;

/// Leaves the cancelled scope of a producer, whose body is gone, to the scope around the drop.
pub(super) fn hand_over(scope: Arc<Scope>, around: Option<Arc<Scope>>) {
    let reason = scope.reason().unwrap_or(Reason::RaceLost);
    if scope.is_idle() {
        return scope.close_idle();
    }
    let around = around.filter(|around| !is_same(&scope.parent, &Some(around.clone())));
    let (Some(around), Some(body)) = (around, &scope.body) else {
        return scope.orphan(reason);
    };
    let waiting = Body {
        grace: body.grace,
        span: body.span.clone(),
        context: body.context.clone(),
        runtime: body.runtime.clone(),
        limit: 0,
        forwards: true,
        alone: true,
        inline: false,
        polled: AtomicU64::new(0),
        opened_in: None,
    };
    let name = Name::from(scope.name.clone().into_text());
    let anchor = Scope::open(name, Some(around), waiting);
    let rest = Rest {
        place: Some(scope),
        ending: Ending::default(),
    };
    // Refused only by a scope that is over, and this one has just begun.
    let _ = anchor.defer(Box::pin(rest));
    anchor.orphan(reason);
}

/// Ends the scope of a producer, as a finaliser of the scope that waits for it.
struct Rest {
    place: Option<Arc<Scope>>,
    ending: Ending,
}

impl Future for Rest {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        std::task::ready!(this.ending.poll(&mut this.place, cx));
        if let Some(scope) = this.place.take() {
            scope.leave();
        }
        Poll::Ready(())
    }
}

/// The end of the grace period, or of the runtime.
impl Drop for Rest {
    fn drop(&mut self) {
        if let Some(scope) = self.place.take() {
            self.ending.hand_back(&scope);
            scope.abort();
            scope.orphan(Reason::Parent);
        }
    }
}
