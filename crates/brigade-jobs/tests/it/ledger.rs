//! The ledger as its document describes it, read with the bundled SQLite; the peers read it with
//! the `sqlite3` shell.

use std::path::Path;

use brigade_testkit::server::{Reply, Server};
use rusqlite::{Connection, OpenFlags};

use crate::support::{config, run, urls};

#[test]
fn f6a_the_documented_questions_can_be_asked_and_every_column_is_documented() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    run(config(
        urls([server.url("/"), "bad".into()]),
        directory.path(),
    ))
    .unwrap();
    let path = directory.path().join("ledger.db");
    let ledger = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();

    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ledger.md");
    let document = std::fs::read_to_string(document).unwrap();
    let mut asked = 0;
    for block in document.split("```sql\n").skip(1) {
        let sql = block.split("```").next().unwrap();
        let mut statement = ledger.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while rows.next().unwrap().is_some() {}
        asked += 1;
    }
    assert_eq!(asked, 8);

    let sql = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
               WHERE m.type = 'table' AND c.name <> 'id'";
    let mut statement = ledger.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        for name in [0, 1].map(|column| row.get::<_, String>(column).unwrap()) {
            let quoted = format!("`{name}`");
            assert!(
                document.contains(&quoted),
                "docs/ledger.md does not name {quoted}"
            );
        }
    }
}
