//! Opens a ledger to look at: one that a job writes to, one at rest, or a copy that nobody can
//! write to.
//!
//! It refuses what it would misread: a newer ledger, a foreign database, a copy whose latest
//! commits it cannot see. It never migrates an older one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use url::Url;

use crate::directory::LEDGER;
use crate::error::Error;
use crate::ledger::{APPLICATION, VERSION, as_it_lies, sqlite_error};
use crate::schedule::host_name;

/// How long a look waits for a job that has the ledger for itself, which is while it opens it.
const PATIENCE: Duration = Duration::from_secs(5);

/// A look into the ledger of a job, which may be running.
///
/// # Examples
///
/// ```
/// use brigade::cancel::Token;
/// use brigade_jobs::{Activity, Config, FailureFilter, Input, Job, LedgerView};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let directory = tempfile::tempdir()?;
/// let input = Input::Urls(vec!["not a url".to_owned()]);
/// Job::open(Config::new(input, directory.path()))?.run(Token::new()).await?;
///
/// let view = LedgerView::open(directory.path())?;
/// let status = view.status()?;
/// assert_eq!((status.activity, status.failed), (Activity::Done, 1));
/// for failure in view.failures(&FailureFilter::default()) {
///     assert_eq!(failure?.kind, "bad_url");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LedgerView {
    pub(super) directory: PathBuf,
    path: PathBuf,
    pub(super) connection: Connection,
}

impl LedgerView {
    /// Opens the ledger in the output directory of a job. It does a little blocking I/O.
    ///
    /// # Errors
    ///
    /// [`Error::NoJob`] if there is none, [`Error::LedgerNewer`], [`Error::LedgerDamaged`] or
    /// [`Error::ForeignDatabase`] if it cannot be understood, [`Error::Unreadable`] if the system does not allow it.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = directory.as_ref();
        let path = directory.join(LEDGER);
        let no_job = |reason| Error::NoJob {
            path: directory.to_owned(),
            reason,
        };
        if !directory.is_dir() {
            return Err(no_job(match directory.exists() {
                true => "it is no directory",
                false => "it does not exist",
            }));
        }
        if !path.exists() {
            return Err(no_job("it holds no ledger.db"));
        }
        let connection = connect(&path)?;
        let view = Self {
            directory: directory.to_owned(),
            path,
            connection,
        };
        match view.begun() {
            Ok(true) => Ok(view),
            Ok(false) => Err(no_job("its ledger is empty")),
            Err(error) => Err(error),
        }
    }

    /// Whether it is a ledger that this build understands, and of a job that has begun.
    fn begun(&self) -> Result<bool, Error> {
        let number = |sql: &str| -> Result<i64, Error> {
            let found = self.connection.query_row(sql, [], |row| row.get(0));
            found.map_err(|source| self.error(&source))
        };
        let found = number("PRAGMA user_version")?;
        let ours = number("PRAGMA application_id")? == APPLICATION;
        if ours && found > VERSION {
            return Err(Error::LedgerNewer {
                path: self.path.clone(),
                found,
                known: VERSION,
            });
        }
        if ours {
            return Ok(number("SELECT count(*) FROM job")? > 0);
        }
        if number("SELECT count(*) FROM sqlite_schema")? == 0 {
            return Ok(false);
        }
        Err(Error::ForeignDatabase(self.path.clone()))
    }

    pub(super) fn error(&self, source: &rusqlite::Error) -> Error {
        of_reading(&self.path, source)
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(prepared);
    let refused = match opened {
        Err(error) if cannot_share(&error) => error,
        opened => return opened.map_err(|source| of_reading(path, &source)),
    };
    // SQLite cannot make the files beside the ledger by which readers and writers know of each
    // other. Where it cannot, no job can write either, so the ledger may be taken as it lies there,
    // unless some of it lies in the log.
    let log = path.with_extension("db-wal");
    if log.metadata().is_ok_and(|log| log.len() > 0) {
        return Err(Error::Unreadable {
            path: path.to_owned(),
            reason: format!(
                "{refused}; the latest commits are in ledger.db-wal, so copy both files to a \
                 directory that can be written to"
            ),
        });
    }
    let flags = flags | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(as_it_lies(path), flags)
        .and_then(prepared)
        .map_err(|source| of_reading(path, &source))
}

/// The connection with its settings, once it has read something.
fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch("PRAGMA cache_size = -512")?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("host_of", 1, flags, |given| {
        let url = Url::parse(given.get_raw(0).as_str().unwrap_or_default());
        Ok(url.ok().map(|url| host_name(&url).to_owned()))
    })?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn cannot_share(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    )
}

/// An error about a ledger that is only looked at.
fn of_reading(path: &Path, source: &rusqlite::Error) -> Error {
    match sqlite_error(path, source) {
        Error::Ledger { path, reason } => Error::Unreadable { path, reason },
        damaged => damaged,
    }
}
