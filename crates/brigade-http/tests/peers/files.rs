//! The files that every server of the table serves, written once.
//!
//! They are never changed while a server runs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::bodies::{content, write_large};

/// How many files there are, besides `large`.
pub(crate) const FILES: usize = 1000;

/// The folder with the files, which is written when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Files(OnceLock<TempDir>);

impl Files {
    pub(crate) fn folder(&self) -> Result<&Path, Failed> {
        if let Some(folder) = self.0.get() {
            return Ok(folder.path());
        }
        let folder = write()?;
        Ok(self.0.get_or_init(|| folder).path())
    }
}

fn write() -> std::io::Result<TempDir> {
    let folder = TempDir::with_prefix("brigade-files-")?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    for number in 0..FILES {
        fs::write(folder.path().join(number.to_string()), content(number))?;
    }
    fs::write(folder.path().join("headers"), "headers")?;
    write_large(folder.path())?;
    Ok(folder)
}
