//! Beyond the snippets: children that borrow, so that nothing has to be cloned or shared.
//!
//! Tasks own what they use, hence the clones and locks in programs that only want to wait for
//! several things at once. The children of a scope take turns in the caller's task instead, and
//! are destroyed with it, so they borrow from the caller's stack, and may even change what is there.

use std::process::ExitCode;
use std::time::Duration;

use brigade::group::{Error, join_scope};
use tokio::time::{sleep, timeout};

struct Site {
    pages: Vec<String>,
    visits: Vec<u32>,
}

async fn length(page: &str) -> Result<usize, String> {
    sleep(Duration::from_millis(5)).await;
    match page {
        "" => Err("an empty page".to_owned()),
        page => Ok(page.len()),
    }
}

async fn total(pages: &[String]) -> Result<usize, Error<String>> {
    join_scope(async |scope| {
        let lengths: Vec<_> = pages.iter().map(|page| scope.spawn(length(page))).collect();
        let mut sum = 0;
        for length in lengths {
            sum += length.await;
        }
        Ok(sum)
    })
    .await
}

async fn borrow() -> Result<(), Error<String>> {
    let mut site = Site {
        pages: vec!["one".into(), "three".into()],
        visits: vec![0, 0],
    };
    let longest = join_scope(async |scope| {
        // Each child changes a part of its own.
        for visits in &mut site.visits {
            scope.spawn(async {
                sleep(Duration::from_millis(1)).await;
                *visits += 1;
                Ok(())
            });
        }
        let longest = scope.spawn(async { Ok(site.pages.iter().max_by_key(|page| page.len())) });
        Ok::<_, String>(longest.await)
    });
    // What a child returns may be borrowed as well.
    let longest = longest.await?.cloned();
    assert_eq!(longest.as_deref(), Some("three"));
    assert_eq!(site.visits, [1, 1]);

    assert_eq!(total(&site.pages).await?, 8);
    site.pages.push(String::new());
    match total(&site.pages).await {
        Ok(sum) => unreachable!("an empty page counted as part of {sum}"),
        Err(error) => println!("one failed, and the others were dropped: {error}"),
    }

    // The children are gone when the timeout returns, so the site can be changed at once.
    let cut_off = timeout(Duration::from_millis(1), total(&site.pages)).await;
    assert!(cut_off.is_err());
    site.pages.clear();
    Ok(())
}

fn main() -> ExitCode {
    brigade::run(borrow())
}
