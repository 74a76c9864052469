//! Whether a cut leaves what it may leave, and nothing that it may not.

use super::*;

fn written(inode: u64, offset: u64, data: &[u8]) -> Record {
    Record::Written {
        inode,
        offset,
        data: data.to_vec(),
    }
}

/// Plays the records below a directory, cuts the power with many seeds, and hands what is left of
/// the file `name` to `check`.
fn cuts(records: impl Fn(&str) -> Vec<Record>, name: &str) -> Vec<Option<Vec<u8>>> {
    (0..64)
        .map(|seed| {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().to_str().unwrap();
            let mut disk = Disk::new(folder.path());
            for record in records(root) {
                disk.play(record).unwrap();
            }
            disk.cut(&mut Rng::with_seed(seed), Mercy::Chance).unwrap();
            fs::read(folder.path().join(name)).ok()
        })
        .collect()
}

fn made(root: &str, name: &str) -> Record {
    Record::Opened {
        inode: 1,
        path: format!("{root}/{name}"),
        created: true,
    }
}

#[test]
fn what_is_synced_is_there_and_nothing_else_for_certain() {
    let synced = |root: &str| {
        let path = root.to_owned();
        let synced = Record::Synced { inode: 1 };
        let directory = Record::SyncedDirectory { path };
        vec![
            made(root, "a"),
            written(1, 0, b"safe"),
            synced,
            directory,
            written(1, 4, b"risk"),
        ]
    };
    let left = cuts(synced, "a");
    assert!(
        left.iter()
            .all(|file| file.as_ref().is_some_and(|file| file.starts_with(b"safe")))
    );
    for length in [4, 8] {
        assert!(
            left.iter().flatten().any(|file| file.len() == length),
            "{length}"
        );
    }
    assert!(left.iter().flatten().any(|file| file.ends_with(b"risk")));
}

#[test]
fn a_file_vanishes_or_not_while_its_directory_is_not_synced() {
    let alone = |root: &str| {
        vec![
            made(root, "a"),
            written(1, 0, b"x"),
            Record::Synced { inode: 1 },
        ]
    };
    let left = cuts(alone, "a");
    assert!(left.iter().any(Option::is_none));
    assert!(left.iter().any(|file| file.as_deref() == Some(b"x")));
}

#[test]
fn a_rename_that_is_not_synced_leaves_the_old_file_or_the_new_one() {
    let renamed = |root: &str| {
        let old = Record::Opened {
            inode: 2,
            path: format!("{root}/b"),
            created: true,
        };
        let directory = Record::SyncedDirectory {
            path: root.to_owned(),
        };
        let (from, to) = (format!("{root}/a"), format!("{root}/b"));
        vec![
            old,
            written(2, 0, b"old"),
            Record::Synced { inode: 2 },
            made(root, "a"),
            written(1, 0, b"new"),
            Record::Synced { inode: 1 },
            directory,
            Record::Renamed { from, to },
        ]
    };
    let left = cuts(renamed, "b");
    for content in [&b"old"[..], b"new"] {
        assert!(left.iter().any(|file| file.as_deref() == Some(content)));
    }
    assert!(left.iter().all(Option::is_some));
}
