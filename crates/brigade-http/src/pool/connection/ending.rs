//! When a connection ends by the clock, whichever protocol it speaks.
//!
//! Both drivers keep one timer that is hardly ever moved, and look at what is due when it fires. It
//! never ends a connection that somebody uses for being idle.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use brigade_core::time::Moment;

use super::handle::Connection;
use super::timer::Timer;
use super::wire::{Due, Fault};
use crate::pool::SlotGuard;

/// Until when a new connection may be idle.
pub(super) fn idle_until(connection: &Connection, slot: &SlotGuard) -> Moment {
    let idle_until = connection.opened + slot.pool.limits().idle_timeout;
    idle_until.min(connection.until)
}

/// Ready when the connection must end. `due` says what comes next, given until when the connection
/// may be idle.
pub(super) fn poll(
    mut timer: Pin<&mut Timer>,
    idle_until: &mut Moment,
    (slot, connection): (&SlotGuard, &Arc<Connection>),
    due: impl Fn(Moment) -> (Moment, Due),
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let (at, what) = due(*idle_until);
        ready!(timer.as_mut().poll(at, cx));
        match what {
            Due::Goodbye => return Poll::Ready(()),
            Due::Idle => match slot.pool.expire(connection) {
                Some(later) => *idle_until = later,
                None => return Poll::Ready(()),
            },
            Due::Timeout(phase) => {
                connection.wire.set_fault(Fault::Timeout(phase));
                return Poll::Ready(());
            }
        }
    }
}
