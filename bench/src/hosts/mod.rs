//! The same list against a thousand hosts, of which some misbehave: who loses what, and what it costs.
//!
//! `bench hosts [--hosts N] [--count N]`: all sides in one run, each against hosts that are as new.
//! The server is the referee and counts the requests; outputs are held against what the hosts have.
//! A side that hangs is ended at a limit, and its row says so. It fails if brigade misses a page, has
//! one twice or a wrong one, or asks a host within its `Retry-After`.

mod check;
pub mod lateness;
pub mod manner;
pub mod score;
pub mod server;
mod sides;

use std::time::Duration;

pub use sides::brigade;

use self::check::{Found, Wrong};
use self::score::{Scene, Score, Server};
use self::sides::{Place, Who};
use crate::Result;
use crate::measure::Cost;
use crate::report::Report;
use crate::watch::{self, End};

/// The longest that a side may take.
const LIMIT: Duration = Duration::from_secs(400);

/// What came of one side.
#[derive(Debug)]
struct Row {
    cost: Cost,
    end: End,
    wrong: Wrong,
    score: Score,
}

/// Runs all sides against `hosts` hosts, with `count` URLs.
pub fn run([hosts, count]: [usize; 2]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = Server::start(Scene::Faults { hosts })?;
    let place = Place::new(folder.path(), hosts, count, server.port)?;
    let mut report = Report::default();
    report.line(format!(
        "\n### {count} URLs of {hosts} hosts: of every hundred 6 ask for 2 to 5 s of patience (429), 3 answer 503 for \
         3 s, 2 reset each page's first request, 5 take a second, 3 send slowly, 10 close; and 6 are bad for \
         good: silent, endless, cut, badly chunked, reset, redirecting in a circle; \
         a side is ended after {} s\n",
        LIMIT.as_secs()
    ));
    report.line(
        "| side | good URLs missing | doubled | results that are none | requests during Retry-After | requests | most at \
         one time to one host | peak MiB | CPU s | wall s | exit |",
    );
    report.line("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut ours = None;
    for who in Who::ALL {
        if let Some(why) = place.obstacle(who) {
            report.line(format!("| {who:?} | {why} |"));
            continue;
        }
        let row = side(who, &place, &mut server, Found::new(hosts, count))?;
        report.line(line(who, &row));
        if who == Who::Brigade {
            let account = check::account(&place.path("out"), count)?;
            ours = Some((row, account));
        }
    }
    let (row, account) = ours.ok_or("brigade did not take part")?;
    report.line(format!("\nbrigade: {account}."));
    proofs(&mut report, &row);
    report.keep("hosts")
}

fn side(who: Who, place: &Place, server: &mut Server, mut found: Found) -> Result<Row> {
    server.begin()?;
    let (cost, end) = watch::run(place.command(who)?, LIMIT, |_| Ok(()))?;
    let score = server.score()?;
    place.read(who, &mut found)?;
    Ok(Row {
        cost,
        end,
        wrong: found.wrong(),
        score,
    })
}

fn line(who: Who, row: &Row) -> String {
    let Row {
        cost,
        end,
        wrong,
        score,
    } = row;
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {end} |",
        who.name(),
        wrong.missing,
        wrong.doubled,
        wrong.spoiled,
        score.impatient,
        score.requests,
        score.most,
        cost.rss_mib,
        cost.cpu,
        cost.wall,
    )
}

fn proofs(report: &mut Report, row: &Row) {
    for (what, number) in [
        ("good URLs that brigade misses", row.wrong.missing),
        ("that it has twice", row.wrong.doubled),
        ("results of brigade's that are none", row.wrong.spoiled),
        (
            "requests of brigade's during Retry-After",
            row.score.impatient as usize,
        ),
    ] {
        report.proof(what, number as f64, 0.0);
    }
}

/// Runs the server, in a process of its own.
pub async fn serve(words: &[&str]) -> Result<()> {
    server::run(Scene::of_words(words)?).await
}
