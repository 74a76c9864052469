//! The table of URLs against a plain map.

use std::collections::HashMap;

use proptest::prelude::*;
use url::Url;

use crate::input::seen::Seen;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn f9f_the_first_line_with_a_url_is_found_as_a_map_finds_it(
        // Many times more than the first table has room for.
        numbers in prop::collection::vec(0u32..20_000, 40_000),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("seen");
        let mut seen = Seen::create(&path).unwrap();
        let mut model = HashMap::new();
        for (index, number) in numbers.into_iter().enumerate() {
            let index = index as u64;
            let first = seen.first(&url(&format!("http://a/{number}")), index).unwrap();
            prop_assert_eq!(first, *model.entry(number).or_insert(index));
        }
        let entries: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        prop_assert_eq!(entries.len(), 1, "what it grew out of is gone");
    }
}

#[test]
fn f9f_urls_are_the_same_if_they_ask_for_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let mut seen = Seen::create(&directory.path().join("seen")).unwrap();
    let mut first = |text: &str, index| seen.first(&url(text), index).unwrap();
    assert_eq!(first("http://a/?q", 0), 0);
    for (index, same) in ["HTTP://A:80/?q", "http://a?q#top", "http://a/x/..?q"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(first(same, 1 + index as u64), 0, "{same}");
    }
    for (index, other) in ["https://a/?q", "http://a/", "http://b/?q", "http://u@a/?q"]
        .into_iter()
        .enumerate()
    {
        let index = 10 + index as u64;
        assert_eq!(first(other, index), index, "{other}");
    }
    assert_eq!(first("http://a/?q", 0), 0, "no line is its own duplicate");
}
