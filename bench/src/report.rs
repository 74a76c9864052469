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
}

impl Side {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            runs: Vec::new(),
        }
    }

    pub fn cpu(&self) -> f64 {
        median(self.runs.iter().map(|run| run.cpu))
    }
}

/// The text of a report, printed as it grows.
#[derive(Debug, Default)]
pub struct Report {
    text: String,
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

    /// The goal line of two sides whose ratio is taken round by round, so that drift cancels out.
    pub fn goal(&mut self, what: &str, ours: &Side, theirs: &Side, goal: f64) {
        let pairs = ours.runs.iter().zip(&theirs.runs);
        let ratio = median(pairs.map(|(ours, theirs)| ours.cpu / theirs.cpu));
        self.goal_value(what, ratio, "x", goal);
    }

    /// The goal line of a plain value that must not exceed its goal.
    pub fn goal_value(&mut self, what: &str, value: f64, unit: &str, goal: f64) {
        let verdict = if value <= goal { "ok" } else { "short" };
        self.line(format!(
            "goal: {what} {value:.2}{unit} (<= {goal:.2}{unit}) {verdict}"
        ));
    }

    /// Keeps the report as `bench/runs/DATE-NAME.md`.
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
        Ok(())
    }
}
