//! A tree of files such as real servers have: many, of all sizes, with awkward names.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// Writes `count` files below `root`; the content of each by its path as a URL has it.
pub(crate) fn plant(root: &Path, count: usize) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for number in 0..count {
        let directory = format!("part {}", number % 37);
        let name = match number % 5 {
            0 => format!("{number}.txt"),
            1 => format!("{number} with spaces.txt"),
            2 => format!("größe-{number}.txt"),
            3 => format!("{number}%41#+&.txt"),
            _ => format!("{number}.bin"),
        };
        let content = content(number);
        fs::create_dir_all(root.join(&directory))?;
        fs::write(root.join(&directory).join(&name), &content)?;
        files.insert(
            format!("/{}/{}", encoded(&directory), encoded(&name)),
            content,
        );
    }
    Ok(files)
}

fn content(number: usize) -> Vec<u8> {
    let size = match number % 10 {
        0 => 0,
        1 => 60_000 + number,
        step => 100 * step + number,
    };
    match number % 5 {
        4 => (0..size).map(|at| (at * 31 + number) as u8).collect(),
        _ => format!("line of \"file\" {number}\tmit Größe\n")
            .bytes()
            .cycle()
            .take(size)
            .collect(),
    }
}

/// Percent-encodes everything that is not plain.
fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    name.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
