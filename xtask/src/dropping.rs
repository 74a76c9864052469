//! Holds `docs/cancel-safety.md` against the library: what is promised of a dropped future is
//! tested by dropping it.
//!
//! A promise is a `# Cancel safety` section in `crates/brigade/src`; a line of the list names the
//! test that keeps it, in a file that runs the fuzzer, or says why there is none. It never judges
//! whether the test is a good one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::run::Failed;
use crate::structure::sources;

const LIST: &str = "docs/cancel-safety.md";
const LIBRARY: &str = "crates/brigade/src/";
/// What stands in place of a test.
const UNTESTED: &str = "no test: ";

/// Fails on a promise that the list does not name, and on a line that names nothing.
pub(crate) fn check(root: &Path) -> Result<(), Failed> {
    let mut promised = BTreeSet::new();
    let mut tests = BTreeSet::new();
    for path in sources(root)? {
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let text = read(&path)?;
        if let Some(inside) = shown.strip_prefix(LIBRARY) {
            promised.extend(promises(&text).map(|name| format!("{inside} {name}")));
            if text.contains("fuzz_cancel") || text.contains("Fuzz::new") {
                tests.extend(text.lines().filter_map(named));
            }
        }
    }
    let list = read(&root.join(LIST))?;
    let listed: BTreeMap<&str, &str> = list.lines().filter_map(entry).collect();
    let missing = promised
        .iter()
        .filter(|name| !listed.contains_key(name.as_str()));
    let mut wrong: Vec<String> = missing
        .map(|name| format!("{name}: is not listed"))
        .collect();
    for (name, test) in listed {
        if !promised.contains(name) {
            wrong.push(format!("{name}: promises nothing"));
        } else if !test.starts_with(UNTESTED) && !tests.contains(test) {
            wrong.push(format!(
                "{name}: no test `{test}` in a file that runs the fuzzer"
            ));
        }
    }
    wrong.iter().for_each(|line| eprintln!("{LIST}: {line}"));
    match wrong.len() {
        0 => Ok(()),
        count => Err(Failed(format!("{LIST} is wrong in {count} places"))),
    }
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// A line of the list: what promises, and the test.
fn entry(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("- ")?.split_once(": ")
}

/// The names of the items whose documentation has a section on cancel safety.
fn promises(text: &str) -> impl Iterator<Item = String> {
    let mut open = false;
    text.lines().filter_map(move |line| {
        open |= line.trim_start().starts_with("/// # Cancel safety");
        let name = named(line).filter(|_| open)?;
        open = false;
        Some(name)
    })
}

/// The name of the function or type that a line of code begins.
fn named(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    if line.trim_start().starts_with("//") || !words.any(|word| matches!(word, "fn" | "struct")) {
        return None;
    }
    let is_letter = |letter: &char| letter.is_alphanumeric() || *letter == '_';
    Some(words.next()?.chars().take_while(is_letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_that_of_the_next_item() {
        let text = "/// # Cancel safety\n///\n/// See fn other.\n#[must_use]\npub async fn first<T>(\n\
                    pub fn second()\n    /// # Cancel safety\n    pub struct Third<'a> {\n";
        assert_eq!(promises(text).collect::<Vec<_>>(), ["first", "Third"]);
        assert_eq!(
            entry("- a.rs first: a_test"),
            Some(("a.rs first", "a_test"))
        );
    }
}
