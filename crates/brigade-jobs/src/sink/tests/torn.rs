//! Writes that fail in the middle of a line of an index, on a disk that recovers and on one that stays broken.
//!
//! An index and what it tells of are two files, and either can be torn alone; they must be cut to
//! where they agree. It never counts a run that was not torn.

use std::collections::BTreeMap;

use super::*;
use crate::format::{Compression, Format, Shape, encoder, place};
use crate::record::{Capture, pack};

/// Lines of the list, those of a batch, and those of a commit.
const LINES: u64 = 60;
const BATCH: u64 = 5;
const COMMIT: u64 = 20;

/// The files whose names end so take so many bytes and then no more.
#[derive(Clone)]
struct Fault {
    ending: &'static str,
    room: Arc<Mutex<usize>>,
    /// Whether nothing can be cut or synced any more after that.
    stays: bool,
    has_failed: Arc<AtomicBool>,
}

struct Failing {
    file: File,
    fault: Fault,
    /// Whether this file is one of them.
    is_meant: bool,
}

impl Failing {
    fn check(&self) -> io::Result<()> {
        match self.fault.stays && self.fault.has_failed.load(Ordering::SeqCst) {
            true => Err(io::Error::other("input/output error")),
            false => Ok(()),
        }
    }
}

impl PartFile for Failing {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        if !self.is_meant {
            return self.file.write_all(bytes);
        }
        let mut room = self.fault.room.lock().unwrap();
        let fits = (*room).min(bytes.len());
        *room -= fits;
        self.file.write_all(&bytes[..fits])?;
        if fits < bytes.len() {
            self.fault.has_failed.store(true, Ordering::SeqCst);
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.check()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.check()?;
        self.file.set_len(bytes)
    }
}

impl Fault {
    fn new(ending: &'static str, room: usize, stays: bool) -> Self {
        Self {
            ending,
            room: Arc::new(Mutex::new(room)),
            stays,
            has_failed: Arc::default(),
        }
    }

    fn opener(&self) -> Opener {
        let fault = self.clone();
        Box::new(move |path| {
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            Ok(Box::new(Failing {
                file,
                is_meant: path.to_string_lossy().ends_with(fault.ending),
                fault: fault.clone(),
            }))
        })
    }
}

/// Parts that hold more than one commit and fewer than all.
fn kind(format: Format) -> PartKind {
    let max = if format == Format::Warc { 24_000 } else { 5000 };
    shape(format).parts(max)
}

fn shape(format: Format) -> Shape {
    Shape {
        format,
        compression: Compression::None,
        json_bodies: false,
        ordered: false,
        revisits: false,
    }
}

fn url(index: u64) -> String {
    format!("http://a.test/{index}.txt")
}

fn result(format: Format, index: u64) -> Outcome {
    let capture = Capture::plain(&url(index));
    let mut data = match format {
        Format::Warc => pack(None, &[], &capture),
        _ => format!("{{\"index\":{index}").into_bytes(),
    };
    let body_at = data.len();
    data.extend(format!("body of {index}").bytes());
    let place = place(&url::Url::parse(&url(index)).unwrap(), index);
    Outcome::Success(Success {
        index,
        status: 200,
        data,
        body_at,
        place: Some(place.into()),
        elapsed_us: 1,
        budget: 0,
    })
}

/// Runs the job over the lines that the ledger misses; gives back what it ended with.
fn run(path: &Path, format: Format, fault: &Fault) -> Result<(), Error> {
    let mut writer = writer_of(kind(format), path, fault.opener(), 1_000_000);
    let encoder = encoder(shape(format), &writer.setup.directory);
    writer.press = encoder.map(Press::new);
    let left: Vec<u64> = (0..LINES)
        .filter(|index| !writer.done.contains(*index))
        .collect();
    for (number, lines) in (1..).zip(left.chunks(BATCH as usize)) {
        let results = lines.iter().map(|index| result(format, *index));
        writer.take(batch(results, (number * BATCH).is_multiple_of(COMMIT)))?;
    }
    writer.take(batch([], true))
}

/// The lines that have a record, each found through the index and nothing else; the index is as
/// long as the ledger says, and so is what it tells of.
fn found(path: &Path) -> BTreeMap<u64, usize> {
    let ledger = Ledger::open(&path.join(LEDGER), false).unwrap();
    let recovered = ledger.recover().unwrap();
    let mut found = BTreeMap::new();
    for part in &recovered.parts {
        let bytes = std::fs::read(path.join(&part.name)).unwrap();
        assert_eq!(bytes.len() as u64, part.bytes, "{}", part.name);
        let is_archive = part.name.ends_with(".warc");
        let beside = path.join(part.name.replace(".warc", ".cdxj"));
        let index = std::fs::read_to_string(beside).unwrap();
        if is_archive {
            assert_eq!(index.len() as u64, part.index_bytes, "{}", part.name);
        }
        assert_eq!(index.lines().count() as u64, part.records);
        for line in index.lines() {
            let json = &line[line.find('{').unwrap()..];
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            let line = value["line"].as_u64().or(value["index"].as_u64()).unwrap();
            let body = format!("body of {line}");
            if is_archive {
                let number = |name: &str| value[name].as_str().unwrap().parse::<usize>().unwrap();
                let record = &bytes[number("offset")..][..number("length")];
                assert!(record.starts_with(b"WARC/1.1\r\nWARC-Type: response"));
                assert!(record.ends_with(body.as_bytes()), "line {line}");
            } else {
                let file = path.join(value["file"].as_str().unwrap());
                assert_eq!(std::fs::read_to_string(file).unwrap(), body);
            }
            *found.entry(line).or_default() += 1;
        }
    }
    assert!(
        found
            .keys()
            .all(|line| recovered.resume.done.contains(*line))
    );
    found
}

/// Tears the files with this ending once they have so many bytes; returns in how many runs a line
/// was torn.
fn tear(format: Format, ending: &'static str, rooms: impl Iterator<Item = usize>) -> usize {
    let mut torn = 0;
    for (room, stays) in rooms.flat_map(|room| [(room, false), (room, true)]) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let fault = Fault::new(ending, room, stays);
        let error = run(path, format, &fault).unwrap_err().to_string();
        assert!(error.contains(ending), "{error}");
        let indexes = std::fs::read_dir(path).unwrap();
        torn += usize::from(indexes.map(|entry| entry.unwrap().path()).any(|file| {
            let is_meant = file.to_string_lossy().ends_with(ending);
            is_meant && std::fs::read(&file).unwrap().last() != Some(&b'\n')
        }));
        // A run that only starts and ends.
        drop(writer_of(kind(format), path, open_files(), 1));
        let kept = found(path);
        assert!(kept.values().all(|times| *times == 1), "{kept:?}");
        let whole = if stays { COMMIT } else { BATCH };
        assert_eq!(kept.len() as u64 % whole, 0, "room {room}");
        run(path, format, &Fault::new("nothing", 0, false)).unwrap();
        let all = found(path);
        assert_eq!(all.into_iter().collect::<Vec<_>>(), each_once());
    }
    torn
}

fn each_once() -> Vec<(u64, usize)> {
    (0..LINES).map(|line| (line, 1)).collect()
}

// Lines are about 200 bytes long, so these are another place of another line each time.

#[test]
fn f1m_an_index_that_is_torn_is_cut_with_its_part() {
    let torn = tear(Format::Warc, ".cdxj", (10..10_000).step_by(137));
    assert!(torn > 20, "{torn} runs were torn in a line of the index");
}

#[test]
fn f1m_a_part_that_is_torn_is_cut_with_its_index() {
    let torn = tear(Format::Warc, ".warc", (10..40_000).step_by(997));
    assert!(torn > 20, "{torn} runs were torn in a record");
}

#[test]
fn f1m_the_lines_that_name_files_are_cut_between_two() {
    // Each commit waits for the whole file system.
    let torn = tear(Format::Files, ".jsonl", (10..8000).step_by(2111));
    assert!(torn > 2, "{torn} runs were torn in a line");
}
