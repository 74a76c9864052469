//! The tables of a ledger and their version.
//!
//! docs/ledger.md explains every column; a change here changes [`VERSION`], adds a migration and
//! a line there.

/// The version of the tables below, kept as `user_version`.
pub(crate) const VERSION: i64 = 2;

/// Marks the file as a brigade ledger (`application_id`): "brgd".
pub(crate) const APPLICATION: i64 = 0x6272_6764;

/// What makes an older ledger one of the next version, from version 1 on.
pub(super) const MIGRATIONS: [&str; VERSION as usize - 1] = ["
ALTER TABLE job ADD COLUMN list_form TEXT NOT NULL DEFAULT 'lines';
ALTER TABLE job ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
UPDATE job SET sent_at = updated_at;
ALTER TABLE part ADD COLUMN index_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE failure ADD COLUMN columns TEXT;
"];

pub(super) const TABLES: &str = r#"
CREATE TABLE job (
    id                INTEGER PRIMARY KEY CHECK (id = 1),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('running', 'interrupted', 'done')),
    format            TEXT    NOT NULL,
    watermark         INTEGER NOT NULL,
    checkpoint_line   INTEGER NOT NULL,
    checkpoint_offset INTEGER NOT NULL,
    list_kind         TEXT    NOT NULL,
    list_bytes        INTEGER NOT NULL,
    list_modified     INTEGER NOT NULL,
    list_inode        INTEGER NOT NULL,
    read_lines        INTEGER NOT NULL,
    read_bytes        INTEGER NOT NULL,
    read_complete     INTEGER NOT NULL,
    read_terminated   INTEGER NOT NULL,
    ok                INTEGER NOT NULL,
    skipped           INTEGER NOT NULL,
    requests          INTEGER NOT NULL,
    retries           INTEGER NOT NULL,
    body_bytes        INTEGER NOT NULL,
    runs              INTEGER NOT NULL,
    wall_ms           INTEGER NOT NULL,
    cpu_ms            INTEGER NOT NULL,
    list_form         TEXT    NOT NULL DEFAULT 'lines',
    duplicates        INTEGER NOT NULL DEFAULT 0,
    sent_at           INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE done (
    first INTEGER PRIMARY KEY,
    last  INTEGER NOT NULL CHECK (last >= first)
) STRICT;

CREATE TABLE part (
    number      INTEGER PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    bytes       INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    index_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE failure (
    line        INTEGER PRIMARY KEY,
    url         TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    status      INTEGER,
    message     TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    failed_at   INTEGER NOT NULL,
    list_offset INTEGER NOT NULL,
    list_length INTEGER NOT NULL,
    columns     TEXT
) STRICT;

CREATE TABLE host (
    name         TEXT    PRIMARY KEY,
    paused_until INTEGER NOT NULL,
    strikes      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE status (
    code    INTEGER PRIMARY KEY,
    results INTEGER NOT NULL
) STRICT;

CREATE TABLE list_hash (
    segment INTEGER PRIMARY KEY,
    bytes   INTEGER NOT NULL,
    hash    INTEGER NOT NULL
) STRICT;
"#;
