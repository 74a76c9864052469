//! Where it plays: two files and the nginx that serves them, gone with the value.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::corpus;
use super::sides::Counts;
use crate::Result;
use crate::nginx::Nginx;
use crate::venv::Venv;

/// Python reads so much less of it.
const PART: usize = 16;

/// A file that is served, and what is in it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) url: String,
    pub(super) counts: Counts,
}

#[derive(Debug)]
pub(super) struct Place {
    // Dropped first, so that the server ends before its files.
    _nginx: Nginx,
    _folder: tempfile::TempDir,
    pub(super) whole: Served,
    pub(super) part: Served,
    /// Why there is none, otherwise.
    pub(super) venv: std::result::Result<Venv, String>,
}

impl Place {
    pub(super) fn new(mebibytes: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // nginx drops its privileges, so the way to the files must be open to everybody.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let root = folder.path().join("root");
        fs::create_dir_all(&root)?;
        let bytes = mebibytes << 20;
        let whole = corpus::write(&root.join("whole"), bytes)?;
        let part = corpus::write(&root.join("part"), bytes / PART)?;
        let nginx = Nginx::start(folder.path(), &root)?;
        let served = |name: &str, counts| Served {
            url: format!("{}/{name}", nginx.base()),
            counts,
        };
        Ok(Self {
            whole: served("whole", whole),
            part: served("part", part),
            _nginx: nginx,
            _folder: folder,
            venv: Venv::make().map_err(|error| error.to_string()),
        })
    }
}
