//! Runs the tests of interleavings: the library compiled so that shuttle decides who runs next.
//!
//! The build differs in every crate's flags, so it has a target directory of its own.

use std::path::Path;

use crate::run::{Failed, cargo_with};

const TESTS: &str = "interleavings::";

/// The options, as the environment variables that the tests read, and a filter.
pub(crate) fn run(root: &Path, args: &[String]) -> Result<(), Failed> {
    let mut vars = Vec::new();
    let mut filter = TESTS;
    let mut rest = args.iter();
    while let Some(word) = rest.next() {
        let name = match word.as_str() {
            "--iterations" => "BRIGADE_SHUTTLE_ITERATIONS",
            "--seed" => "SHUTTLE_RANDOM_SEED",
            "--replay" => "BRIGADE_SHUTTLE_REPLAY",
            option if option.starts_with('-') => {
                return Err(Failed(format!("there is no option {option}")));
            }
            name => {
                filter = name;
                continue;
            }
        };
        let value = rest.next();
        let value = value.ok_or_else(|| Failed(format!("{word} needs a value")))?;
        vars.push((name, value.as_str()));
    }
    let target = root.join("target/shuttle");
    let target = target.to_string_lossy();
    vars.extend([
        ("RUSTFLAGS", "--cfg shuttle -D warnings"),
        ("CARGO_TARGET_DIR", &target),
    ]);
    let call = ["test", "--package", "brigade", "--lib", "--", filter];
    cargo_with(root, &call, &vars)
}
