//! The one place where SQLite's errors become ours.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::Error;

/// An error of SQLite about the ledger at `path`.
pub(crate) fn error(path: &Path, source: &rusqlite::Error) -> Error {
    let (path, reason) = (path.to_owned(), source.to_string().replace('\n', " "));
    let damaged = match source {
        rusqlite::Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ),
        rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::QueryReturnedNoRows => true,
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => true,
        // A table or column that should be there is not.
        rusqlite::Error::SqlInputError { .. } | rusqlite::Error::InvalidColumnName(_) => true,
        rusqlite::Error::Utf8Error(..) => true,
        _ => false,
    };
    if damaged {
        Error::LedgerDamaged { path, reason }
    } else {
        Error::Ledger { path, reason }
    }
}

/// Whether an error is about the system at this moment and says nothing about the ledger.
pub(super) fn may_pass(source: &rusqlite::Error) -> bool {
    let code = source.sqlite_error_code();
    code.is_some_and(|code| {
        matches!(
            code,
            ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
        )
    })
}
