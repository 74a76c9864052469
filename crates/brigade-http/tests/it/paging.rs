//! S2 over requests: how a page is asked for, whom its URL goes to, and what a failure leaves.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::stream::{Offset, PageNumber, Stop, items, prefetch};
use brigade::task_group;
use brigade_http::paging::{Cursor, NextLink, Page, PaginateError, Place};
use brigade_http::{Backoff, Client, Error, HeaderValue, Kind, RequestBody, Response, RetryPolicy};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use tower::service_fn;

use super::{builder, client, spawn};

/// A page as most APIs write it.
#[derive(Deserialize)]
struct Numbers {
    numbers: Vec<u64>,
    next: Option<String>,
}

async fn numbers(response: Response) -> Result<Page<u64>, Error> {
    let data: Numbers = response.json().await?;
    Ok(Page::new(data.numbers).next(data.next))
}

/// Ten numbers a page, five pages.
fn page(from: u64, next: Option<&str>) -> Reply {
    let numbers: Vec<_> = (from..(from + 10).min(50)).collect();
    Reply::ok(json!({ "numbers": numbers, "next": next }).to_string())
}

/// Five pages, each named by a token.
fn by_cursor(request: &Request) -> Reply {
    let from = request.query("cursor").map_or(0, |n| n.parse().unwrap());
    let next = (from + 10 < 50).then(|| (from + 10).to_string());
    page(from, next.as_deref())
}

fn targets(server: &Server) -> Vec<String> {
    let requests = server.requests();
    requests
        .iter()
        .map(|request| request.target().to_owned())
        .collect()
}

/// All that a walk gives, and the error that ended it.
macro_rules! all {
    ($walk:expr) => {{
        let mut walk = $walk;
        let (mut all, mut error) = (Vec::new(), None);
        while let Some(item) = walk.next().await {
            match item {
                Ok(item) => all.push(item),
                Err(failed) => error = Some(failed),
            }
        }
        (all, error)
    }};
}

#[tokio::test]
async fn s2g_a_cursor_is_a_parameter_beside_the_others_of_the_request() {
    let server = Server::start(by_cursor).await.unwrap();
    let client = builder()
        .base_url(server.url("/v1/"))
        .query(&[("format", "json")]);
    let client = client.build().unwrap();
    let request = client.get("numbers").unwrap().query(&[("limit", 10)]);
    let (all, error) = all!(request.paginate(Cursor.param("cursor"), numbers).items());
    assert!(error.is_none(), "{error:?}");
    assert!(all.into_iter().eq(0..50));
    let first = "/v1/numbers?format=json&limit=10".to_owned();
    let mut expected = vec![first.clone()];
    expected.extend((1..5).map(|n| format!("{first}&cursor={n}0")));
    assert_eq!(targets(&server), expected);
}

#[tokio::test]
async fn s2g_page_numbers_and_offsets_replace_a_parameter_of_that_name() {
    let server = Server::start(|request| match request.query("page") {
        Some(number) => page(10 * (number.parse::<u64>().unwrap() - 1), None),
        None => page(request.query("from").unwrap().parse().unwrap(), None),
    });
    let server = server.await.unwrap();
    let client = client();
    let request = client.get(server.url("/n?page=7&x=1")).unwrap();
    let (all, error) = all!(
        request
            .paginate(PageNumber(1).param("page"), numbers)
            .items()
    );
    assert!(error.is_none() && all.into_iter().eq(0..50), "{error:?}");
    assert_eq!(targets(&server)[5], "/n?x=1&page=6");

    let request = client.get(server.url("/n")).unwrap();
    let total = async |response: Response| Ok(numbers(response).await?.total(50));
    let (all, error) = all!(
        request
            .paginate(Offset::by_items().param("from"), total)
            .items()
    );
    assert!(error.is_none() && all.into_iter().eq(0..50), "{error:?}");
    assert_eq!(
        targets(&server)[6..],
        ["0", "10", "20", "30", "40"].map(|n| format!("/n?from={n}"))
    );
}

#[tokio::test]
async fn s2g_a_key_goes_wherever_the_caller_puts_it() {
    let server = Server::start(|request| {
        let from = request.header("x-after").map_or(0, |n| n.parse().unwrap());
        assert_eq!(
            (request.method(), &request.body()[..]),
            ("POST", &b"all"[..])
        );
        page(from, (from == 0).then_some("40"))
    });
    let server = server.await.unwrap();
    let place = Cursor.by(|request, key| match key {
        Some(key) => request.header("x-after", key),
        None => request,
    });
    let request = client().post(server.url("/")).unwrap().body("all");
    let (all, error) = all!(request.paginate(place, numbers).items());
    assert!(error.is_none() && all.len() == 20, "{error:?}");
}

#[tokio::test]
async fn s2h_a_next_url_is_asked_for_as_it_is_and_resolved_against_the_one_that_answered() {
    let server = Server::start(|request| match request.target() {
        "/moved?limit=10" => Reply::redirect(302, "/v2/n?p=0"),
        "/v2/n?p=0" => page(0, Some("?p=1")),
        "/v2/n?p=1" => page(10, Some("more/n#part")),
        "/v2/more/n" => page(20, None).header("link", "<../n?p=3>; rel=prev, </n?p=3>; rel=next"),
        "/n?p=3" => page(30, Some("")).header("link", "</n?p=4>; rel=\"last next\""),
        "/n?p=4" => page(40, None).header("link", "</n?p=0>; rel=first"),
        other => panic!("{other}"),
    });
    let server = server.await.unwrap();
    let client = builder().base_url(server.url("/")).query(&[("limit", 10)]);
    let request = client.build().unwrap().get("moved").unwrap();
    let (all, error) = all!(request.paginate(NextLink, numbers).items());
    assert!(error.is_none() && all.into_iter().eq(0..50), "{error:?}");
}

#[tokio::test]
async fn s2h_what_the_page_says_comes_before_its_link_header() {
    let server = Server::start(|request| match request.path() {
        "/a" => page(0, Some("/b")).header("link", "</c>; rel=next"),
        "/b" => page(40, None),
        other => panic!("{other}"),
    });
    let server = server.await.unwrap();
    let request = client().get(server.url("/a")).unwrap();
    let (all, error) = all!(request.paginate(NextLink, numbers).items());
    assert!(error.is_none() && all.len() == 20, "{error:?}");
}

#[tokio::test]
async fn s2h_a_next_url_that_is_none_is_an_error_behind_the_items_of_its_page() {
    for bad in [
        "http://[::1",
        "ftp://host/",
        "http://user:secret@a.example/2",
    ] {
        let server = Server::start(move |_| page(0, Some(bad))).await.unwrap();
        let request = client().get(server.url("/")).unwrap();
        let (all, error) = all!(request.paginate(NextLink, numbers).items());
        assert_eq!(all.len(), 10);
        let error = error.unwrap();
        assert!(!error.to_string().contains("secret"), "{error}");
        let PaginateError::Fetch { page: 2, error, .. } = error else {
            panic!("{bad}: {error}");
        };
        assert_eq!(error.kind(), Kind::BadUrl, "{bad}");
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn s2h_a_circle_of_urls_ends_however_they_are_written() {
    let server = Server::start(|request| match request.path() {
        "/a/1" => page(0, Some("2")),
        _ => page(10, Some("/a/../a/1#again")),
    });
    let server = server.await.unwrap();
    let request = client().get(server.url("/a/1")).unwrap();
    let (all, error) = all!(request.paginate(NextLink, numbers).items());
    assert_eq!(all.len(), 20);
    let Some(PaginateError::Stopped {
        stop: Stop::Repeated(url),
        ..
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(url, server.url("/a/1"));
}

/// A client without a network, whose pages lead along `route`; it notes who got which credentials.
fn along(route: &'static [&'static str]) -> (Client, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let service = service_fn(move |request: http::Request<RequestBody>| {
        let shown = ["authorization", "x-api-key", "x-plain"];
        let shown = shown
            .into_iter()
            .filter(|name| request.headers().contains_key(*name));
        let shown: Vec<_> = shown.map(|name| &name[..3]).collect();
        let mut noted = noted.lock().unwrap();
        noted.push(format!("{} {}", request.uri(), shown.join(" ")));
        let next = route.get(noted.len() - 1);
        let response = match next {
            Some(next) if next.starts_with("302 ") => http::Response::builder()
                .status(302)
                .header("location", &next[4..]),
            _ => http::Response::builder(),
        };
        let page = json!({ "numbers": [1], "next": next.filter(|next| next.starts_with("http")) });
        let response = response.body(page.to_string()).unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    let mut key = HeaderValue::from_static("secret");
    key.set_sensitive(true);
    let client = builder().service(service).base_url("https://a.example/");
    let client = client
        .bearer_auth("secret")
        .header("x-api-key", key)
        .header("x-plain", "1");
    (client.build().unwrap(), seen)
}

async fn walked(route: &'static [&'static str]) -> (Vec<String>, Option<Kind>) {
    let (client, seen) = along(route);
    let request = client.get("/1").unwrap();
    let (_, error) = all!(request.paginate(NextLink, numbers).items());
    let kind = error.map(|error| match error {
        PaginateError::Fetch { error, .. } => error.kind(),
        other => panic!("{other}"),
    });
    let seen = seen.lock().unwrap().clone();
    (seen, kind)
}

#[tokio::test]
async fn s2i_credentials_do_not_follow_a_next_url_to_another_origin_nor_come_back() {
    let route = &[
        "https://a.example/2",
        "https://b.example/3",
        "https://a.example/4",
    ];
    let (seen, error) = walked(route).await;
    assert_eq!(error, None);
    let all = "aut x-a x-p";
    let expected = [
        format!("https://a.example/1 {all}"),
        format!("https://a.example/2 {all}"),
        "https://b.example/3 x-p".to_owned(),
        "https://a.example/4 x-p".to_owned(),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn s2i_nor_where_a_redirect_led_to_the_other_origin() {
    let (seen, error) = walked(&["302 https://b.example/1", "https://a.example/2"]).await;
    assert_eq!(error, None);
    let expected = ["https://a.example/1 aut x-a x-p", "https://b.example/1 x-p"];
    assert_eq!(seen[..2], expected);
    assert_eq!(seen[2], "https://a.example/2 x-p");
}

#[tokio::test]
async fn s2i_a_walk_over_https_does_not_go_on_in_the_clear() {
    let (seen, error) = walked(&["http://a.example/2"]).await;
    assert_eq!(error, Some(Kind::BadUrl));
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn s2i_a_key_to_resume_at_is_subject_to_the_same_rules() {
    for (key, expected) in [
        ("/7", "https://a.example/7 aut x-a x-p"),
        ("https://b.example/7", "https://b.example/7 x-p"),
    ] {
        let (client, seen) = along(&[]);
        let walk = client.get("/1").unwrap().paginate(NextLink, numbers);
        let (all, error) = all!(walk.resume(key.to_owned()).items());
        assert!(error.is_none() && all == [1], "{error:?}");
        assert_eq!(*seen.lock().unwrap(), [expected]);
    }
}

#[tokio::test]
async fn s2j_a_page_with_an_error_for_status_ends_the_walk_with_its_key_and_a_later_one_goes_on() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request| match asked.fetch_add(1, Relaxed) {
        2 => Reply::status(500),
        _ => by_cursor(request),
    });
    let server = server.await.unwrap();
    let client = client();
    let walk = || {
        client
            .get(server.url("/"))
            .unwrap()
            .paginate(Cursor.param("cursor"), numbers)
    };
    let (first, error) = all!(walk().items());
    let error = error.unwrap();
    assert!(
        error.to_string().starts_with("page 3: fetch http://"),
        "{error}"
    );
    let PaginateError::Fetch { key, error, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(error.status().map(|status| status.as_u16()), Some(500));
    let (rest, error) = all!(walk().resume(key).items());
    assert!(error.is_none(), "{error:?}");
    assert!(first.into_iter().chain(rest).eq(0..50));
}

#[tokio::test]
async fn s2j_each_page_has_the_retries_and_limits_of_a_request() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request| match asked.fetch_add(1, Relaxed) % 2 {
        0 => Reply::status(503),
        _ => by_cursor(request),
    });
    let server = server.await.unwrap();
    let soon = Backoff {
        base: Duration::from_millis(1),
        ..Backoff::default()
    };
    let client = builder()
        .retry(RetryPolicy::default().backoff(soon))
        .build()
        .unwrap();
    let request = || client.get(server.url("/")).unwrap();
    let (all, error) = all!(request().paginate(Cursor.param("cursor"), numbers).items());
    assert!(error.is_none() && all.len() == 50, "{error:?}");
    assert_eq!(server.requests().len(), 10);
    let small = request().max_body(5);
    let (all, error) = all!(small.paginate(Cursor.param("cursor"), numbers).items());
    let Some(PaginateError::Fetch { page: 1, error, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(all.is_empty() && error.kind() == Kind::TooLarge);
}

#[tokio::test]
async fn s2j_an_endless_walk_ends_at_its_bound_and_an_error_of_the_readers_own_is_told() {
    let server = Server::start(|_| page(0, None)).await.unwrap();
    let client = client();
    let walk = client.get(server.url("/")).unwrap();
    let walk = walk
        .paginate(PageNumber(0).param("page"), numbers)
        .pages_max(3);
    let (all, error) = all!(walk.items());
    let stop = Stop::TooMany {
        pages_max: 3,
        next: 3,
    };
    assert!(matches!(error, Some(PaginateError::Stopped { page: 3, stop: own }) if own == stop));
    assert_eq!((all.len(), server.requests().len()), (30, 3));

    let walk = client.get(server.url("/")).unwrap();
    let refuse = async |_| Err::<Page<u64>, _>(Error::from(Kind::Decode).caused_by("no users"));
    let (_, error) = all!(walk.paginate(Cursor.param("cursor"), refuse).items());
    let Some(PaginateError::Fetch { error, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "no users"
    );
}

#[tokio::test]
async fn s2k_what_cannot_be_sent_for_each_page_fails_before_the_first() {
    let server = Server::start(|request| {
        assert_eq!(&request.body()[..], b"query");
        by_cursor(request)
    });
    let server = server.await.unwrap();
    let client = client();
    let request = || client.post(server.url("/")).unwrap();
    let chunks = || stream::iter(["que", "ry"].map(Ok::<_, Infallible>));
    let anew = request().body(RequestBody::repeatable(chunks));
    let (all, error) = all!(anew.paginate(Cursor.param("cursor"), numbers).items());
    assert!(error.is_none() && all.len() == 50, "{error:?}");

    let asked = server.requests().len();
    let once = request().body(RequestBody::stream(chunks()));
    let file = request().body(RequestBody::file("Cargo.toml"));
    let bad = request().header("bad name", "x");
    for (request, kind, why) in [
        (once, Kind::RequestBody, "read only once"),
        (file, Kind::RequestBody, "a file or a multipart form"),
        (bad, Kind::BadRequest, ""),
    ] {
        let (_, error) = all!(request.paginate(Cursor.param("cursor"), numbers).items());
        let Some(PaginateError::Fetch { page: 1, error, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(server.requests().len(), asked);
}

#[tokio::test]
async fn s2l_pages_are_fetched_ahead_by_so_many_and_only_when_they_are_wanted() {
    let server = Server::start(by_cursor).await.unwrap();
    let walk = client()
        .get(server.url("/"))
        .unwrap()
        .paginate(Cursor.param("cursor"), numbers);
    let mut lazy = walk.pages();
    assert_eq!(lazy.next().await.unwrap().unwrap().items.len(), 10);
    drop(lazy);
    assert_eq!(server.requests().len(), 1);

    let (client, url) = (client(), server.url("/"));
    let count = spawn(async move {
        task_group(async |group| {
            let request = client.get(&url)?;
            let walk = request.paginate(Cursor.param("cursor"), async |response| {
                let data: Numbers = response.json().await?;
                Ok(Page::new(data.numbers).next(data.next))
            });
            let pages = walk.pages();
            let mut numbers = items(prefetch(group, pages, 2));
            until(|| server.requests().len() == 3).await;
            let mut count = 0;
            while let Some(number) = numbers.next().await {
                assert_eq!(number.unwrap(), count);
                count += 1;
            }
            Ok::<_, Error>(count)
        })
        .await
    });
    assert_eq!(count.await.unwrap().unwrap(), 50);
}

#[tokio::test]
async fn s2l_a_walk_that_is_dropped_ends_its_request_and_loses_no_item_otherwise() {
    let server = Server::start(|_| Reply::hang()).await.unwrap();
    let client = client();
    let walk = client
        .get(server.url("/"))
        .unwrap()
        .paginate(Cursor.param("cursor"), numbers);
    let mut walk = walk.items();
    tokio::select! {
        biased;
        item = StreamExt::next(&mut walk) => panic!("{item:?}"),
        () = until(|| server.exchanges().open == 1) => {}
    }
    drop(walk);
    until(|| server.exchanges().open == 0 && client.stats().active == 0).await;

    let server = Server::start(by_cursor).await.unwrap();
    let polls = fuzz_cancel(
        || async {
            let walk = client.get(server.url("/")).unwrap();
            let (all, error) = all!(walk.paginate(Cursor.param("cursor"), numbers).items());
            assert!(error.is_none(), "{error:?}");
            all.len()
        },
        async |outcome| {
            until(|| client.stats().active + client.stats().dialing == 0).await;
            assert!(!format!("{outcome:?}").is_empty());
        },
    );
    assert!(polls.await > 1);
}
