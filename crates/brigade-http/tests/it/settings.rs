//! What a client adds to its requests: a base URL, a query, credentials, and whom they are for.

use brigade_http::{Client, Kind};
use brigade_testkit::server::{Reply, Request, Server};
use serde::Serialize;

use super::{builder, tell};

/// Answers with the target of the request and who sends it.
fn echo(request: &Request) -> Reply {
    let who = request.header("authorization").unwrap_or("nobody");
    Reply::ok(format!("{} {who}", request.target()))
}

async fn asked(client: &Client, url: &str) -> String {
    let response = client.get(url).unwrap().send().await.unwrap();
    response.text().await.unwrap()
}

#[tokio::test]
async fn h12a_a_relative_url_is_resolved_against_the_base() {
    let server = Server::start(echo).await.unwrap();
    let client = builder().base_url(server.url("/b/c/")).build().unwrap();
    // As RFC 3986, section 5.4, for a base without a last segment and without a query.
    let cases = [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/?y"),
        ("g?y#s", "/b/c/g?y"),
        ("", "/b/c/"),
        ("..", "/b/"),
        ("../g", "/b/g"),
        ("../../../g", "/g"),
        ("g;x=1/../y", "/b/c/y"),
    ];
    for (relative, target) in cases {
        assert_eq!(
            asked(&client, relative).await,
            format!("{target} nobody"),
            "{relative}"
        );
    }
    let whole = server.url("/whole");
    assert_eq!(asked(&client, &whole).await, "/whole nobody");
    let other = whole.trim_start_matches("http:");
    assert_eq!(asked(&client, other).await, "/whole nobody");

    let without = builder().build().unwrap();
    let error = without.get("users").unwrap_err();
    assert_eq!(error.kind(), Kind::BadUrl);
    assert!(tell(&error).contains("ClientBuilder::base_url"), "{error}");
}

#[test]
fn h12b_a_base_that_would_lose_a_part_of_itself_is_refused() {
    let cases = [
        ("http://a.test/v1", Kind::Config, "ends with '/'"),
        ("http://a.test/?key=secret", Kind::Config, "no query"),
        (
            "http://a.test/#part",
            Kind::Config,
            "no query and no fragment",
        ),
        ("ftp://a.test/", Kind::BadUrl, "not http or https"),
        ("a.test", Kind::BadUrl, "relative"),
        ("http://", Kind::BadUrl, "empty host"),
    ];
    for (base, kind, why) in cases {
        let error = builder().base_url(base).build().unwrap_err();
        assert_eq!(error.kind(), kind, "{base}");
        assert!(tell(&error).contains(why), "{base}: {error}");
    }
    builder().base_url("http://a.test").build().unwrap();
}

#[tokio::test]
async fn h12c_queries_add_up_and_a_redirect_has_its_own() {
    #[derive(Serialize)]
    struct Filter<'a> {
        tag: Vec<&'a str>,
        name: Option<&'a str>,
        limit: Option<u32>,
    }
    let server = Server::start(|request| match request.path() {
        "/moved" => Reply::redirect(307, "/there?own=1"),
        _ => echo(request),
    })
    .await
    .unwrap();
    let client = builder()
        .query(&[("a", "1")])
        .query(&[("b", "ä &")])
        .build()
        .unwrap();
    let filter = Filter {
        tag: vec!["x", "y"],
        name: None,
        limit: Some(2),
    };
    let request = client.get(server.url("/?own=0")).unwrap().query(&filter);
    let response = request.query(&[("z", true)]).send().await.unwrap();
    assert_eq!(
        response.text().await.unwrap(),
        "/?own=0&a=1&b=%C3%A4+%26&tag=x&tag=y&limit=2&z=true nobody"
    );
    assert_eq!(
        asked(&client, &server.url("/moved")).await,
        "/there?own=1 nobody"
    );

    let error = client.get(server.url("/")).unwrap().query(&17);
    let error = error.send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
    assert!(
        tell(&error).contains("the query is made of names and values"),
        "{error}"
    );
}

#[tokio::test]
async fn h12d_credentials_and_query_of_a_client_stay_with_the_origin_of_its_base() {
    let elsewhere = Server::start(echo).await.unwrap();
    let there = elsewhere.url("/there");
    let server = Server::start(move |request| match request.path() {
        "/away" => Reply::redirect(302, there.clone()),
        "/near" => Reply::redirect(302, "/here"),
        _ => echo(request),
    })
    .await
    .unwrap();
    let client = builder().bearer_auth("t0ken").query(&[("key", "k")]);
    let client = client.base_url(server.url("/")).build().unwrap();
    assert_eq!(asked(&client, "here").await, "/here?key=k Bearer t0ken");
    assert_eq!(asked(&client, "near").await, "/here Bearer t0ken");
    assert_eq!(asked(&client, &elsewhere.url("/")).await, "/ nobody");
    assert_eq!(asked(&client, "away").await, "/there nobody");
    let shown = format!("{client:?} {:?}", client.get("here").unwrap());
    assert!(!shown.contains("t0ken"), "{shown}");
}

#[tokio::test]
async fn h12d_headers_that_are_credentials_stay_with_the_origin_of_the_base() {
    let said = |request: &Request| {
        let of = |name| request.header(name).unwrap_or("-").to_owned();
        let names = ["authorization", "cookie", "x-key", "x-plain"];
        Reply::ok(names.map(of).join(" "))
    };
    let elsewhere = Server::start(said).await.unwrap();
    let server = Server::start(said).await.unwrap();
    let mut key = http::HeaderValue::from_static("k");
    key.set_sensitive(true);
    let headed = || {
        let builder = builder().header("authorization", "Own x");
        let builder = builder.header("cookie", "a=b").header("x-key", key.clone());
        builder.header("x-plain", "p")
    };
    let client = headed().base_url(server.url("/")).build().unwrap();
    assert_eq!(asked(&client, "a").await, "Own x a=b k p");
    let away = elsewhere.url("/");
    assert_eq!(asked(&client, &away).await, "- - - p");
    let away = away.trim_start_matches("http:");
    assert_eq!(asked(&client, away).await, "- - - p");
    let own = client.get(away).unwrap().header("x-key", "own");
    let answer = own.send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "- - own p", "what a request says itself is sent");
    let without = headed().build().unwrap();
    let answer = asked(&without, &elsewhere.url("/")).await;
    assert_eq!(answer, "Own x a=b k p", "nobody said whom it is for");
}

#[tokio::test]
async fn h12d_what_a_base_says_of_who_one_is_goes_with_it() {
    let server = Server::start(echo).await.unwrap();
    let before = "http://joe:secret@a.test/";
    let client = builder().base_url(before).base_url(server.url("/"));
    assert_eq!(asked(&client.build().unwrap(), "a").await, "/a nobody");
    let client = builder().bearer_auth("t0ken").base_url(before);
    let client = client.base_url(server.url("/")).build().unwrap();
    assert_eq!(asked(&client, "a").await, "/a nobody");
    let client = builder().base_url(before).bearer_auth("t0ken");
    let client = client.base_url(server.url("/")).build().unwrap();
    assert_eq!(asked(&client, "a").await, "/a Bearer t0ken");
}

#[tokio::test]
async fn h12e_the_request_knows_best_who_one_is_then_its_url_then_the_client() {
    let server = Server::start(echo).await.unwrap();
    let address = server.address();
    let base = format!("http://base:secret@{address}/");
    let client = builder().base_url(base).build().unwrap();
    // "base:secret", "url:", "me:pass" and "me:".
    assert_eq!(asked(&client, "a").await, "/a Basic YmFzZTpzZWNyZXQ=");
    let own = format!("http://url@{address}/a");
    assert_eq!(asked(&client, &own).await, "/a Basic dXJsOg==");
    let cases = [
        (
            client.get(&own).unwrap().basic_auth("me", "pass"),
            "Basic bWU6cGFzcw==",
        ),
        (
            client.get(&own).unwrap().basic_auth("me", None),
            "Basic bWU6",
        ),
        (
            client.get("a").unwrap().bearer_auth("abc.d-e_f~g+h/i=="),
            "Bearer abc.d-e_f~g+h/i==",
        ),
        (
            client.get("a").unwrap().header("authorization", "Own x"),
            "Own x",
        ),
    ];
    for (request, who) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), format!("/a {who}"));
    }
}

#[tokio::test]
async fn h12f_credentials_that_cannot_be_sent_or_are_for_nobody_are_refused() {
    let error = builder().bearer_auth("t0ken").build().unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(tell(&error).contains("need a base URL"), "{error}");
    for (builder, why) in [
        (builder().bearer_auth("t0k en"), "a bearer token has"),
        (builder().bearer_auth(""), "a bearer token has"),
        (builder().bearer_auth("t0ken\r\nx: y"), "a bearer token has"),
        (
            builder().basic_auth("t0k:en", "x"),
            "a user name with a colon",
        ),
    ] {
        let error = builder.base_url("http://a.test/").build().unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest);
        assert!(tell(&error).contains(why), "{error}");
        assert!(!tell(&error).contains("t0k"), "{error}");
    }
    let server = Server::start(echo).await.unwrap();
    let client = builder().build().unwrap();
    let error = client.get(server.url("/")).unwrap().basic_auth("a:b", None);
    assert_eq!(error.send().await.unwrap_err().kind(), Kind::BadRequest);
    assert!(server.requests().is_empty());
}
