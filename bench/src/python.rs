//! The Python originals, for scale: what the same pattern costs where it is pasted from.

use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::report::Report;

const SCRIPTS: [&str; 6] = [
    "task_group",
    "job_queue",
    "semaphore",
    "token_bucket",
    "to_thread",
    "read_lines",
];

/// Prints a row for each thing that the scripts measure; says so if there is no Python.
pub fn run(report: &mut Report) -> Result<()> {
    report.line("\n### The asyncio originals, for scale\n");
    let version = Command::new("python3").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        report.line("python3 is not here: skipped.");
        return Ok(());
    }
    report.line("| what | CPU ns per op | wall ns per op | Python |");
    report.line("|---|---|---|---|");
    for script in SCRIPTS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let output = Command::new("python3")
            .arg(folder.join(format!("{script}.py")))
            .output()?;
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{script}.py: {}: {error}", output.status).into());
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            row(report, &serde_json::from_str(line)?);
        }
    }
    Ok(())
}

fn row(report: &mut Report, line: &serde_json::Value) {
    let number = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
    let text = |key: &str| line[key].as_str().unwrap_or("?").to_owned();
    report.line(format!(
        "| {} | {:.0} | {:.0} | {} |",
        text("what"),
        number("cpu_seconds") / number("ops") * 1e9,
        number("ns_per_op"),
        text("python"),
    ));
}
