//! The price of one operation of each pattern, next to the crates that people use for it today.
//!
//! Every side runs as a process of its own, in rounds, one side after the other, so that drift
//! meets all of them; what counts is CPU seconds, and beside them instructions where valgrind is
//! installed. Tasks wake each other on one processor, but for the tables that say otherwise.

use std::process::Command;

use crate::measure::{pinned, run as measure};
use crate::report::{Report, Side};
use crate::{Options, Result, callgrind, python, rates};

/// A table: its title, our side first, then the others, and the goal against some of them.
struct Comparison {
    title: &'static str,
    sides: &'static [&'static str],
    /// Against which side, and the most that ours may cost of it. None where the project has set
    /// itself no goal.
    goal: Option<(&'static str, f64)>,
    /// Operations, as a share of the asked count: some sides are a hundred times dearer than others.
    share: f64,
    run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// On one processor, and once more with its instructions counted.
    Counted,
    /// On one processor. Instructions of threads that search for work mean nothing.
    OneProcessor,
    AllProcessors,
}

const COMPARISONS: [Comparison; 10] = [
    Comparison {
        title: "spawn + join of tasks that are ready at once, windows of 64",
        sides: &[
            "spawn/ready-group",
            "spawn/ready-group-await",
            "spawn/ready-joinset",
            "spawn/ready-tasktracker",
            "spawn/ready-futuresunordered",
        ],
        goal: Some(("spawn/ready-joinset", 1.0)),
        share: 1.0,
        run: Run::Counted,
    },
    Comparison {
        title: "spawn + join of tasks that wait once and keep 128 bytes, windows of 64",
        sides: &[
            "spawn/wait-group",
            "spawn/wait-group-await",
            "spawn/wait-joinset",
            "spawn/wait-tasktracker",
            "spawn/wait-futuresunordered",
        ],
        goal: Some(("spawn/wait-joinset", 1.0)),
        share: 1.0,
        run: Run::Counted,
    },
    Comparison {
        title: "queue with ticket, 1 producer, 5 consumers",
        sides: &[
            "queue/ticket-1-5",
            "queue/async-channel-1-5",
            "queue/flume-1-5",
            "queue/tokio-mpsc-1-5",
        ],
        goal: Some(("queue/async-channel-1-5", 1.0)),
        share: 3.0,
        run: Run::Counted,
    },
    Comparison {
        title: "queue with ticket, 4 producers, 4 consumers",
        sides: &[
            "queue/ticket-4-4",
            "queue/async-channel-4-4",
            "queue/flume-4-4",
            "queue/tokio-mpsc-4-4",
        ],
        goal: Some(("queue/async-channel-4-4", 1.0)),
        share: 3.0,
        run: Run::Counted,
    },
    Comparison {
        title: "semaphore, alone",
        sides: &["semaphore/alone-brigade", "semaphore/alone-tokio"],
        goal: None,
        share: 5.0,
        run: Run::Counted,
    },
    Comparison {
        title: "semaphore, 100 tasks at 10 permits, a yield inside",
        sides: &["semaphore/crowded-brigade", "semaphore/crowded-tokio"],
        goal: None,
        share: 1.0,
        run: Run::Counted,
    },
    Comparison {
        title: "token bucket, never empty, one task",
        sides: &[
            "bucket/brigade",
            "bucket/brigade-small",
            "bucket/governor",
            "bucket/clock-tokio",
        ],
        goal: Some(("bucket/governor", 1.2)),
        share: 5.0,
        run: Run::Counted,
    },
    Comparison {
        title: "closures on threads, 64 in flight, one processor",
        sides: &[
            "thread/to-thread",
            "thread/to-cpu",
            "thread/spawn-blocking",
            "thread/rayon-oneshot",
        ],
        goal: Some(("thread/spawn-blocking", 0.5)),
        share: 0.2,
        run: Run::OneProcessor,
    },
    Comparison {
        title: "closures on threads, 64 in flight, all processors",
        sides: &[
            "thread/to-thread",
            "thread/to-cpu",
            "thread/spawn-blocking",
            "thread/rayon-oneshot",
        ],
        goal: Some(("thread/spawn-blocking", 0.5)),
        share: 0.2,
        run: Run::AllProcessors,
    },
    Comparison {
        title: "lines of 100 bytes in chunks of 16 KiB, in memory",
        sides: &[
            "lines/batch-bytes",
            "lines/batch-text",
            "lines/next-text",
            "lines/memchr-count",
            "lines/read-until",
            "lines/lines-codec",
        ],
        goal: None,
        share: 3.0,
        run: Run::Counted,
    },
];

/// Operations of the shorter of the two runs under valgrind, and so many of cheap ones that what a
/// process does at random when it starts, as governor's clock does, is small beside them.
const COUNTED: usize = 20_000;
const COUNTED_CHEAP: usize = 400_000;
const CHEAP: f64 = 5.0;

pub fn run(options: Options) -> Result<()> {
    let mut report = Report::default();
    let counts = callgrind::is_installed();
    if !counts {
        report.line("valgrind is not here: no instructions are counted.");
    }
    for comparison in &COMPARISONS {
        compare(comparison, options, counts, &mut report)?;
    }
    rates::run(options, &mut report)?;
    python::run(&mut report)?;
    report.keep("patterns")
}

fn compare(
    comparison: &Comparison,
    options: Options,
    counts: bool,
    report: &mut Report,
) -> Result<()> {
    let count = (options.count as f64 * comparison.share) as usize;
    let mut sides: Vec<Side> = comparison
        .sides
        .iter()
        .map(|name| Side::new(name))
        .collect();
    for _ in 0..options.rounds {
        for side in &mut sides {
            let program = std::env::current_exe()?;
            let mut command = match comparison.run {
                Run::AllProcessors => Command::new(program),
                Run::Counted | Run::OneProcessor => pinned(0, program),
            };
            command.args(["peer", "pattern", &side.name, &count.to_string()]);
            side.runs.push(measure(command)?);
        }
    }
    if counts && comparison.run == Run::Counted {
        let few = match comparison.share < CHEAP {
            true => COUNTED,
            false => COUNTED_CHEAP,
        };
        for side in &mut sides {
            let counted = callgrind::per_operation(&["peer", "pattern", &side.name], few)?;
            side.instructions = Some(counted);
        }
    }
    report.operations(comparison.title, &sides, count);
    let Some((against, goal)) = comparison.goal else {
        return Ok(());
    };
    if let Some(other) = sides.iter().find(|side| side.name == against) {
        let what = format!("{} / {}", sides[0].name, other.name);
        report.goal(&what, &sides[0], other, goal);
        if let (Some(ours), Some(theirs)) = (sides[0].instructions, other.instructions) {
            let what = format!("{what}, instructions");
            report.goal_value(&what, ours / theirs, "x", goal);
        }
    }
    Ok(())
}
