//! Whether to connect again, and when.
//!
//! It counts what failed in a row, so a server that gives something between two failures is asked for
//! ever and one that gives nothing is not. It never tries again what another attempt cannot change.

use super::plan::Ask;
use crate::message;
use brigade::backoff::Delays;
use brigade_http::{Error, Kind, Phase};
use std::io;
use std::time::Duration;

/// The attempts so far.
#[derive(Debug)]
pub(super) struct Again {
    /// Whether there is to be another one at all.
    reconnect: bool,
    retries: u32,
    delays: Delays,
    is_over: bool,
}

impl Again {
    pub(super) fn new(ask: &Ask) -> Self {
        Self {
            reconnect: ask.reconnect,
            retries: ask.retries,
            delays: Delays::default(),
            is_over: false,
        }
    }

    /// Whether the stream has come to its end for good.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Waits until it is time to connect again after this end; an error if it is final.
    pub(super) async fn after(
        &mut self,
        end: anyhow::Result<()>,
        has_come: bool,
    ) -> anyhow::Result<()> {
        if has_come {
            self.delays.reset();
        }
        let may_pass = end.as_ref().map_or_else(may_pass, |()| true);
        if !self.reconnect || !may_pass || self.delays.failures() >= self.retries {
            self.is_over = true;
            return end;
        }
        let delay = self.delays.next_delay();
        say(end, delay);
        tokio::time::sleep(delay).await;
        Ok(())
    }
}

fn say(end: anyhow::Result<()>, delay: Duration) {
    let what = match end {
        Ok(()) => "the stream has ended".to_owned(),
        Err(error) => format!("failed to {error:#}"),
    };
    let delay = delay.as_secs_f64();
    message::say(format_args!("{what}; connecting again in {delay:.1}s"));
}

/// Whether the next attempt may go better.
fn may_pass(error: &anyhow::Error) -> bool {
    let Some(error) = error.downcast_ref::<Error>() else {
        // What a server says when it closes a WebSocket, and what cannot be read here.
        return !error.is::<io::Error>();
    };
    match error.kind() {
        Kind::Timeout(Phase::Total) => false,
        Kind::Status(status) => status.is_server_error() || [408, 429].contains(&status.as_u16()),
        kind => matches!(
            kind,
            Kind::Dns | Kind::Connect | Kind::Tls | Kind::Timeout(_) | Kind::Protocol
        ),
    }
}
