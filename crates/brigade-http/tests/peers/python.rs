//! The virtual environment of the servers that are written in Python, which `.ci/python` makes.
//!
//! The versions in it are listed, and one that was made from another list counts as missing. It
//! never takes a program of the same name that lies elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Peer;

/// For what is a script of ours.
pub(crate) const PYTHON: Peer = ("python", PACKAGE);
pub(crate) const GUNICORN: Peer = ("gunicorn", PACKAGE);
pub(crate) const HYPERCORN: Peer = ("hypercorn", PACKAGE);
pub(crate) const DATASETTE: Peer = ("datasette", PACKAGE);

/// What the command needs.
const PACKAGE: &str = "python3-venv";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/python");
const LIST: &str = include_str!("../../../../.ci/requirements.txt");

/// Whether a program belongs into it.
pub(crate) fn has(program: &str) -> bool {
    let programs = [PYTHON, GUNICORN, HYPERCORN, DATASETTE];
    programs.iter().any(|(name, _)| *name == program)
}

/// Where a program of it is, if it was made from the list as it is now.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let folder = Path::new(FOLDER);
    let made_from = fs::read_to_string(folder.join("requirements.txt")).ok()?;
    let program = folder.join("bin").join(program);
    (made_from == LIST && program.is_file()).then_some(program)
}
