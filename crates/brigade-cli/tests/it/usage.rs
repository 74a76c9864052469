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
    assert_snapshot!("help_status", said(&["status", "--help"]));
    assert_snapshot!("help_failures", said(&["failures", "--help"]));
    assert_snapshot!("help_man", said(&["man", "--help"]));
}

#[test]
fn help_as_a_command_is_help_as_a_flag() {
    assert_eq!(said(&["help"]), said(&["--help"]));
    for command in ["fetch", "lines", "demo", "status", "failures", "man"] {
        assert_eq!(said(&["help", command]), said(&[command, "--help"]));
    }
    assert_snapshot!("help_of_nothing", said(&["help", "ftech"]));
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
        &[
            "fetch",
            "-o",
            "out",
            "--format=warc",
            "--compress=zstd",
            "http://a.test/",
        ],
        &[
            "fetch",
            "-o",
            "out",
            "--format=warc",
            "--json",
            "http://a.test/",
        ],
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
        &["fetch", "-o", "out", "--retry", "404", "http://a.test/"],
        &["fetch", "-o", "out", "--retry", "dnss=1", "http://a.test/"],
        &[
            "fetch",
            "-o",
            "out",
            "--retry",
            "too_large=1",
            "http://a.test/",
        ],
        &[
            "fetch",
            "-o",
            "out",
            "--retry-failed=never",
            "http://a.test/",
        ],
        &[
            "fetch",
            "-o",
            "out",
            "--retry-failed=bad_url",
            "http://a.test/",
        ],
        &[
            "fetch",
            "-o",
            "out",
            "--max-failure-rate",
            "5",
            "http://a.test/",
        ],
        &["fetch", "-o", "out", "--max-pause", "0", "http://a.test/"],
        &[
            "fetch",
            "-o",
            "out",
            "--failure-rate-after",
            "5",
            "http://a.test/",
        ],
        &["status"],
        &["status", "a", "b"],
        &["failures", "out", "--kind", "timeouts"],
        &["failures", "out", "--host", "http://a.test/"],
        &["failures", "out", "--json", "--urls"],
        &["man", "ls"],
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
        for word in ["failures", "status", "man", "max-failure-rate", "summary"] {
            assert!(run.stdout.contains(word), "{word} in {shell}");
        }
    }
}

#[test]
fn f11f_pages_of_the_manual_are_what_man_accepts_without_a_warning() {
    let place = Place::new();
    let pages = [
        None,
        Some("fetch"),
        Some("lines"),
        Some("status"),
        Some("failures"),
        Some("man"),
    ];
    for page in pages {
        let words: Vec<_> = ["man"].into_iter().chain(page).collect();
        let run = place.run(&words);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{page:?}");
        assert!(run.stdout.contains("\n.SH NAME\n"), "{run:?}");
        let file = place.file("page.1", &run.stdout);
        let mut formatter = std::process::Command::new("groff");
        formatter.args(["-man", "-ww", "-Tutf8"]).arg(file);
        // Without a formatter on this machine the page is at least there.
        if let Ok(formatted) = formatter.output() {
            let warned = String::from_utf8_lossy(&formatted.stderr).into_owned();
            assert_eq!(warned, "", "{page:?}");
            assert!(formatted.status.success() && !formatted.stdout.is_empty());
        }
    }
}

#[test]
fn a_closed_stdout_is_no_error() {
    let place = Place::new();
    for arguments in [&["--help"][..], &["completions", "bash"], &["man", "fetch"]] {
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
