//! The demo: seen to work on a fresh machine, again and again, without touching anything else.

use crate::kit::{Place, records, summary};
use insta::assert_snapshot;
use std::fs;

#[test]
fn the_demo_succeeds_and_can_be_run_again() {
    let place = Place::new();
    for _ in 0..2 {
        let run = place.run(&["demo"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.contains("none missing, none doubled"), "{run:?}");
        let output = place.path("brigade-demo");
        let summary = summary(&output);
        assert_eq!(summary["state"], "done");
        assert_eq!(
            records(&output).len() as u64,
            summary["input"].as_u64().unwrap()
        );
        assert!(summary["retries"].as_u64() > Some(0));
    }
}

#[test]
fn a_directory_that_no_demo_made_is_left_alone() {
    let place = Place::new();
    fs::create_dir(place.path("mine")).unwrap();
    place.file("mine/thesis.txt", "years of work");
    let run = place.run(&["demo", "-o", "mine"]);
    run.assert_one_line_error(2);
    assert_snapshot!("demo_elsewhere", run.snapshot());
    assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 1);
}
