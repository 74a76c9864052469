//! Reads archives with nothing of the code that wrote them.

use std::io::Read;
use std::path::Path;

use flate2::bufread::GzDecoder;
use serde_json::{Value, json};

/// A record and where it lies.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) offset: usize,
    pub(crate) length: usize,
    fields: Vec<(String, String)>,
    pub(crate) block: Vec<u8>,
}

impl Record {
    /// The value of a field, of which there must be one.
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut found = self.fields.iter().filter(|field| field.0 == name);
        let value = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        &value.1
    }

    pub(crate) fn kind(&self) -> &str {
        self.field("WARC-Type")
    }

    /// The head of the message in it, and what follows.
    pub(crate) fn message(&self) -> (&str, &[u8]) {
        let end = self.block.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = self.block.split_at(end.expect("a head") + 4);
        (std::str::from_utf8(head).unwrap(), body)
    }

    fn parse(bytes: &[u8], offset: usize) -> (Self, usize) {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        assert_eq!(lines.next(), Some("WARC/1.1"));
        let fields: Vec<_> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut record = Self {
            offset,
            length: 0,
            fields,
            block: Vec::new(),
        };
        let length: usize = record.field("Content-Length").parse().unwrap();
        record.block = bytes[end + 4..end + 4 + length].to_vec();
        let end = end + 4 + length;
        assert_eq!(&bytes[end..end + 4], b"\r\n\r\n", "the record does not end");
        (record, end + 4)
    }
}

/// The records of a part; one that is torn, or a member with more than one of them, is a panic.
pub(crate) fn records(path: &Path) -> Vec<Record> {
    let bytes = std::fs::read(path).unwrap();
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let (mut records, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let mut record;
        let length;
        if is_compressed {
            let mut decoder = GzDecoder::new(&bytes[at..]);
            let mut member = Vec::new();
            decoder.read_to_end(&mut member).expect("a whole member");
            length = bytes.len() - at - decoder.into_inner().len();
            let taken;
            (record, taken) = Record::parse(&member, at);
            assert_eq!(taken, member.len(), "a member is one record");
        } else {
            (record, length) = Record::parse(&bytes[at..], at);
        }
        // Indexes count what ends a plain record as none of it.
        record.length = if is_compressed { length } else { length - 4 };
        at += length;
        records.push(record);
    }
    records
}

/// The lines of an index: key, moment, and what they say.
pub(crate) fn index(path: &Path) -> Vec<(String, String, Value)> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{path:?} is torn");
    let line = |line: &str| {
        let mut parts = line.splitn(3, ' ').map(str::to_owned);
        let [key, moment, said] = [(); 3].map(|()| parts.next().expect("a part"));
        (key, moment, serde_json::from_str(&said).expect("an object"))
    };
    text.lines().map(line).collect()
}

/// The results in a part: of each response that is no redirect its line, status and body.
///
/// A response that has not exactly one line in the index, with its place, is a panic.
pub(crate) fn results(part: &Path) -> Vec<Value> {
    let name = part.file_name().unwrap().to_str().unwrap();
    let beside = part.with_file_name(format!("{}.cdxj", &name[..10]));
    let mut lines = index(&beside).into_iter();
    let records = records(part);
    assert_eq!(records[0].kind(), "warcinfo");
    assert_eq!(records[0].field("WARC-Filename"), name);
    let mut results = Vec::new();
    for pair in records[1..].chunks(2) {
        let [response, request] = pair else {
            panic!("a response without its request")
        };
        assert_eq!((response.kind(), request.kind()), ("response", "request"));
        let id = response.field("WARC-Record-ID");
        assert_eq!(request.field("WARC-Concurrent-To"), id);
        let (_, _, said) = lines.next().expect("a line for each response");
        let place = [response.offset, response.length].map(|number| number.to_string());
        assert_eq!(said["offset"].as_str(), Some(place[0].as_str()), "{said}");
        assert_eq!(said["length"].as_str(), Some(place[1].as_str()), "{said}");
        assert_eq!(said["filename"], name);
        assert_eq!(said["url"], response.field("WARC-Target-URI"));
        assert_eq!(said["digest"], response.field("WARC-Payload-Digest"));
        let (head, body) = response.message();
        assert_eq!(Some(&head[9..12]), said["status"].as_str());
        if !head[9..12].starts_with('3') {
            let body = String::from_utf8_lossy(body);
            results.push(json!({"index": said["line"], "body": body, "url": said["url"]}));
        }
    }
    assert!(lines.next().is_none(), "a line without a response");
    results
}
