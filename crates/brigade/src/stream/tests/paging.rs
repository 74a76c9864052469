//! Walks over fetch functions that stand for an API.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brigade_testkit::cancel::{Outcome, fuzz_cancel};
use futures_core::Stream;

use super::*;

const COUNT: u64 = 10;
const LIMIT: u64 = 3;

type Numbers = Result<Page<u64>, String>;

/// The items from `offset` on, as every style of the API below gives them.
fn slice(offset: u64) -> Vec<u64> {
    (offset..COUNT).take(LIMIT as usize).collect()
}

fn behind(offset: u64) -> Option<u64> {
    let next = offset + LIMIT;
    (next < COUNT).then_some(next)
}

async fn all<P, K, X>(mut items: Items<P, u64, K>) -> Vec<u64>
where
    P: Stream<Item = Result<Fetched<u64, K>, X>> + Unpin,
    X: std::fmt::Debug,
{
    let mut found = Vec::new();
    while let Some(item) = items.next().await {
        found.push(item.unwrap());
    }
    assert!(items.next().await.is_none());
    found
}

fn number(text: &str) -> u64 {
    text.rsplit('=').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn s2a_every_style_walks_through_the_same_api() {
    let expected: Vec<u64> = (0..COUNT).collect();

    let by_cursor = paginate(Cursor, async |cursor: Option<String>| -> Numbers {
        let offset = cursor.map_or(0, |cursor| number(&cursor));
        Ok(Page::new(slice(offset)).next(behind(offset).map(|next| format!("after={next}"))))
    });
    assert_eq!(all(by_cursor.items()).await, expected);

    let by_number = paginate(PageNumber(1), async |page: u64| -> Numbers {
        Ok(Page::new(slice((page - 1) * LIMIT)))
    });
    assert_eq!(all(by_number.items()).await, expected);

    let by_offset = paginate(Offset::by_items(), async |offset: u64| -> Numbers {
        Ok(Page::new(slice(offset)).total(COUNT))
    });
    assert_eq!(all(by_offset.items()).await, expected);

    let by_url = paginate(NextUrl::new("/n?from=0"), async |url: String| -> Numbers {
        let offset = number(&url);
        Ok(Page::new(slice(offset)).next(behind(offset).map(|next| format!("/n?from={next}"))))
    });
    assert_eq!(all(by_url.items()).await, expected);

    let by_link = paginate(NextUrl::new("/n?from=0"), async |url: String| -> Numbers {
        let offset = number(&url);
        let first = "</n?from=0>; rel=\"first\"";
        let page = Page::new(slice(offset)).link(first);
        Ok(match behind(offset) {
            Some(next) => page.link(format!("{first}, </n?from={next}>; rel=\"next\"")),
            None => page,
        })
    });
    assert_eq!(all(by_link.items()).await, expected);
}

#[tokio::test(start_paused = true)]
async fn s2b_at_most_k_pages_are_fetched_ahead() {
    for ahead in 1..4_u64 {
        let asked = Arc::new(AtomicU64::new(0));
        let result = task_group(async |group| {
            let asked_by = asked.clone();
            let pages = paginate(PageNumber(0), async move |page: u64| -> Numbers {
                asked_by.fetch_add(1, Ordering::SeqCst);
                sleep(millis(1)).await;
                Ok(Page::new(vec![page, page]).total_pages(6))
            });
            let mut numbers = items(prefetch(group, pages.pages(), ahead as usize));
            for page in 0..6 {
                for _ in 0..2 {
                    assert_eq!(numbers.next().await, Some(Ok(page)));
                    sleep(millis(100)).await;
                    let most = (page + 1 + ahead).min(6);
                    assert_eq!(asked.load(Ordering::SeqCst), most, "at {page}");
                }
            }
            assert_eq!(numbers.next().await, None);
            Ok::<_, String>(())
        });
        result.await.unwrap();
    }
}

#[tokio::test]
async fn s2b_without_prefetch_a_page_is_fetched_when_its_first_item_is_asked_for() {
    let asked = Cell::new(0);
    let pages = paginate(PageNumber(0), async |page: u64| -> Numbers {
        asked.set(asked.get() + 1);
        Ok(Page::new(vec![page, page]))
    });
    let mut numbers = pages.items();
    assert_eq!(asked.get(), 0);
    for (item, expected) in [(0, 1), (0, 1), (1, 2), (1, 2), (2, 3)] {
        assert_eq!(numbers.next().await, Some(Ok(item)));
        assert_eq!(asked.get(), expected);
    }
}

#[tokio::test]
async fn s2d_a_repeated_token_is_an_error_behind_the_items_that_were_fetched() {
    let mut numbers = paginate(Cursor, async |_: Option<String>| -> Numbers {
        Ok(Page::new(vec![1]).next(Some("same")))
    })
    .items();
    assert_eq!(numbers.next().await, Some(Ok(1)));
    assert_eq!(numbers.next().await, Some(Ok(1)));
    let error = numbers.next().await.unwrap().unwrap_err();
    let message = "page 2: the page that follows was asked for before";
    assert_eq!(error.to_string(), message);
    let stop = Stop::Repeated(Some("same".to_owned()));
    assert_eq!(error, PaginateError::Stopped { page: 2, stop });
    assert_eq!(numbers.next().await, None);
}

#[tokio::test]
async fn s2e_a_bounded_walk_gives_its_pages_then_the_error_and_a_place_to_go_on() {
    let numbered = || {
        paginate(PageNumber(0), async |page: u64| -> Numbers {
            Ok(Page::new(vec![page]).total_pages(4))
        })
    };
    let mut numbers = numbered().pages_max(2).items();
    assert_eq!(numbers.next().await, Some(Ok(0)));
    assert_eq!(numbers.next().await, Some(Ok(1)));
    let error = numbers.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "page 2: there are more than 2 pages");
    let bookmark = numbers.bookmark().unwrap();
    let rest = numbered().resume(bookmark.key);
    assert_eq!(all(rest.items()).await, [2, 3]);
    assert_eq!(all(numbered().pages_max(4).items()).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn s2f_a_walk_goes_on_at_any_item_of_an_earlier_one() {
    let walk = || {
        paginate(Cursor, async |cursor: Option<String>| -> Numbers {
            let offset = cursor.map_or(0, |cursor| number(&cursor));
            Ok(Page::new(slice(offset)).next(behind(offset).map(|next| format!("={next}"))))
        })
    };
    for taken in 0..COUNT {
        let mut first = walk().items();
        let mut found = Vec::new();
        for _ in 0..taken {
            found.push(first.next().await.unwrap().unwrap());
        }
        let (rest, given) = match first.bookmark() {
            Some(bookmark) => (walk().resume(bookmark.key), bookmark.given),
            None => (walk(), 0),
        };
        found.extend(all(rest.items()).await.into_iter().skip(given));
        assert_eq!(found, (0..COUNT).collect::<Vec<_>>(), "after {taken}");
    }
    let mut whole = walk().items();
    while whole.next().await.is_some() {}
    assert_eq!(whole.bookmark(), None);
}

#[tokio::test]
async fn s2f_a_failed_page_is_named_by_its_key_and_a_later_walk_goes_on_there() {
    let broken = Cell::new(true);
    let walk = || {
        paginate(Offset::by_items(), async |offset: u64| -> Numbers {
            match offset {
                3 if broken.get() => Err("unavailable".into()),
                _ => Ok(Page::new(slice(offset))),
            }
        })
    };
    let mut numbers = walk().items();
    for expected in 0..3 {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }
    let error = numbers.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "page 2: unavailable");
    let PaginateError::Fetch { key: 3, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(numbers.bookmark().unwrap().key, 3);
    broken.set(false);
    assert_eq!(
        all(walk().resume(3).items()).await,
        (3..COUNT).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn s2f_dropping_next_loses_no_item_of_a_page() {
    let items = tokio::sync::Mutex::new(None);
    let seen = RefCell::new(Vec::new());
    let begin = Cell::new(true);
    let polls = fuzz_cancel(
        || {
            if begin.replace(false) {
                seen.borrow_mut().clear();
                let walk = paginate(Offset::by_items(), async |offset: u64| -> Numbers {
                    sleep(millis(1)).await;
                    tokio::task::yield_now().await;
                    Ok(Page::new(slice(offset)))
                });
                *items.try_lock().unwrap() = Some(walk.items());
            }
            async {
                let mut taken = items.lock().await;
                let Some(items) = taken.as_mut() else { return };
                while let Some(item) = items.next().await {
                    seen.borrow_mut().push(item.unwrap());
                }
            }
        },
        async |outcome| {
            if matches!(outcome, Outcome::Completed(())) {
                assert_eq!(*seen.borrow(), (0..COUNT).collect::<Vec<_>>());
                begin.set(true);
            }
        },
    );
    assert!(polls.await > 1);
}
