//! Tables of walks, and the memory of keys against circles of any length.

use proptest::prelude::*;

use super::seen::Seen;
use super::*;

fn page(items: u64) -> Facts {
    Facts {
        items,
        ..Facts::default()
    }
}

fn next(token: &str) -> Facts {
    Facts {
        items: 1,
        next: Some(token.to_owned()),
        ..Facts::default()
    }
}

/// What a walk asks for while these pages arrive, and how it stops.
#[track_caller]
fn check<S: Style>(
    style: S,
    pages: &[Facts],
    asked: impl AsRef<[S::Key]>,
    stop: Result<(), Stop<S::Key>>,
) {
    let mut walk = Walk::new(style);
    let mut keys = Vec::new();
    let mut stopped = Ok(());
    for page in pages {
        keys.extend(walk.asks().cloned());
        stopped = walk.arrived(page.clone());
    }
    assert_eq!(keys, asked.as_ref());
    assert_eq!(stopped, stop);
    assert_eq!(walk.asks(), None, "the walk goes on");
}

fn token(token: &str) -> Option<String> {
    Some(token.to_owned())
}

#[test]
fn s2a_a_cursor_ends_without_a_token_and_not_with_an_empty_page() {
    let empty = Facts {
        items: 0,
        ..next("c")
    };
    let pages = [next("b"), empty, page(3)];
    check(Cursor, &pages, [None, token("b"), token("c")], Ok(()));
    check(Cursor, &[next("")], [None], Ok(()));
    let last = Facts {
        more: Some(false),
        ..next("x")
    };
    check(Cursor, &[last], [None], Ok(()));
}

#[test]
fn s2a_a_next_url_is_given_as_it_is() {
    let pages = [next("/b?x=1"), next("https://c/"), page(0)];
    let urls = ["/a", "/b?x=1", "https://c/"].map(str::to_owned);
    check(NextUrl::new("/a"), &pages, urls, Ok(()));
}

#[test]
fn s2a_page_numbers_end_with_an_empty_page_the_last_number_or_the_total() {
    let numbered = PageNumber(1);
    check(numbered, &[page(2), page(2), page(0)], [1, 2, 3], Ok(()));
    let total = Facts {
        total: Some(3),
        ..page(2)
    };
    check(numbered, &[total.clone(), total], [1, 2], Ok(()));
    let two = Facts {
        pages: Some(2),
        ..page(5)
    };
    check(numbered, &[two.clone(), two.clone()], [1, 2], Ok(()));
    check(PageNumber(0), &[two.clone(), two], [0, 1], Ok(()));
    let more = |more| Facts {
        more: Some(more),
        ..page(0)
    };
    check(numbered, &[more(true), more(false)], [1, 2], Ok(()));
}

#[test]
fn s2a_the_total_does_not_count_in_page_numbers_after_a_start_in_the_middle() {
    let mut walk = Walk::new(PageNumber(1));
    walk.resume_at(5);
    let total = Facts {
        total: Some(2),
        ..page(2)
    };
    walk.arrived(total).unwrap();
    assert_eq!(walk.asks(), Some(&6));
}

#[test]
fn s2a_offsets_go_on_behind_what_was_given_and_end_at_the_total() {
    let items = Offset::by_items();
    check(
        items,
        &[page(100), page(37), page(0)],
        [0, 100, 137],
        Ok(()),
    );
    let total = |items| Facts {
        total: Some(130),
        ..page(items)
    };
    check(items, &[total(100), total(30)], [0, 100], Ok(()));
    check(items, &[total(100), total(0)], [0, 100], Ok(()));
    let filtered = [total(90), total(0)];
    check(Offset::by(100), &filtered, [0, 100], Ok(()));
    check(Offset::by(100), &[page(90), page(0)], [0, 100], Ok(()));
    let mut walk = Walk::new(items);
    walk.resume_at(100);
    walk.arrived(total(30)).unwrap();
    assert_eq!(walk.asks(), None);
}

#[test]
fn s2d_a_repeated_token_stops_the_walk_before_it_is_asked_for_again() {
    let stop = Err(Stop::Repeated(token("b")));
    let pages = [next("b"), next("b")];
    check(Cursor, &pages, [None, token("b")], stop.clone());
    let pages = [next("b"), next("c"), next("b")];
    check(Cursor, &pages, [None, token("b"), token("c")], stop);
    let own = Err(Stop::Repeated("/a".to_owned()));
    check(NextUrl::new("/a"), &[next("/a")], ["/a".to_owned()], own);
}

#[test]
fn s2d_more_without_a_place_to_go_on_is_an_error() {
    let more = Facts {
        more: Some(true),
        ..page(0)
    };
    check(
        Cursor,
        std::slice::from_ref(&more),
        [None],
        Err(Stop::NoNext(None)),
    );
    check(Offset::by_items(), &[more], [0], Err(Stop::NoNext(0)));
}

#[test]
fn s2e_a_bounded_walk_says_that_there_was_more() {
    let mut walk = Walk::new(PageNumber(1));
    walk.set_pages_max(2);
    walk.arrived(page(1)).unwrap();
    let stop = walk.arrived(page(1)).unwrap_err();
    let (pages_max, next) = (2, 3);
    assert_eq!(stop, Stop::TooMany { pages_max, next });
    let mut walk = Walk::new(PageNumber(1));
    walk.set_pages_max(2);
    walk.arrived(page(1)).unwrap();
    walk.arrived(page(0)).unwrap();
}

/// How many keys are added until one is known, in a walk of `tail` keys that leads into a circle.
fn until_known(remembered: usize, tail: u64, circle: u64) -> u64 {
    let mut seen = Seen::remembering(remembered);
    let key = |step: u64| match step < tail {
        true => step,
        false => tail + (step - tail) % circle,
    };
    let bound = 10 * (tail + circle) + 10;
    let known = (0..bound).find(|step| !seen.add(&key(*step)));
    known.unwrap_or(bound)
}

proptest! {
    #[test]
    fn s2d_every_circle_is_found_in_bounded_memory(
        remembered in 0..20_usize,
        tail in 0..200_u64,
        circle in 1..200_u64,
    ) {
        let found = until_known(remembered, tail, circle);
        prop_assert!(found >= tail + circle, "a key that was new");
        prop_assert!(found <= 3 * (tail + circle), "found after {found}");
        if circle <= remembered as u64 {
            prop_assert_eq!(found, tail + circle);
        }
    }

    #[test]
    fn s2d_keys_that_never_repeat_are_never_taken_for_a_circle(
        remembered in 0..20_usize,
        keys in 1..2000_u64,
    ) {
        let mut seen = Seen::remembering(remembered);
        prop_assert!((0..keys).all(|key| seen.add(&key)));
    }
}
