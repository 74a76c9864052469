//! The command against programs that others wrote: nginx serves, curl fetches the same, sqlite3
//! reads the ledger, gzip packs a bomb, script plays a terminal, and the guide is done as it says.
//!
//! A peer that is not installed makes its trial ignored, with the package in its name; with
//! `CI=true` it fails instead. Every server listens on a free port of loopback with its files in a
//! temporary directory, and ends with the trial.

mod guide;
mod lines;
mod nginx;
mod tree;
mod trials;

use libtest_mimic::{Arguments, Failed, Trial};
use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

/// A trial and the packages that it needs.
struct Needing {
    name: &'static str,
    peers: &'static [Peer],
    run: fn() -> Result<(), Failed>,
}

/// A program and the Debian package that has it.
struct Peer {
    program: &'static str,
    package: &'static str,
}

const NGINX: Peer = Peer {
    program: "nginx",
    package: "nginx-light",
};
const SQLITE: Peer = Peer {
    program: "sqlite3",
    package: "sqlite3",
};
const CURL: Peer = Peer {
    program: "curl",
    package: "curl",
};
const GZIP: Peer = Peer {
    program: "gzip",
    package: "gzip",
};
const SCRIPT: Peer = Peer {
    program: "script",
    package: "bsdutils",
};

const JQ: Peer = Peer {
    program: "jq",
    package: "jq",
};
const PYTHON: Peer = Peer {
    program: "python",
    package: "what .ci/python makes",
};

const TRIALS: [Needing; 8] = [
    Needing {
        name: "a_tree_served_by_nginx_arrives_whole_and_its_ledger_reads_in_sqlite",
        peers: &[NGINX, SQLITE],
        run: trials::tree_arrives_whole,
    },
    Needing {
        name: "bodies_are_those_that_curl_gets",
        peers: &[NGINX, CURL],
        run: trials::same_as_curl,
    },
    Needing {
        name: "lines_are_those_that_curl_gets",
        peers: &[NGINX, CURL],
        run: lines::same_as_curl,
    },
    Needing {
        name: "bodies_packed_by_nginx_are_unpacked",
        peers: &[NGINX],
        run: trials::packed_bodies_are_unpacked,
    },
    Needing {
        name: "a_gzip_bomb_is_too_large_and_takes_no_memory",
        peers: &[GZIP],
        run: trials::gzip_bomb,
    },
    Needing {
        name: "on_a_terminal_there_is_a_bar_and_only_the_report_stays",
        peers: &[SCRIPT],
        run: trials::bar_on_a_terminal,
    },
    Needing {
        name: "f6h_the_guide_prints_what_it_says",
        peers: &[JQ, SQLITE, PYTHON],
        run: guide::f6h_the_guide_prints_what_it_says,
    },
    Needing {
        name: "f6h_the_guide_names_what_is_there",
        peers: &[],
        run: guide::f6h_the_guide_names_what_is_there,
    },
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, TRIALS.iter().map(trial).collect()).exit_code()
}

fn trial(needing: &Needing) -> Trial {
    let missing: Vec<_> = needing
        .peers
        .iter()
        .filter(|peer| find(peer.program).is_none())
        .collect();
    if missing.is_empty() {
        return Trial::test(needing.name, needing.run);
    }
    let packages: Vec<_> = missing.iter().map(|peer| peer.package).collect();
    let packages = packages.join(", ");
    let required = env::var("CI").is_ok_and(|ci| ci == "true");
    let complaint = format!("not installed: {packages}");
    Trial::test(needing.name, move || Err(complaint.into()))
        .with_kind(format!("needs {packages}"))
        .with_ignored_flag(!required)
}

/// Where a program is: on the path, or where system programs are.
fn find(program: &str) -> Option<PathBuf> {
    if program == PYTHON.program {
        return guide::python();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let places = env::split_paths(&path).chain(system);
    places
        .map(|place| place.join(program))
        .find(|file| file.is_file())
}
