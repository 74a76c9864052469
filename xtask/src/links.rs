//! Relative links of the Markdown files: a map that leads nowhere is worse than none.
//!
//! It looks only at links inside the repository and never at the network.

use std::fs;
use std::path::Path;

use crate::run::Failed;

/// Fails on a link of a document to a file that is not there.
pub(crate) fn check(root: &Path) -> Result<(), Failed> {
    let mut wrong = 0;
    for folder in [root.to_owned(), root.join("docs"), root.join("bench/runs")] {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let failed = |error| Failed(format!("{}: {error}", path.display()));
            let text = fs::read_to_string(&path).map_err(failed)?;
            for link in links(&text) {
                if !folder.join(link).exists() {
                    wrong += 1;
                    eprintln!("{}: leads to {link}, which is not there", path.display());
                }
            }
        }
    }
    match wrong {
        0 => Ok(()),
        _ => Err(Failed(format!("{wrong} links of documents lead nowhere"))),
    }
}

/// The targets of `](target)` that are files of the repository, without their fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains([':', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_inside_the_repository_are_followed() {
        let text = "[a](docs/a.md#part) [b](https://example.com) `x](y z)` [c](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md"]);
    }
}
