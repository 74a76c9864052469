//! The index of all parts in one file, sorted by its bytes, as replay looks lines up.
//!
//! The lines may be more than memory holds. So they are sorted in runs that fit, the runs are
//! written to scratch files, and merged, not too many at a time. It holds one run, or a buffer for
//! each run that is merged, and never more.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

/// Bytes of lines that are sorted at once.
const RUN: usize = 4 << 20;
/// Runs that are merged at once, and what is read ahead of each.
const FAN: usize = 64;
const AHEAD: usize = 16 << 10;

/// How much is sorted and merged at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    /// Bytes of lines that are sorted at once.
    pub(crate) bytes: usize,
    /// Runs that are merged at once, at least 2.
    pub(crate) fan: usize,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            bytes: RUN,
            fan: FAN,
        }
    }
}

/// Writes the lines of `parts`, each up to its length, to `out` in order. `scratch` are two paths
/// for files that are made and may be left behind.
pub(crate) fn sort<'a>(
    parts: impl Iterator<Item = (&'a Path, u64)>,
    scratch: [&Path; 2],
    runs: Runs,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut scratch = scratch;
    let mut places = split(parts, scratch[0], runs.bytes)?;
    while places.len() > runs.fan.max(2) {
        let mut writer = BufWriter::with_capacity(AHEAD, File::create(scratch[1])?);
        let mut merged = Vec::new();
        let mut end = 0;
        for group in places.chunks(runs.fan.max(2)) {
            merge(scratch[0], group, &mut writer)?;
            let length: u64 = group.iter().map(|place| place.end - place.start).sum();
            merged.push(end..end + length);
            end += length;
        }
        writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        scratch.swap(0, 1);
        places = merged;
    }
    merge(scratch[0], &places, out)
}

/// Writes sorted runs to `path`, one after the other, and returns where each lies.
fn split<'a>(
    parts: impl Iterator<Item = (&'a Path, u64)>,
    path: &Path,
    run_max: usize,
) -> io::Result<Vec<Range<u64>>> {
    let mut writer = BufWriter::with_capacity(AHEAD, File::create(path)?);
    let (mut places, mut text, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (part, length) in parts {
        let mut lines = BufReader::with_capacity(AHEAD, File::open(part)?.take(length));
        while lines.read_until(b'\n', &mut text)? > 0 {
            ends.push(text.len());
            if text.len() >= run_max {
                places.push(run(&text, &ends, &places, &mut writer)?);
                text.clear();
                ends.clear();
            }
        }
    }
    if !text.is_empty() {
        places.push(run(&text, &ends, &places, &mut writer)?);
    }
    writer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok(places)
}

/// Writes the lines of `text`, which end at `ends`, in order, and returns where they lie behind
/// `places`.
fn run(
    text: &[u8],
    ends: &[usize],
    places: &[Range<u64>],
    writer: &mut impl Write,
) -> io::Result<Range<u64>> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let mut lines: Vec<_> = starts
        .zip(ends)
        .map(|(start, &end)| &text[start..end])
        .collect();
    lines.sort_unstable();
    for line in lines {
        writer.write_all(line)?;
    }
    let start = places.last().map_or(0, |place| place.end);
    Ok(start..start + text.len() as u64)
}

/// Writes the lines of the runs at `places` of `path` to `out`, in order.
fn merge(path: &Path, places: &[Range<u64>], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut readers = Vec::with_capacity(places.len());
    let mut heap = BinaryHeap::with_capacity(places.len());
    for (number, place) in places.iter().enumerate() {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(place.start))?;
        let reader = file.take(place.end - place.start);
        readers.push(BufReader::with_capacity(AHEAD, reader));
        if let Some(line) = next(&mut readers[number], Vec::new())? {
            heap.push(Reverse((line, number)));
        }
    }
    while let Some(Reverse((line, number))) = heap.pop() {
        out.write_all(&line)?;
        if let Some(line) = next(&mut readers[number], line)? {
            heap.push(Reverse((line, number)));
        }
    }
    Ok(())
}

fn next(reader: &mut impl BufRead, mut line: Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    line.clear();
    Ok((reader.read_until(b'\n', &mut line)? > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(texts: &[&str], runs: Runs) -> String {
        let temp = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..texts.len())
            .map(|n| temp.path().join(n.to_string()))
            .collect();
        for (path, text) in paths.iter().zip(texts) {
            std::fs::write(path, format!("{text}not committed")).unwrap();
        }
        let parts = paths.iter().zip(texts);
        let parts = parts.map(|(path, text)| (path.as_path(), text.len() as u64));
        let (one, two) = (temp.path().join("one"), temp.path().join("two"));
        let mut out = Vec::new();
        sort(parts, [&one, &two], runs, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn f8d_the_lines_of_all_parts_are_in_order_however_little_is_held() {
        let mut random = fastrand::Rng::with_seed(7);
        let lines: Vec<String> = (0..2000)
            .map(|n| format!("{:x} {n}\n", random.u32(..500)))
            .collect();
        let texts = [lines[..700].concat(), String::new(), lines[700..].concat()];
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut expected = lines;
        expected.sort();
        for (bytes, fan) in [(1, 2), (100, 2), (100, 7), (1 << 20, 2), (4000, 64)] {
            assert!(
                sorted(&texts, Runs { bytes, fan }) == expected.concat(),
                "{bytes} {fan}"
            );
        }
        assert_eq!(sorted(&[], Runs::default()), "");
    }
}
