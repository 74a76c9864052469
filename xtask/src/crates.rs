//! The walls between crates: who may depend on whom, and which packages must not be in the tree.
//!
//! It reads the manifests and the lock file as text, so it needs no network.

use std::fs;
use std::path::Path;

use crate::run::Failed;
use crate::structure::crate_names;

/// Each crate and the crates of this workspace that it may depend on: arrows point down only.
const DIRECTION: [(&str, &[&str]); 6] = [
    ("brigade-core", &[]),
    ("brigade-testkit", &["brigade-core"]),
    ("brigade", &["brigade-core"]),
    ("brigade-http", &["brigade", "brigade-core"]),
    ("brigade-jobs", &["brigade", "brigade-core", "brigade-http"]),
    (
        "brigade-cli",
        &["brigade", "brigade-http", "brigade-jobs", "brigade-testkit"],
    ),
];

/// Packages that must not be in the lock file, and why.
const BANNED: [(&str, &str); 5] = [
    ("aws-lc-sys", "one TLS provider in the tree, and it is ring"),
    ("openssl-sys", "one TLS stack in the tree, and it is rustls"),
    ("native-tls", "one TLS stack in the tree, and it is rustls"),
    (
        "reqwest",
        "a peer of the benchmarks belongs into bench/, which is its own workspace",
    ),
    ("sqlx", "it cannot stand beside rusqlite: both link sqlite3"),
];

/// Fails on an arrow that points up and on a banned package.
pub(crate) fn check(root: &Path) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for name in crate_names(root)? {
        let Some((_, allowed)) = DIRECTION.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!(
                "crates/{name}: unknown; give it its place in xtask/src/crates.rs"
            ));
            continue;
        };
        let manifest = read(&root.join("crates").join(&name).join("Cargo.toml"))?;
        for used in dependencies(&manifest).filter(|used| used.starts_with("brigade")) {
            if !allowed.contains(&used) {
                wrong.push(format!("crates/{name}: must not depend on {used}"));
            }
        }
    }
    let lock = read(&root.join("Cargo.lock"))?;
    for (package, why) in BANNED {
        if lock.contains(&format!("name = \"{package}\"\n")) {
            wrong.push(format!("Cargo.lock: {package} is in the tree: {why}"));
        }
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failed(format!("{} dependency rules broken", wrong.len())))
    }
}

/// The names of the numbered examples, in order.
pub(crate) fn examples(root: &Path) -> Result<Vec<String>, Failed> {
    let manifest = read(&root.join("examples/Cargo.toml"))?;
    let named = manifest.split("[[example]]").skip(1).filter_map(|entry| {
        let line = entry
            .lines()
            .find_map(|line| line.strip_prefix("name = "))?;
        Some(line.trim_matches('"').to_owned())
    });
    let mut names: Vec<String> = named.collect();
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed(format!("{}: {error}", path.display())))
}

/// The packages that stand under `[dependencies]`, tests' dependencies left out.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let section = manifest
        .split("\n[dependencies]")
        .nth(1)
        .unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dependencies_of_the_crate_itself_are_read() {
        let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nbrigade.workspace = true\nx = { version = \"1\" }\n\n[dev-dependencies]\nbrigade-testkit.workspace = true\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["brigade", "x"]);
    }
}
