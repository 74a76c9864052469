//! Places of files, blocks that stand for themselves, and what goes together.

use std::collections::HashSet;
use std::io::Read;

use proptest::prelude::*;
use url::Url;

use super::*;
use crate::error::Error;
use crate::record::{Capture, Success, pack};

fn success(index: u64, body: &[u8]) -> Success {
    let mut data = format!("{{\"index\":{index}").into_bytes();
    let body_at = data.len();
    data.extend_from_slice(body);
    Success {
        index,
        status: 200,
        data,
        body_at,
        place: Some(place(&Url::parse("http://a.test/x.bin").unwrap(), index).into()),
        elapsed_us: 1500,
        budget: 0,
    }
}

#[track_caller]
fn check(url: &str, expected: &str) {
    assert_eq!(place(&Url::parse(url).unwrap(), 7), expected, "{url}");
}

#[test]
fn f7e_a_place_reads_like_its_url() {
    check("http://a.test/", "files/a.test/index~7");
    check(
        "http://a.test:8080/b/c.html",
        "files/a.test%3A8080/b/c~7.html",
    );
    check(
        "http://a.test/b/?q=1&r=ü",
        "files/a.test/b/index%3Fq=1%26r=%C3%BC~7",
    );
    check("http://a.test/c.tar.gz#part", "files/a.test/c.tar~7.gz");
    check("http://[::1]/x", "files/%5B%3A%3A1%5D/x~7");
    check("http://u:secret@a.test/.hidden", "files/a.test/%2Ehidden~7");
    check("http://a.test//b///c", "files/a.test/b/c~7");
}

proptest! {
    #[test]
    fn f7e_no_place_leads_out_of_the_directory_or_is_too_long(path in "\\PC{0,300}", dots in 0usize..9) {
        let text = format!("http://a.test/{}{path}", "../%2e%2e/..;/".repeat(dots));
        let Ok(url) = Url::parse(&text) else { return Ok(()) };
        let place = place(&url, 3);
        prop_assert!(place.starts_with("files/a.test/"), "{}", place);
        prop_assert!(place.len() < 1200);
        for name in place.split('/') {
            prop_assert!(!name.is_empty() && !name.starts_with('.') && name.len() < 255, "{}", place);
            prop_assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'), "{}", place);
        }
    }

    #[test]
    fn f7e_two_lines_never_have_one_place(urls in prop::collection::vec("[a-c~/.?0-9]{0,6}", 2..20)) {
        let places: HashSet<_> = urls
            .iter()
            .enumerate()
            .map(|(index, path)| Url::parse(&format!("http://a/{path}")).map(|url| place(&url, index as u64)))
            .collect::<Result<_, _>>()
            .unwrap();
        prop_assert_eq!(places.len(), urls.len());
        // Nor is one the directory of another.
        for one in &places {
            let below = format!("{one}/");
            prop_assert!(!places.iter().any(|other| other.starts_with(&below)));
        }
    }
}

#[test]
fn f7b_a_block_is_whole_without_the_others() {
    let bodies = [&b"text"[..], &[0xff; 100_000], b""];
    let results: Vec<_> = (0..)
        .zip(bodies)
        .map(|(index, body)| success(index, body))
        .collect();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let lines = compressed::Lines::new(compression, false);
        let one = lines.encode(&results).unwrap();
        assert_eq!(one.records, 3);
        let mut text = String::new();
        match compression {
            Compression::Gzip => {
                let mut decoder = flate2::read::GzDecoder::new(one.bytes.as_slice());
                decoder.read_to_string(&mut text).unwrap();
            }
            _ => {
                let mut out = vec![0; 1 << 20];
                let count = zstd_safe::decompress(&mut out[..], &one.bytes).unwrap();
                text = String::from_utf8(out[..count].to_vec()).unwrap();
            }
        }
        assert_eq!(text.lines().count(), 3, "{compression:?}");
        for (index, line) in text.lines().enumerate() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["index"], index);
        }
    }
}

#[test]
fn f7f_a_file_is_written_whole_described_and_taken_away() {
    let temp = tempfile::tempdir().unwrap();
    let directory = Arc::new(Directory::open(temp.path()).unwrap());
    let files = files::Files::new(directory);
    let block = files.encode(&[success(4, b"abc")]).unwrap();
    files.sync().unwrap();
    let line: serde_json::Value = serde_json::from_slice(&block.bytes).unwrap();
    let expected = serde_json::json!({
        "index": 4, "elapsed_ms": 1.5, "file": "files/a.test/x~4.bin", "bytes": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
    assert_eq!(line, expected);
    let path = temp.path().join("files/a.test/x~4.bin");
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    // Written again, it is the new one; and of either, nothing else is left.
    files.encode(&[success(4, b"other")]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"other");
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
    for _ in 0..2 {
        files.discard("files/a.test/x~4.bin").unwrap();
        assert!(!path.exists());
    }
}

/// The descriptors of this process that stand for `path`.
#[cfg(target_os = "linux")]
fn descriptors(path: &std::path::Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = entries.map(|entry| entry.unwrap().path());
    let own = numbers.filter(|number| std::fs::read_link(number).is_ok_and(|file| file == path));
    own.map(|number| number.file_name().unwrap().to_owned())
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn f1n_one_open_file_is_asked_whether_all_bodies_are_on_disk() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().canonicalize().unwrap().join("files");
    let directory = Arc::new(Directory::open(temp.path()).unwrap());
    let files = files::Files::new(directory);
    files.encode(&[]).unwrap();
    files.sync().unwrap();
    assert!(!folder.exists(), "there is no body yet");
    // A body that fails to be written was written after the file was opened, too.
    std::fs::create_dir_all(folder.join("a.test/x~4.bin")).unwrap();
    files.encode(&[success(4, b"abc")]).unwrap_err();
    let open = descriptors(&folder);
    assert_eq!(open.len(), 1);
    for index in 5..9 {
        files.encode(&[success(index, b"abc")]).unwrap();
        files.sync().unwrap();
        assert_eq!(descriptors(&folder), open);
    }
}

#[test]
fn f7a_what_does_not_go_together_is_refused_in_a_sentence() {
    let shape = |format, compression, json_bodies| Shape {
        format,
        compression,
        json_bodies,
        ordered: false,
        revisits: false,
    };
    let revisits = Shape {
        revisits: true,
        ..Shape::default()
    };
    let refused = [
        shape(Format::Files, Compression::Gzip, false),
        shape(Format::Files, Compression::None, true),
        revisits,
    ];
    for each in refused {
        assert!(matches!(each.check(), Err(Error::Config(_))), "{each:?}");
    }
    let names = [
        (shape(Format::Jsonl, Compression::None, true), "jsonl"),
        (shape(Format::Jsonl, Compression::Gzip, false), "jsonl.gz"),
        (shape(Format::Jsonl, Compression::Zstd, true), "jsonl.zst"),
        (shape(Format::Files, Compression::None, false), "files"),
    ];
    for (each, name) in names {
        each.check().unwrap();
        assert_eq!(each.to_string(), name);
        let ordered = Shape {
            ordered: true,
            ..each
        };
        assert_eq!(ordered.to_string(), format!("{name} in order"));
    }
}

#[test]
fn f8j_a_payload_is_referred_to_only_once_it_lies_in_its_part() {
    let capture = Capture::plain("http://a.test/");
    let exchange = |index| {
        let mut success = success(index, &[]);
        success.data = pack(None, &[], &capture);
        success.body_at = success.data.len();
        success.data.extend_from_slice(&[b'x'; 1000]);
        success
    };
    let archive = archive::Archive::new(false, true);
    let encode = |indexes: std::ops::Range<u64>| {
        let results: Vec<_> = indexes.map(exchange).collect();
        archive.encode(&results).unwrap()
    };
    let revisits = |block: &Block| {
        let text = String::from_utf8_lossy(&block.bytes);
        text.matches("WARC-Type: revisit\r\n").count()
    };
    // Within a block, the first lies before the second.
    let (first, beside) = (encode(0..2), encode(2..3));
    assert_eq!((revisits(&first), revisits(&beside)), (1, 0));
    archive.appended(first);
    assert_eq!(revisits(&encode(3..5)), 2);
}
