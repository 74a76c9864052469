//! The rules of the house that the compiler does not keep: how a file opens, what a module may be
//! called, that the top-level modules of a crate form no circle, that the library takes its primitives
//! of threads from one place, and that an async function says what happens if it is dropped.
//!
//! It reads files as text and never changes one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::run::Failed;

const VAGUE: [&str; 6] = ["util", "utils", "common", "helpers", "types", "misc"];
/// A habit with a wall behind it: a file without its tests is split by idea before it gets there.
const LINES_MAX: usize = 400;
/// Whose interleavings shuttle decides, and what it may not: the models, what watches them, and the
/// thread that waits for signals.
const SCHEDULED: &str = "crates/brigade/src/";
const UNSCHEDULED: [&str; 6] = [
    "sync.rs",
    "sync/",
    "runtime/",
    "witness.rs",
    "interleavings/",
    "run/",
];

/// Fails on the first kind of rule that is broken, after naming each place.
pub(crate) fn check(root: &Path) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for path in sources(root)? {
        let text = read(&path)?;
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if VAGUE.contains(&stem.as_str()) {
            wrong.push(format!(
                "{shown}: `{stem}` says nothing; name the module after its idea"
            ));
        }
        if !text.starts_with("//!") {
            wrong.push(format!(
                "{shown}: opens without a `//!` line that says what it is"
            ));
        }
        if names_threads(&shown, &text) {
            wrong.push(format!(
                "{shown}: takes locks, atomics and threads from `crate::sync`, tasks and timers from \
                 `crate::runtime`"
            ));
        }
        for name in silent_about_drops(&shown, &text) {
            wrong.push(format!(
                "{shown}: `{name}` may wait, and its docs have no `# Cancel safety`"
            ));
        }
        if !is_test(&shown) && text.lines().count() > LINES_MAX {
            wrong.push(format!(
                "{shown}: more than {LINES_MAX} lines; split it by idea"
            ));
        }
    }
    for name in crate_names(root)? {
        if let Some(circle) = circle(&root.join("crates").join(&name).join("src"))? {
            wrong.push(format!(
                "{name}: modules form a circle: {}",
                circle.join(" -> ")
            ));
        }
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failed(format!("{} rules of the house broken", wrong.len())))
    }
}

fn is_test(shown: &str) -> bool {
    shown.contains("/tests/") || shown.ends_with("tests.rs")
}

/// What shuttle does not see.
const UNSEEN: [&str; 5] = [
    "std::sync",
    "std::thread",
    "tokio::runtime",
    "tokio::time::sleep",
    "tokio::time::{Sleep",
];

/// Whether a file that shuttle is to schedule goes past `crate::sync`.
fn names_threads(shown: &str, text: &str) -> bool {
    let Some(inside) = shown.strip_prefix(SCHEDULED) else {
        return false;
    };
    let free = UNSCHEDULED.iter().any(|free| inside.starts_with(free)) || is_test(shown);
    !free && code(text).any(|line| UNSEEN.iter().any(|name| line.contains(name)))
}

/// The public async functions of a library that do not say what a drop at an await costs.
fn silent_about_drops(shown: &str, text: &str) -> Vec<String> {
    if !shown.starts_with("crates/") || is_test(shown) {
        return Vec::new();
    }
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let mut silent = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("pub async fn ") else {
            continue;
        };
        let above = lines[..place].iter().rev();
        let mut docs = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
        if !docs.any(|line| *line == "/// # Cancel safety") {
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
            silent.push(rest.chars().take_while(|letter| is_name(*letter)).collect());
        }
    }
    silent
}

/// The lines above a file's own tests that are not comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let code = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Every Rust file of the workspace, sorted.
pub(crate) fn sources(root: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut found = Vec::new();
    for top in ["crates", "examples", "xtask", "bench"] {
        collect(&root.join(top), &mut found)?;
    }
    found.sort();
    Ok(found)
}

/// The folder names below `crates/`, sorted.
pub(crate) fn crate_names(root: &Path) -> Result<Vec<String>, Failed> {
    let mut names: Vec<_> = entries(&root.join("crates"))?
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failed> {
    for path in entries(folder)? {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let failed = |error| Failed(format!("{}: {error}", folder.display()));
    fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| Ok(entry.map_err(failed)?.path()))
        .collect()
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// A circle among the top-level modules below `src`, if there is one.
fn circle(src: &Path) -> Result<Option<Vec<String>>, Failed> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut files = Vec::new();
    collect(src, &mut files)?;
    for file in files {
        let inside = file.strip_prefix(src).unwrap_or(&file);
        let Some(module) = top_module(inside) else {
            continue;
        };
        if is_test(&inside.to_string_lossy()) {
            continue;
        }
        uses.entry(module)
            .or_default()
            .extend(named_modules(&read(&file)?));
    }
    let mut done = BTreeSet::new();
    for module in uses.keys() {
        if let Some(path) = walk(module, &uses, &mut Vec::new(), &mut done) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn top_module(inside: &Path) -> Option<String> {
    let first = inside
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    let name = first.strip_suffix(".rs").unwrap_or(&first).to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// What stands behind `crate::` in the code above a file's own tests, comments left out.
fn named_modules(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect()
        })
        .filter(|name: &String| name.starts_with(|letter: char| letter.is_lowercase()))
        .collect()
}

fn walk(
    module: &str,
    uses: &BTreeMap<String, BTreeSet<String>>,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = path.iter().position(|seen| seen == module) {
        let mut circle = path[start..].to_vec();
        circle.push(module.to_owned());
        return Some(circle);
    }
    if done.contains(module) {
        return None;
    }
    path.push(module.to_owned());
    let next = uses
        .get(module)
        .into_iter()
        .flatten()
        .filter(|name| *name != module && uses.contains_key(*name));
    let found = next
        .into_iter()
        .find_map(|name| walk(name, uses, path, done));
    path.pop();
    done.insert(module.to_owned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_and_a_tree_is_not() {
        let graph = |edges: &[(&str, &str)]| {
            let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (from, to) in edges {
                uses.entry((*from).into()).or_default().insert((*to).into());
                uses.entry((*to).into()).or_default();
            }
            uses
        };
        let ring = graph(&[("a", "b"), ("b", "c"), ("c", "a")]);
        assert!(walk("a", &ring, &mut Vec::new(), &mut BTreeSet::new()).is_some());
        let tree = graph(&[("a", "b"), ("a", "c"), ("b", "c")]);
        assert!(walk("a", &tree, &mut Vec::new(), &mut BTreeSet::new()).is_none());
    }

    #[test]
    fn threads_are_named_in_one_place() {
        let text = "//! std::sync\nuse std::sync::Arc;\n";
        assert!(names_threads("crates/brigade/src/slab.rs", text));
        assert!(!names_threads("crates/brigade/src/sync.rs", text));
        assert!(!names_threads(
            "crates/brigade/src/group/tests/mod.rs",
            text
        ));
        assert!(!names_threads("crates/brigade-http/src/send.rs", text));
        let tested = "//! Its own.\n#[cfg(test)]\nmod tests { use std::sync::Arc; }";
        assert!(!names_threads("crates/brigade/src/slab.rs", tested));
    }

    #[test]
    fn an_async_function_says_what_a_drop_costs() {
        let text = "/// Waits.\n///\n/// # Cancel safety\n///\n/// None.\n#[inline]\npub async fn \
                    good() {}\n\n/// Waits.\npub async fn bad<T>() {}\nasync fn own() {}";
        assert_eq!(
            silent_about_drops("crates/a/src/lib.rs", text),
            ["bad".to_owned()]
        );
        assert!(silent_about_drops("examples/a.rs", text).is_empty());
    }

    #[test]
    fn modules_are_read_from_code_and_not_from_comments_or_tests() {
        let text = "//! [crate::run]\nuse crate::cancel::Token;\n#[cfg(test)]\nuse crate::group;";
        assert_eq!(named_modules(text), BTreeSet::from(["cancel".to_owned()]));
    }
}
