//! The lines of one large response: NDJSON from nginx, its lines counted, blank ones left out.
//!
//! All clients run pinned to the first processor against nginx on the second. A side that counts
//! wrong fails the benchmark. What is compared is CPU seconds for a GiB: wall time is the server's.

mod corpus;
mod place;
mod sides;

use crate::report::{Report, Side};
use crate::{Options, Result};

use place::Place;
use sides::{Counts, SIDES};

/// The floor, against which all is measured.
const FLOOR: &str = "bare hyper + memchr";

/// Runs every side in turn over `count` MiB.
pub fn run(options: Options) -> Result<()> {
    let place = Place::new(options.count)?;
    let mut report = Report::default();
    let mut sides = Vec::new();
    for kind in &SIDES {
        match kind.missing(&place) {
            Some(why) => report.line(format!("{} is skipped: {why}.", kind.name)),
            None => sides.push((kind, Side::new(kind.name))),
        }
    }
    for round in 0..=options.rounds {
        for (kind, side) in &mut sides {
            if kind.is_slow && round != 1 {
                continue;
            }
            let cost = kind.measure(&place);
            let cost = cost.map_err(|error| format!("{}: {error}", kind.name))?;
            // The first round warms caches and is not counted.
            if round > 0 {
                side.runs.push(cost);
            }
        }
    }
    tell(
        &mut report,
        &place,
        sides.into_iter().map(|(_, side)| side).collect(),
    );
    report.keep("lines")
}

fn tell(report: &mut Report, place: &Place, sides: Vec<Side>) {
    let Counts {
        lines,
        non_blank,
        bytes,
    } = place.whole.counts;
    report.line(format!(
        "{bytes} bytes of NDJSON from nginx: {lines} lines, {non_blank} of them not blank. httpx and \
         aiohttp read a part of it, once. Costs are those of 1 GiB."
    ));
    report.table(
        "CPU for a GiB; its lines counted unless it says otherwise",
        &sides,
    );
    let side = |name: &str| sides.iter().find(|side| side.name == name);
    for (ours, theirs, goal) in [
        ("brigade lines(), batches of text", FLOOR, Some(1.20)),
        ("brigade lines > /dev/null", "curl > /dev/null", None),
        (
            "brigade lines, piped to wc -l",
            "curl, piped to wc -l",
            None,
        ),
    ] {
        let (Some(one), Some(other)) = (side(ours), side(theirs)) else {
            continue;
        };
        let what = format!("CPU for a GiB, {ours} / {theirs},");
        match goal {
            Some(goal) => report.goal(&what, one, other, goal),
            None => report.ratio(&what, one, other),
        }
    }
}
