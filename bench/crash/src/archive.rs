//! Reads archives: the records of WARC parts, found through their index and without it.
//!
//! It shares no code with what writes them: a record is a version, headers, a block of the stated
//! length and two line breaks, and where it is compressed it is a gzip member of its own.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::Result;

/// What the archives of a job hold.
#[derive(Debug, Default)]
pub struct Archive {
    /// The exchanges of each line, in the order of the index: the URL and the whole response.
    pub exchanges: Vec<(u64, String)>,
    pub torn: usize,
    pub odd: Vec<String>,
}

struct Record {
    kind: String,
    id: String,
    target: String,
    /// The record that has the body of this one.
    refers_to: Option<String>,
    block: Vec<u8>,
}

impl Record {
    /// What follows the head of the message in it.
    fn body(&self) -> Option<&[u8]> {
        let mut places = self.block.windows(4);
        let end = places.position(|window| window == b"\r\n\r\n")?;
        self.block.get(end + 4..)
    }
}

/// The bodies of responses, by the names of their records.
type Bodies = HashMap<String, Vec<u8>>;

impl Archive {
    /// Reads the parts with these names, and the index of all of them.
    pub fn read(directory: &Path, names: &[String]) -> Result<Self> {
        let mut archive = Self::default();
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let (mut parts, mut beside) = (BTreeMap::new(), Vec::new());
        let mut bodies = Bodies::new();
        for name in names.iter().filter(|name| name.starts_with("part-")) {
            let bytes = fs::read(directory.join(name))?;
            if name.ends_with(".cdxj") {
                let text = String::from_utf8(bytes)?;
                beside.extend(text.lines().map(str::to_owned));
                continue;
            }
            let Some(records) = records(name, &bytes) else {
                archive.torn += 1;
                continue;
            };
            for record in records {
                if let Some(id) = &record.refers_to
                    && !bodies.contains_key(id)
                {
                    let odd = format!("{} refers to {id}, which is not before it", record.id);
                    archive.odd.push(odd);
                }
                if record.kind == "response" {
                    let body = record.body().unwrap_or_default().to_vec();
                    bodies.insert(record.id, body);
                }
                *kinds.entry(record.kind).or_default() += 1;
            }
            parts.insert(name.clone(), bytes);
        }
        let text = fs::read_to_string(directory.join("index.cdxj"))?;
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        beside.sort();
        if !lines.is_sorted() || beside != lines {
            archive
                .odd
                .push("index.cdxj is not the sorted lines of the parts' own".to_owned());
        }
        let count = |kind: &str| kinds.get(kind).copied().unwrap_or(0);
        let responses = count("response") + count("revisit");
        if responses != lines.len() || count("request") != lines.len() {
            archive
                .odd
                .push(format!("{} lines for {kinds:?}", lines.len()));
        }
        for line in &lines {
            match exchange(line, &parts, &bodies) {
                Some(exchange) => archive.exchanges.push(exchange),
                None => archive.odd.push(format!("no record for {line}")),
            }
        }
        Ok(archive)
    }
}

/// The one record that a line of the index leads to, with the body that it refers to.
fn exchange(
    line: &str,
    parts: &BTreeMap<String, Vec<u8>>,
    bodies: &Bodies,
) -> Option<(u64, String)> {
    let value: Value = serde_json::from_str(line.splitn(3, ' ').nth(2)?).ok()?;
    let number = |name: &str| match &value[name] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let (offset, length) = (number("offset")? as usize, number("length")? as usize);
    let name = value["filename"].as_str()?;
    let mut bytes = parts.get(name)?.get(offset..offset + length)?.to_vec();
    if !name.ends_with(".gz") {
        // The length of a record in plain text is told without the line breaks behind it.
        bytes.extend_from_slice(b"\r\n\r\n");
    }
    let [mut record] = <[Record; 1]>::try_from(records(name, &bytes)?).ok()?;
    let is_revisit = value["mime"] == "warc/revisit";
    if let Some(id) = record.refers_to.as_ref().filter(|_| is_revisit) {
        record.block.extend_from_slice(bodies.get(id)?);
    }
    let kind = if is_revisit { "revisit" } else { "response" };
    if record.kind != kind || record.target != value["url"].as_str()? {
        return None;
    }
    let (status, block) = (
        &value["status"],
        String::from_utf8_lossy(&record.block).into_owned(),
    );
    Some((
        number("line")?,
        format!("{} {status} {block}", record.target),
    ))
}

/// All records of a part, or none if it is not whole.
fn records(name: &str, bytes: &[u8]) -> Option<Vec<Record>> {
    let mut plain = Vec::new();
    let mut rest = bytes;
    if name.ends_with(".gz") {
        flate2::read::MultiGzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .ok()?;
        rest = &plain;
    }
    let mut records = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&rest[..end]).ok()?;
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        let (_, length) = field("content-length")?;
        let block = end + 4..end + 4 + length.parse::<usize>().ok()?;
        let after = rest.get(block.end..block.end + 4)?;
        if !head.starts_with("WARC/1.1\r\n") || after != b"\r\n\r\n" {
            return None;
        }
        records.push(Record {
            kind: field("warc-type")?.1.to_owned(),
            id: field("warc-record-id")?.1.to_owned(),
            refers_to: field("warc-refers-to").map(|(_, id)| id.to_owned()),
            target: field("warc-target-uri").map_or_else(String::new, |(_, uri)| uri.to_owned()),
            block: rest[block.clone()].to_vec(),
        });
        rest = &rest[block.end + 4..];
    }
    Some(records)
}
