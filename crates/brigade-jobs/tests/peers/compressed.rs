//! Compressed parts, read by the programs that everyone has for them, whole and after a kill.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use brigade::cancel::Token;
use brigade_jobs::{Compression, Config, Input};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::{Failed, Trial};

use crate::programs::{GZIP, PYTHON, SQLITE, ZSTD, python, said, trial};
use crate::sent::{Sent, parts, run};

/// Names the directory of the job that a child of ours is to run until it is killed.
pub(crate) const CHILD: &str = "BRIGADE_JOBS_READ_CHILD";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "f6f_gzip_duckdb_pandas_and_python_read_gzip_parts",
            &[GZIP, PYTHON],
            f6f_gzip_duckdb_pandas_and_python_read_gzip_parts,
        ),
        trial(
            "f6f_zstd_and_duckdb_read_zstd_parts",
            &[ZSTD, PYTHON],
            f6f_zstd_and_duckdb_read_zstd_parts,
        ),
        trial(
            "f6f_a_gzip_part_of_a_killed_job_is_whole_up_to_its_last_commit",
            &[GZIP, SQLITE],
            f6f_a_gzip_part_of_a_killed_job_is_whole_up_to_its_last_commit,
        ),
        trial(
            "f6f_a_zstd_part_of_a_killed_job_is_whole_up_to_its_last_commit",
            &[ZSTD, SQLITE],
            f6f_a_zstd_part_of_a_killed_job_is_whole_up_to_its_last_commit,
        ),
    ]
}

fn f6f_gzip_duckdb_pandas_and_python_read_gzip_parts() -> Result<(), Failed> {
    whole(Compression::Gzip, "gzip")
}

fn f6f_zstd_and_duckdb_read_zstd_parts() -> Result<(), Failed> {
    whole(Compression::Zstd, "zstd")
}

fn whole(compression: Compression, program: &str) -> Result<(), Failed> {
    let sent = Sent::new(|config| {
        config.compression = compression;
        config.part_max = 1 << 12;
    })?;
    let parts = sent.parts()?;
    said(Command::new(program).args(["-q", "-t"]).args(&parts))?;
    let text = said(Command::new(program).args(["-q", "-d", "-c"]).args(&parts))?;
    assert_eq!(text.lines().count(), sent.hashes.len());
    let glob = match compression {
        Compression::Gzip => "part-*.jsonl.gz",
        _ => "part-*.jsonl.zst",
    };
    for reader in ["read_json_auto", "read_ndjson"] {
        let mut command = python("with_duckdb.py");
        command.args(["bodies", reader]);
        let text = said(command.arg(sent.directory().join(glob)))?;
        assert_eq!(text, sent.expected());
    }
    if compression == Compression::Gzip {
        let text = said(python("with_pandas.py").arg("bodies").args(&parts))?;
        assert_eq!(text, sent.expected());
        let text = said(python("with_python.py").args(&parts))?;
        assert_eq!(text, sent.expected());
    }
    Ok(())
}

/// The job that is killed, in a process of its own.
pub(crate) fn child(directory: &Path) -> ExitCode {
    let form = fs::read_to_string(directory.join("form")).unwrap_or_default();
    let mut config = Config::new(Input::File(directory.join("list")), directory.join("out"));
    config.compression = match form.as_str() {
        "gzip" => Compression::Gzip,
        _ => Compression::Zstd,
    };
    config.commit_every = 50;
    match run(config, &Token::new()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn f6f_a_gzip_part_of_a_killed_job_is_whole_up_to_its_last_commit() -> Result<(), Failed> {
    killed("gzip")
}

fn f6f_a_zstd_part_of_a_killed_job_is_whole_up_to_its_last_commit() -> Result<(), Failed> {
    killed("zstd")
}

fn killed(program: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    kill(program, folder.path(), &out.join("ledger.db"))?;
    let (bytes, records) = committed(&out.join("ledger.db"))?;
    let part = parts(&out)?.remove(0);
    // Whatever was on its way when it was killed, and if that was nothing, something torn.
    let mut left = fs::read(&part)?;
    assert!(left.len() >= bytes);
    left.extend_from_slice(b"torn");
    left.truncate(bytes + 100);
    fs::write(&part, &left)?;
    let mut unpack = Command::new(program);
    unpack.args(["-q", "-d", "-c"]).arg(&part);
    let seen = unpack.stdin(Stdio::null()).output()?.stdout;
    let seen = String::from_utf8_lossy(&seen).lines().count();
    assert!(seen >= records, "{program} shows {seen} of {records}");
    // Cut where the ledger says, it is without a fault.
    fs::write(&part, &left[..bytes])?;
    said(Command::new(program).args(["-q", "-t"]).arg(&part))?;
    let text = said(Command::new(program).args(["-q", "-d", "-c"]).arg(&part))?;
    assert_eq!(text.lines().count(), records);
    let whole = |line: &str| line.starts_with("{\"index\":") && line.ends_with("\"}");
    assert!(text.lines().all(whole));
    Ok(())
}

/// Starts a job in a process of its own, and kills that when some of it is committed.
fn kill(program: &str, folder: &Path, ledger: &Path) -> Result<(), Failed> {
    let server = Server::start_thread(|request| match request.path() {
        "/hang" => Reply::hang(),
        path => Reply::ok(format!("page {path} ").repeat(100)),
    })?;
    // One that hangs keeps the job from its end, whatever this machine is busy with.
    let mut list: String = (0..2000).map(|n| server.url(&format!("/{n}\n"))).collect();
    list.push_str(&server.url("/hang\n"));
    fs::write(folder.join("list"), list)?;
    fs::write(folder.join("form"), program)?;
    let mut child = Command::new(std::env::current_exe()?)
        .env(CHILD, folder)
        .stdin(Stdio::null())
        .spawn()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let some = || committed(ledger).is_ok_and(|(_, records)| records >= 500);
    runtime.block_on(brigade_testkit::wait::until(|| ledger.exists() && some()));
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// The committed bytes and records of the only part.
fn committed(ledger: &Path) -> Result<(usize, usize), Failed> {
    let mut command = Command::new("sqlite3");
    command.args(["-readonly", "-separator", " "]).arg(ledger);
    let text = said(command.arg("SELECT bytes, records FROM part WHERE number = 0"))?;
    let (bytes, records) = text.trim().split_once(' ').ok_or("no part")?;
    Ok((bytes.parse()?, records.parse()?))
}
