//! The ledger in the `sqlite3` shell: the questions of docs/ledger.md, and sums that must be right.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Config, Input, Job, ListForm, State, Summary};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::{Failed, Trial};

use crate::programs::{SQLITE, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "f6a_the_documented_questions_have_answers",
            &[SQLITE],
            questions,
        ),
        trial(
            "f6a_the_ledger_is_sound_and_its_numbers_add_up",
            &[SQLITE],
            numbers,
        ),
    ]
}

/// A job of a table that was stopped half-way: results, failures of several kinds, a duplicate, a
/// paused host, open lines.
fn interrupted(directory: &Path) -> Result<(Summary, Server, Server), Failed> {
    let server = Server::start_thread(|request| match request.path() {
        "/missing" => Reply::status(404),
        "/hang" => Reply::hang(),
        _ => Reply::ok("fine"),
    })?;
    let busy = Server::start_thread(|_| Reply::status(429).header("retry-after", "600"))?;
    let mut rows = vec![
        "url,room".to_owned(),
        server.url("/hang,hall"),
        busy.url("/,hall"),
        String::new(),
        "no url,cellar".to_owned(),
    ];
    rows.extend((0..500).map(|n| server.url(&format!("/{n},hall"))));
    rows.push(server.url("/missing,\"attic, left\""));
    rows.push(server.url("/0,attic"));
    let list = directory.join("list.csv");
    std::fs::write(&list, rows.join("\n"))?;
    let mut config = Config::new(Input::File(list), directory);
    config.form = ListForm::Csv {
        column: "url".to_owned(),
    };
    config.dedupe = true;
    config.commit_interval = Duration::from_millis(50);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let summary = runtime.block_on(async {
        let job = Job::open(config)?;
        let (progress, stop) = (job.progress(), Token::new());
        let enough = brigade_testkit::wait::until(|| {
            let now = progress.snapshot();
            now.ok == 500 && now.failed == 2 && now.paused_hosts == 1
        });
        let stopped = async {
            enough.await;
            stop.cancel();
            std::future::pending().await
        };
        tokio::select! {
            summary = job.run(stop.clone()) => summary,
            () = stopped => unreachable!(),
        }
    })?;
    Ok((summary, server, busy))
}

fn sqlite3(ledger: &Path, sql: &str) -> Result<String, Failed> {
    let output = Command::new("sqlite3")
        .args(["-readonly", "-bail", "-csv", "-header"])
        .arg(ledger)
        .arg(sql)
        .output()?;
    if output.status.success() && output.stderr.is_empty() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{sql}\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Every `sql` block of docs/ledger.md.
fn documented() -> Result<Vec<String>, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger.md");
    let text = std::fs::read_to_string(path)?;
    let blocks = text.split("```sql\n").skip(1);
    let sql = |block: &str| block.split("```").next().unwrap_or_default().to_owned();
    Ok(blocks.map(sql).collect())
}

fn questions() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (_, server, busy) = interrupted(directory.path())?;
    let ledger = directory.path().join("ledger.db");
    let answers: Result<Vec<_>, _> = documented()?
        .iter()
        .map(|sql| sqlite3(&ledger, sql))
        .collect();
    let answers = answers?;
    let expected = [
        "state,read_lines,ok,skipped,duplicates,failed,pending\ninterrupted,507,500,2,1,2,2\n",
        "kind,status,lines,example\nbad_url,,1,\"relative URL without a base\"\n",
        &format!("site,lines\n{},1\n", server.url("/")),
        "room,lines\n\"attic, left\",1\ncellar,1\n",
        &format!("name,strikes,seconds\n{},1,", busy.address()),
        "finished\n0\n",
        "first_open,last_open\n1,2\n",
        "results_per_second,megabytes,cpu_seconds,runs\n",
    ];
    assert_eq!(
        answers.len(),
        expected.len(),
        "docs/ledger.md has another number of questions"
    );
    for (answer, expected) in answers.iter().zip(expected) {
        let answer = answer.replace('\r', "");
        let lines: Vec<_> = expected.lines().collect();
        for line in lines {
            assert!(
                answer.lines().any(|each| each.starts_with(line)),
                "{line} is not in\n{answer}"
            );
        }
    }
    Ok(())
}

fn numbers() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let (summary, ..) = interrupted(directory.path())?;
    assert_eq!(summary.state, State::Interrupted);
    let ledger = directory.path().join("ledger.db");
    let answer = |sql: &str| -> Result<String, Failed> {
        let text = sqlite3(&ledger, sql)?;
        Ok(text.lines().nth(1).unwrap_or_default().trim().to_owned())
    };
    assert_eq!(answer("PRAGMA integrity_check")?, "ok");
    assert_eq!(answer("PRAGMA user_version")?, "2");
    assert_eq!(answer("SELECT watermark FROM job")?, "1");
    assert_eq!(answer("SELECT sum(last - first + 1) FROM done")?, "504");
    assert_eq!(answer("SELECT sum(records) FROM part")?, "500");
    let bytes: u64 = answer("SELECT sum(bytes) FROM part")?.parse()?;
    assert_eq!(
        bytes,
        std::fs::metadata(directory.path().join("part-00000.jsonl"))?.len()
    );
    assert_eq!(bytes, summary.output_bytes);
    assert_eq!(
        answer("SELECT sum(results) FROM status WHERE code = 200")?,
        "500"
    );
    Ok(())
}
