//! What a run costs: wall time, CPU time, memory, and the latency of its results.
//!
//! It reads clocks and counters of the process and keeps nothing of a single request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use brigade_core::time::Moment;
use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};

use crate::summary::Latency;

/// Measures one run.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Moment,
    cpu: Duration,
    latency: Option<Histogram<u64>>,
}

impl Meter {
    /// A meter that starts now.
    pub(crate) fn start() -> Self {
        Self {
            started: brigade::clock::now(),
            cpu: cpu(),
            // Microseconds up to an hour, to two digits.
            latency: Histogram::new_with_bounds(1, 3_600_000_000, 2).ok(),
        }
    }

    pub(crate) fn latency(&mut self, micros: u64) {
        if let Some(latency) = &mut self.latency {
            latency.saturating_record(micros.max(1));
        }
    }

    pub(crate) fn started(&self) -> Moment {
        self.started
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        brigade::clock::now().since(self.started).as_millis() as u64
    }

    /// CPU time of this process since the start.
    pub(crate) fn cpu_ms(&self) -> u64 {
        cpu().saturating_sub(self.cpu).as_millis() as u64
    }

    pub(crate) fn quantiles(&self) -> Latency {
        let Some(latency) = self.latency.as_ref().filter(|all| !all.is_empty()) else {
            return Latency::default();
        };
        let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: latency.max() as f64 / 1000.0,
        }
    }
}

fn cpu() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return Duration::ZERO;
    };
    let part = |time: nix::sys::time::TimeVal| {
        Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000)
    };
    part(usage.user_time()) + part(usage.system_time())
}

/// The largest memory that this process has had, in bytes.
///
/// Where there is `/proc`, that says it. The other counter begins with what the process that started
/// this one had at that moment.
pub(crate) fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let own = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    if let Some(kib) = own.and_then(|kib| kib.parse::<u64>().ok()) {
        return kib * 1024;
    }
    // Linux counts in KiB, the BSDs and macOS do as their manuals say.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| usage.max_rss() as u64 * unit)
}

/// The wall clock, in milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
