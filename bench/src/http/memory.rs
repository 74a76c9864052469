//! What one more connection costs in memory: the peak with 512 in flight less the peak with one.
//!
//! Each side is compared with itself only, so the size of its program drops out.

use super::scenes::Scene;
use crate::measure::median;
use crate::report::{Report, Side};

/// The scenes to compare, and what the difference is one of.
const PAIRS: [(&str, &str, &str); 2] = [
    ("h1-1", "h1-512", "connection of HTTP/1.1"),
    ("h2-1", "h2-512", "request in flight of HTTP/2"),
];

/// A table for each pair of which both scenes were measured.
pub fn tell(report: &mut Report, measured: &[(&Scene, Vec<Side>)]) {
    let find = |name: &str| measured.iter().find(|(scene, _)| scene.name == name);
    for (few, many, what) in PAIRS {
        let (Some((few, alone)), Some((many, crowd))) = (find(few), find(many)) else {
            continue;
        };
        report.line(format!(
            "\n### Memory of a {what}: {} less {}\n",
            many.name, few.name
        ));
        report.line("| side | KiB |\n|---|---|");
        let more = (many.in_flight - few.in_flight) as f64;
        for side in crowd {
            let Some(one) = alone.iter().find(|one| one.name == side.name) else {
                continue;
            };
            let grown = (peak(side) - peak(one)) * 1024.0 / more;
            report.line(format!("| {} | {grown:.1} |", side.name));
        }
    }
}

fn peak(side: &Side) -> f64 {
    median(side.runs.iter().map(|run| run.rss_mib))
}
