//! The price of one operation of each pattern, next to the crate that people use for it today.
//!
//! Every side runs as a process of its own; CPU seconds divided by the number of operations. Rates
//! and fairness under 50 waiters are counted in one process on the real clock.

use crate::measure::{pinned, run as measure};
use crate::peers::accuracy;
use crate::report::{Report, Side};
use crate::{Options, Result};

/// A table: its title, our side first, the others, and the goal against which of them.
struct Comparison {
    title: &'static str,
    sides: &'static [&'static str],
    against: &'static str,
    /// None where the project has set itself no goal.
    goal: Option<f64>,
    /// Operations, as a share of the asked count: some sides are a hundred times dearer than others.
    share: f64,
}

const COMPARISONS: [Comparison; 7] = [
    Comparison {
        title: "spawn + join, windows of 64",
        sides: &["group", "joinset", "tasktracker", "futuresunordered"],
        against: "joinset",
        goal: Some(1.0),
        share: 1.0,
    },
    Comparison {
        title: "queue with ticket, 1 producer, 5 consumers",
        sides: &["queue-1-5", "async-channel-1-5"],
        against: "async-channel-1-5",
        goal: Some(1.0),
        share: 1.0,
    },
    Comparison {
        title: "queue with ticket, 4 producers, 4 consumers",
        sides: &["queue-4-4", "async-channel-4-4"],
        against: "async-channel-4-4",
        goal: Some(1.0),
        share: 1.0,
    },
    Comparison {
        title: "to_thread, 64 in flight",
        sides: &["to-thread", "spawn-blocking", "rayon-oneshot"],
        against: "spawn-blocking",
        goal: Some(0.5),
        share: 0.2,
    },
    Comparison {
        title: "token bucket, never limited, one task",
        sides: &["bucket", "governor"],
        against: "governor",
        goal: Some(1.2),
        share: 5.0,
    },
    Comparison {
        title: "semaphore, uncontended acquire and release",
        sides: &["semaphore", "tokio-semaphore"],
        against: "tokio-semaphore",
        goal: None,
        share: 5.0,
    },
    Comparison {
        title: "semaphore, 10 permits, 100 tasks, a yield inside",
        sides: &["semaphore-contended", "tokio-semaphore-contended"],
        against: "tokio-semaphore-contended",
        goal: None,
        share: 1.0,
    },
];

pub fn run(options: Options) -> Result<()> {
    let mut report = Report::default();
    for comparison in &COMPARISONS {
        let count = (options.count as f64 * comparison.share) as usize;
        let mut sides: Vec<Side> = comparison
            .sides
            .iter()
            .map(|name| Side::new(name))
            .collect();
        for _ in 0..options.rounds {
            for side in &mut sides {
                let mut command = pinned(0, std::env::current_exe()?);
                command.args(["peer", "pattern", &side.name, &count.to_string()]);
                side.runs.push(measure(command)?);
            }
        }
        report.table(&format!("{}, {count} operations", comparison.title), &sides);
        for side in &sides {
            report.line(format!(
                "{}: {:.0} ns",
                side.name,
                side.cpu() / count as f64 * 1e9
            ));
        }
        let other = sides.iter().find(|side| side.name == comparison.against);
        if let (Some(other), Some(goal)) = (other, comparison.goal) {
            let what = format!("{} / {}", sides[0].name, other.name);
            report.goal(&what, &sides[0], other, goal);
        }
    }
    accuracy::run(&mut report)?;
    report.keep("patterns")
}
