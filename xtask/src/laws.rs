//! Holds the tests against `docs/laws.md`: a clause without a test is a promise that nobody checks.
//!
//! A clause is a line `- G2b: ...` under a family's heading; a test of it is a function `g2b_...`
//! marked as a test. It never judges whether the test is a good one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::run::Failed;
use crate::structure::sources;

/// Clause (lower case) -> (its text, the tests that bear its name).
type Laws = BTreeMap<String, (String, Vec<String>)>;

/// Prints each clause with its tests, then fails as [`check`] does.
pub(crate) fn print(root: &Path) -> Result<(), Failed> {
    for (clause, (text, tests)) in read(root)? {
        println!("{}  {text}", clause.to_uppercase());
        for test in tests {
            println!("      {test}");
        }
    }
    check(root)
}

/// Fails on a clause without a test, and on a test that names a clause which is not written down.
pub(crate) fn check(root: &Path) -> Result<(), Failed> {
    let laws = read(root)?;
    let bare: Vec<_> = laws
        .iter()
        .filter(|(_, (_, tests))| tests.is_empty())
        .map(|(clause, _)| clause.to_uppercase())
        .collect();
    let strays: Vec<_> = tests(root)?
        .into_iter()
        .filter(|(clause, _)| !laws.contains_key(clause))
        .collect();
    for (clause, test) in &strays {
        eprintln!(
            "{test}: docs/laws.md has no clause {}",
            clause.to_uppercase()
        );
    }
    if !bare.is_empty() {
        return Err(Failed(format!(
            "clauses without a test: {}",
            bare.join(", ")
        )));
    }
    if !strays.is_empty() {
        return Err(Failed(format!(
            "{} tests name a clause that is not written down",
            strays.len()
        )));
    }
    let count: usize = laws.values().map(|(_, tests)| tests.len()).sum();
    println!(
        "laws: {} clauses, {count} tests bear their names",
        laws.len()
    );
    Ok(())
}

fn read(root: &Path) -> Result<Laws, Failed> {
    let path = root.join("docs/laws.md");
    let text = fs::read_to_string(&path)
        .map_err(|error| Failed(format!("{}: {error}", path.display())))?;
    let mut laws = Laws::new();
    for line in text.lines() {
        let Some((clause, rest)) = line
            .strip_prefix("- ")
            .and_then(|line| line.split_once(": "))
        else {
            continue;
        };
        let clause = clause.trim_matches('*').to_lowercase();
        if is_clause(&clause)
            && laws
                .insert(clause.clone(), (rest.to_owned(), Vec::new()))
                .is_some()
        {
            return Err(Failed(format!(
                "docs/laws.md: clause {} stands twice",
                clause.to_uppercase()
            )));
        }
    }
    for (clause, test) in tests(root)? {
        if let Some((_, tests)) = laws.get_mut(&clause) {
            tests.push(test);
        }
    }
    Ok(laws)
}

/// Every test function whose name begins with something that reads like a clause.
fn tests(root: &Path) -> Result<Vec<(String, String)>, Failed> {
    let mut found = Vec::new();
    for path in sources(root)? {
        let text = fs::read_to_string(&path)
            .map_err(|error| Failed(format!("{}: {error}", path.display())))?;
        let shown = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let mut marked = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                marked |= line.contains("test");
                continue;
            }
            let name = function_name(line);
            if let Some(name) = name
                && let Some((clause, _)) = name.split_once('_')
                && is_clause(clause)
                && (marked || shown.contains("/tests/") || text.contains("proptest!"))
            {
                found.push((clause.to_owned(), format!("{shown}: {name}")));
            }
            marked &= line.is_empty() || line.starts_with("//");
        }
    }
    Ok(found)
}

fn function_name(line: &str) -> Option<&str> {
    let rest = ["pub ", "pub(crate) "]
        .iter()
        .find_map(|public| line.strip_prefix(public))
        .unwrap_or(line);
    let rest = rest
        .strip_prefix("async ")
        .unwrap_or(rest)
        .strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// One capital of a family, a number, one letter: `g2b`.
fn is_clause(word: &str) -> bool {
    let mut letters = word.chars();
    let family = letters
        .next()
        .is_some_and(|first| "crgqltshf".contains(first));
    let rest = letters.as_str();
    let digits = rest.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    family
        && !digits.is_empty()
        && digits.chars().all(|digit| digit.is_ascii_digit())
        && rest.len() == digits.len() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_a_family_a_number_and_a_letter() {
        for word in ["g2b", "c1a", "l3c", "f1a"] {
            assert!(is_clause(word), "{word}");
        }
        for word in ["g2", "x1a", "ga", "g2bc", "g", "", "recv"] {
            assert!(!is_clause(word), "{word}");
        }
    }

    #[test]
    fn a_test_is_found_by_its_name() {
        assert_eq!(
            function_name("async fn g2b_first_error_wins() {"),
            Some("g2b_first_error_wins")
        );
        assert_eq!(function_name("let fn_name = 1;"), None);
    }
}
