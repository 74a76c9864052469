//! Progress for programs: one JSON object a line on stdout, a second apart, the summary last.
//!
//! Field names are those of `summary.json` where both have the number; what counts this run alone, and
//! not all of them, is said in the guide. Lines may gain fields.

use super::eta::Eta;
use super::line::{Paces, Total};
use super::watch::{STOPPING, Show};
use crate::message;
use crate::stdout::Stdout;
use brigade_jobs::{HostProgress, Progress, Summary};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Json<'a> {
    paces: Paces,
    stdout: &'a mut Stdout,
}

impl<'a> Json<'a> {
    pub(super) fn new(stdout: &'a mut Stdout) -> Self {
        let paces = Paces::default();
        Self { paces, stdout }
    }
}

impl Show for Json<'_> {
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn show(&mut self, progress: &Progress) {
        self.paces.look(progress);
        let line = object(progress, &self.paces);
        self.stdout.write(&format!("{line}\n"));
    }

    fn stopping(&mut self) {
        message::say(STOPPING);
    }

    fn end(&mut self) {}
}

fn object(progress: &Progress, paces: &Paces) -> Value {
    let by_kind: Map<_, _> = progress
        .by_kind
        .iter()
        .map(|(kind, count)| (kind.to_string(), Value::from(*count)))
        .collect();
    let eta = Eta::of(progress, paces);
    json!({
        "event": "progress",
        "elapsed_seconds": progress.elapsed.as_secs_f64(),
        "input": progress.input,
        "input_complete": progress.input_complete,
        "input_estimate": Total::of(progress).number(),
        "ok": progress.ok,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "duplicates": progress.duplicates,
        "by_kind": by_kind,
        "in_flight": progress.in_flight,
        "waiting": progress.waiting,
        "paused_hosts": progress.paused_hosts,
        "paused_seconds": progress.paused_for.map(|left| left.as_secs_f64()),
        "requests": progress.requests,
        "retries": progress.retries,
        "bytes": progress.bytes,
        "committed": progress.committed,
        "per_second": paces.items.per_second(),
        "eta_seconds": eta.as_ref().map(|eta| eta.time.as_secs_f64()),
        "hosts": {
            "busiest": hosts(&progress.hosts.busiest),
            "slowest": hosts(&progress.hosts.slowest),
            "last": progress.hosts.last.as_ref().map(host),
        },
    })
}

fn hosts(hosts: &[HostProgress]) -> Vec<Value> {
    hosts.iter().map(host).collect()
}

fn host(host: &HostProgress) -> Value {
    json!({
        "host": host.host,
        "per_second": host.per_second,
        "latency_ms": host.latency.map(|latency| latency.as_secs_f64() * 1000.0),
        "waiting": host.waiting,
        "in_flight": host.in_flight,
        "bytes": host.bytes,
        "paused_seconds": host.paused_for.map(|left| left.as_secs_f64()),
        "left_seconds": host.left.as_secs_f64(),
    })
}

/// The last line: the summary as in `summary.json`, marked as such.
pub(crate) fn summary_line(summary: &Summary) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        event: &'static str,
        #[serde(flatten)]
        summary: &'a Summary,
    }
    let mut line = serde_json::to_string(&Line {
        event: "summary",
        summary,
    })?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f10d_the_guide_explains_every_field() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/fetching-a-million-urls.md"
        );
        let guide = std::fs::read_to_string(path).unwrap();
        let mut progress = Progress::default();
        progress.hosts.last = Some(HostProgress::default());
        let line = object(&progress, &Paces::default());
        let of =
            |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        let hosts = &line["hosts"];
        let names = [of(&line), of(hosts), of(&hosts["last"])].concat();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(guide.contains(&format!("`{name}`")), "{name} is not in it");
        }
    }
}
