//! The table that a benchmark prints and keeps: rows of cost, and a line for each goal.
//!
//! Results are kept beside the code, dated, so that a change of a number has a history.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Result;
use crate::measure::{Cost, median};

/// One side of a comparison and what its runs cost.
#[derive(Debug)]
pub struct Side {
    pub name: String,
    pub runs: Vec<Cost>,
    /// Of one operation, where they were counted.
    pub instructions: Option<f64>,
}

impl Side {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            runs: Vec::new(),
            instructions: None,
        }
    }

    pub fn cpu(&self) -> f64 {
        median(self.runs.iter().map(|run| run.cpu))
    }
}

/// Taken round by round, so that drift cancels out.
fn ratio(ours: &Side, theirs: &Side) -> f64 {
    let pairs = ours.runs.iter().zip(&theirs.runs);
    median(pairs.map(|(ours, theirs)| ours.cpu / theirs.cpu))
}

/// The text of a report, printed as it grows.
#[derive(Debug, Default)]
pub struct Report {
    text: String,
    /// What was proved to be wrong.
    wrong: Vec<String>,
}

impl Report {
    pub fn line(&mut self, line: impl AsRef<str>) {
        println!("{}", line.as_ref());
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// A row a side: median [min-max] CPU seconds, the ratio to the first side, wall and memory.
    pub fn table(&mut self, title: &str, sides: &[Side]) {
        self.line(format!("\n### {title}\n"));
        self.line("| side | CPU s, median [min-max] | x first | wall s | peak MiB |");
        self.line("|---|---|---|---|---|");
        let first = sides.first().map_or(f64::NAN, Side::cpu);
        for side in sides {
            let cpu: Vec<f64> = side.runs.iter().map(|run| run.cpu).collect();
            let low = cpu.iter().copied().fold(f64::INFINITY, f64::min);
            let high = cpu.iter().copied().fold(0.0, f64::max);
            let wall = median(side.runs.iter().map(|run| run.wall));
            let rss = median(side.runs.iter().map(|run| run.rss_mib));
            let mut row = String::new();
            let _ = write!(
                row,
                "| {} | {:.2} [{low:.2}-{high:.2}] | ",
                side.name,
                side.cpu()
            );
            let _ = write!(row, "{:.2} | {wall:.2} | {rss:.1} |", side.cpu() / first);
            self.line(row);
        }
    }

    /// A row a side of `count` operations each: nanoseconds of CPU for one, the ratio to the first
    /// side, and the instructions of one.
    pub fn operations(&mut self, title: &str, sides: &[Side], count: usize) {
        self.line(format!("\n### {title}; {count} operations\n"));
        self.line(
            "| side | CPU ns, median [min-max] | x first | instructions | x first | peak MiB |",
        );
        self.line("|---|---|---|---|---|---|");
        let Some(first) = sides.first() else { return };
        for side in sides {
            let cpu: Vec<f64> = side.runs.iter().map(|run| run.cpu).collect();
            let low = cpu.iter().copied().fold(f64::INFINITY, f64::min);
            let high = cpu.iter().copied().fold(0.0, f64::max);
            let nanos = |seconds: f64| seconds / count as f64 * 1e9;
            let counted = side.instructions.zip(first.instructions);
            let counted = counted.map_or("| ".to_owned(), |(side, first)| {
                format!("{side:.0} | {:.2}", side / first)
            });
            self.line(format!(
                "| {} | {:.1} [{:.1}-{:.1}] | {:.2} | {counted} | {:.1} |",
                side.name,
                nanos(side.cpu()),
                nanos(low),
                nanos(high),
                ratio(side, first),
                median(side.runs.iter().map(|run| run.rss_mib)),
            ));
        }
    }

    /// A row a side whose costs are those of one request: microseconds of CPU, the ratio to the first
    /// side, microseconds of wall time, which are about those of CPU if the client is what is busy,
    /// and memory.
    pub fn requests(&mut self, title: &str, sides: &[Side]) {
        self.line(format!("\n### {title}\n"));
        self.line("| side | CPU us, median [min-max] | x first | wall us | peak MiB |");
        self.line("|---|---|---|---|---|");
        let Some(first) = sides.first() else { return };
        for side in sides {
            let [cpu, low, high, wall] = [
                side.cpu(),
                side.runs
                    .iter()
                    .map(|run| run.cpu)
                    .fold(f64::INFINITY, f64::min),
                side.runs.iter().map(|run| run.cpu).fold(0.0, f64::max),
                median(side.runs.iter().map(|run| run.wall)),
            ]
            .map(|seconds| seconds * 1e6);
            self.line(format!(
                "| {} | {cpu:.1} [{low:.1}-{high:.1}] | {:.2} | {wall:.1} | {:.1} |",
                side.name,
                ratio(side, first),
                median(side.runs.iter().map(|run| run.rss_mib)),
            ));
        }
    }

    /// The goal line of two sides.
    pub fn goal(&mut self, what: &str, ours: &Side, theirs: &Side, goal: f64) {
        self.goal_value(what, ratio(ours, theirs), "x", goal);
    }

    /// The ratio of two sides, for which there is no goal.
    pub fn ratio(&mut self, what: &str, ours: &Side, theirs: &Side) {
        self.line(format!("ratio: {what} {:.2}x", ratio(ours, theirs)));
    }

    /// The goal line of a plain value that must not exceed its goal, which is of no more consequence.
    pub fn goal_value(&mut self, what: &str, value: f64, unit: &str, goal: f64) {
        let verdict = if value <= goal { "ok" } else { "short" };
        self.line(format!(
            "goal: {what} {value:.2}{unit} (<= {goal:.2}{unit}) {verdict}"
        ));
    }

    /// The goal line of what is proved: a value beyond its limit is no matter of speed but a defect, of
    /// which [`keep`](Self::keep) makes a failure.
    pub fn proof(&mut self, what: &str, value: f64, limit: f64) {
        self.goal_value(what, value, "", limit);
        if value.is_nan() || value > limit {
            self.wrong.push(format!("{what} {value:.2}"));
        }
    }

    /// Keeps the report as `bench/runs/DATE-NAME.md`. Fails, after that, if a proof did.
    pub fn keep(&self, name: &str) -> Result<()> {
        let date = std::process::Command::new("date")
            .arg("+%Y-%m-%d")
            .output()?;
        let date = String::from_utf8(date.stdout)?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runs");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}-{name}.md", date.trim()));
        let cores = std::thread::available_parallelism()?;
        let head = format!(
            "# {name}, {}\n\n{cores} processors, loopback; the client is pinned to the first, the server to the \
             second. Ratios hold, seconds drift.\n",
            date.trim()
        );
        fs::write(&path, head + &self.text)?;
        println!("\nkept as bench/runs/{}-{name}.md", date.trim());
        self.verdict()
    }

    fn verdict(&self) -> Result<()> {
        match self.wrong.is_empty() {
            true => Ok(()),
            false => Err(format!("this must not be: {}", self.wrong.join(", ")).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_that_fails_is_a_failure_and_a_goal_that_is_short_is_none() {
        let mut report = Report::default();
        report.goal_value("CPU, ours / theirs,", 1.2, "x", 1.1);
        report.proof("lines missing", 0.0, 0.0);
        assert!(report.verdict().is_ok());
        report.proof("lines doubled", 2.0, 0.0);
        report.proof("growth of threads", f64::NAN, 1.0);
        let error = report.verdict().unwrap_err().to_string();
        let expected = "this must not be: lines doubled 2.00, growth of threads NaN";
        assert_eq!(error, expected);
        let goals = [
            "goal: CPU, ours / theirs, 1.20x (<= 1.10x) short\n",
            "goal: lines missing 0.00 (<= 0.00) ok\n",
            "goal: lines doubled 2.00 (<= 0.00) short\n",
            "goal: growth of threads NaN (<= 1.00) short\n",
        ];
        assert_eq!(report.text, goals.concat());
    }
}
