//! The part of the proof that CI runs: some disturbances of each form by each kind.
//!
//! `cargo xtask crash --rounds small` builds what it needs and says where that is. It is the whole
//! program that is run, so what these tests find is found with the same options by hand.
#![cfg(target_os = "linux")]

use std::process::Command;

/// The proof, told where the programs are.
fn proof(args: &[&str]) -> Command {
    let program = |name| {
        let hint = "run by `cargo xtask crash --rounds small`, which says where the programs are";
        std::env::var_os(name).expect(hint)
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade-crash"));
    command.arg("--brigade").arg(program("CRASH_BRIGADE"));
    command.arg("--faults").arg(program("CRASH_FAULTS"));
    command.args(args);
    command
}

/// Runs the proof; what it prints is shown if it fails.
fn prove(args: &[&str]) {
    let said = proof(args).output().expect("the proof starts");
    let (out, errors) = (
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr),
    );
    println!("{out}{errors}");
    assert!(said.status.success(), "{}", said.status);
    assert!(
        out.contains(" disturbances with seed "),
        "it disturbed nothing"
    );
}

#[test]
fn f1j_what_is_done_is_on_disk_when_the_command_says_so() {
    // Every trial of this kind ends with a power cut that takes all that was not synced.
    prove(&[
        "--rounds", "4", "--form", "jsonl", "--form", "files", "--kind", "power",
    ]);
}

#[test]
fn f1k_a_job_survives_what_can_happen_to_it_in_every_form() {
    prove(&["--rounds", "1"]);
}

#[test]
fn f1l_a_fresh_start_that_is_broken_off_passes_nothing_old_for_new() {
    let forms = ["--form", "fresh", "--form", "fresh-files"];
    prove(
        &[
            &["--rounds", "6", "--kind", "mixed", "--kind", "power"],
            &forms[..],
        ]
        .concat(),
    );
}

#[test]
fn f1m_an_index_that_is_torn_costs_nothing_and_names_nothing_that_is_not_there() {
    let forms = ["--form", "files", "--form", "warc", "--form", "warc-plain"];
    prove(&[&["--rounds", "12", "--kind", "torn"], &forms[..]].concat());
}

#[test]
fn ledgers_that_cannot_be_checked_are_said_and_in_ci_a_failure() {
    let args = ["--rounds", "1", "--form", "jsonl", "--kind", "kill"];
    // The shell of SQLite is found through it, the programs are not.
    let mut without = proof(&args);
    let said = without.env("PATH", "").env_remove("CI").output().unwrap();
    assert!(said.status.success(), "{}", said.status);
    assert!(String::from_utf8_lossy(&said.stdout).contains("so no ledger is checked"));
    let said = without.env("CI", "true").output().unwrap();
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).contains("install the package sqlite3"));
}
