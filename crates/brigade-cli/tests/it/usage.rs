//! Help, completions and wrong usage.

use crate::kit::Place;
use insta::assert_snapshot;
use std::process::Stdio;

fn said(arguments: &[&str]) -> String {
    Place::new().run(arguments).text()
}

#[test]
fn help_is_as_written_down() {
    assert_snapshot!("help", said(&["--help"]));
    assert_snapshot!("help_fetch", said(&["fetch", "--help"]));
    assert_snapshot!("help_lines", said(&["lines", "--help"]));
    assert_snapshot!("help_demo", said(&["demo", "--help"]));
}

#[test]
fn the_version_is_on_stdout() {
    let run = Place::new().run(&["--version"]);
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stdout,
        format!("brigade {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_one_line_that_names_the_thing_and_the_fix() {
    let cases: &[&[&str]] = &[
        &[],
        &["ftech"],
        &["fetch"],
        &["fetch", "-o", "out"],
        &["fetch", "-o", "", "http://a.test/"],
        &["fetch", "-o", "out", "--frsh", "http://a.test/"],
        &["fetch", "-o", "out", "-i", "list", "http://a.test/"],
        &["fetch", "-o", "out", "-c", "0", "http://a.test/"],
        &["fetch", "-o", "out", "--rate", "100", "http://a.test/"],
        &["fetch", "-o", "out", "--max-body", "big", "http://a.test/"],
        &[
            "fetch",
            "-o",
            "out",
            "--read-timeout",
            "30",
            "http://a.test/",
        ],
        &["fetch", "-o", "out", "--retries", "-1", "http://a.test/"],
        &["fetch", "-o", "out", "--progress", "loud", "http://a.test/"],
        &["fetch", "-o", "out", "-H", "my-secret", "http://a.test/"],
        &["fetch", "-o", "out", "--format", "warc", "http://a.test/"],
        &["fetch", "-o", "out", "--format", "zip", "http://a.test/"],
        &[
            "fetch",
            "-o",
            "out",
            "--format=files",
            "--compress=zstd",
            "http://a.test/",
        ],
        &[
            "fetch",
            "-o",
            "out",
            "--format=files",
            "--json",
            "http://a.test/",
        ],
        &["lines"],
        &["lines", "a.test/log"],
        &["lines", "ftp://a.test/"],
        &["lines", "http://a.test/", "--as", "csv"],
        &["lines", "http://a.test/", "-X", "G T"],
        &["lines", "http://a.test/", "-H", "my-secret"],
        &["lines", "http://a.test/", "--max-line", "0"],
        &["lines", "http://a.test/", "-d", "@nowhere"],
        &["lines", "http://a.test/", "-s", "my-secret"],
        &["lines", "ws://a.test/", "-d", "my-secret"],
        &["lines", "wss://a.test/", "--as", "sse"],
        &["lines", "http://joe:my-secret@[::1/"],
        &["completions", "tcsh"],
    ];
    let mut said = String::new();
    for arguments in cases {
        let run = Place::new().run(arguments);
        run.assert_one_line_error(2);
        assert_eq!(run.stdout, "");
        assert!(!run.stderr.contains("my-secret"));
        said.push_str(&format!(
            "$ brigade {}\n{}",
            arguments.join(" "),
            run.stderr
        ));
    }
    assert_snapshot!("wrong_usage", said);
}

#[test]
fn completions_know_the_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = Place::new().run(&["completions", shell]);
        assert_eq!(run.code, Some(0), "{shell}");
        assert!(run.stdout.contains("host-rate"), "{shell}");
        assert!(run.stdout.contains("skip-blank"), "{shell}");
    }
}

#[test]
fn a_closed_stdout_is_no_error() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["completions", "bash"]] {
        let mut child = place.start(place.brigade(arguments));
        drop(child.stdout.take());
        let run = place.end(child);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[test]
fn what_was_asked_for_and_cannot_be_written_is_an_error() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let place = Place::new();
    for arguments in [&["--help"][..], &["completions", "bash"]] {
        let mut command = place.brigade(arguments);
        command
            .stdout(full.try_clone().unwrap())
            .stderr(Stdio::piped());
        let run = place.end(command.spawn().unwrap());
        run.assert_one_line_error(2);
    }
}

#[test]
fn arguments_that_are_not_unicode_are_refused_in_a_line() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let mut command = place.brigade(&[]);
    command
        .arg(std::ffi::OsStr::from_bytes(b"\xff"))
        .stdout(Stdio::piped());
    place.end(place.start(command)).assert_one_line_error(2);
}
