//! Typed bodies both ways: JSON, forms, lines, typed lines, and statuses as errors.

use std::collections::BTreeMap;

use brigade_http::Kind;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize, Serializer};

use super::{client, tell};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct User {
    name: String,
    age: u8,
}

#[tokio::test]
async fn h12g_json_and_forms_are_sent_with_their_type_unless_another_one_was_set() {
    let server = Server::start(|request| {
        let mimes = request
            .headers()
            .filter(|(name, _)| *name == "content-type");
        let mime = mimes
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
            .join(" and ");
        let body = String::from_utf8_lossy(request.body());
        Reply::ok(format!("{} {mime} {body}", request.method()))
    })
    .await
    .unwrap();
    let client = client();
    let user = User {
        name: "Ada & Co".into(),
        age: 36,
    };
    let url = server.url("/");
    let cases = [
        (
            client.post(&url).unwrap().json(&user),
            r#"POST application/json {"name":"Ada & Co","age":36}"#,
        ),
        (
            client.put(&url).unwrap().form(&user),
            "PUT application/x-www-form-urlencoded name=Ada+%26+Co&age=36",
        ),
        (
            client
                .patch(&url)
                .unwrap()
                .header("content-type", "text/json")
                .json(&[1, 2]),
            "PATCH text/json [1,2]",
        ),
        (
            client
                .patch(&url)
                .unwrap()
                .json(&[1, 2])
                .header("content-type", "text/json"),
            "PATCH text/json [1,2]",
        ),
        (
            client.delete(&url).unwrap().form(&[("ids", vec![1, 2])]),
            "DELETE application/x-www-form-urlencoded ids=1&ids=2",
        ),
    ];
    for (request, expected) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), expected);
    }
    let head = client.head(&url).unwrap().send().await.unwrap();
    assert_eq!(head.bytes().await.unwrap(), "");
}

#[tokio::test]
async fn h12h_what_cannot_be_written_is_an_error_and_nothing_is_sent() {
    struct Unwritable;
    impl Serialize for Unwritable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it is a secret"))
        }
    }
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let client = client();
    let url = server.url("/");
    let keys = BTreeMap::from([(vec![1], 1)]);
    for (request, why) in [
        (
            client.post(&url).unwrap().json(&Unwritable),
            "it is a secret",
        ),
        (
            client.post(&url).unwrap().json(&keys),
            "key must be a string",
        ),
        (
            client.post(&url).unwrap().form(&Unwritable),
            "the form is made of names and values",
        ),
        (
            client.post(&url).unwrap().form("text"),
            "the form is made of names and values",
        ),
    ] {
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{why}");
        assert!(tell(&error).contains(why), "{}", tell(&error));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn h12i_a_status_of_400_to_599_is_an_error_where_somebody_asks() {
    let server = Server::start(|request| {
        let status = request.path().trim_start_matches('/').parse().unwrap();
        Reply::status(status).body("why")
    })
    .await
    .unwrap();
    let client = client();
    for status in [200, 204, 299, 304, 399] {
        let response = client.get(server.url(&format!("/{status}"))).unwrap();
        let response = response.send().await.unwrap();
        assert_eq!(response.error_for_status().unwrap().status(), status);
    }
    for status in [400, 404, 429, 500, 599] {
        let url = server
            .url(&format!("/{status}"))
            .replace("//", "//me:secret@");
        let response = client.get(url).unwrap().send().await.unwrap();
        assert_eq!(response.status(), status);
        let error = response.error_for_status().unwrap_err();
        assert_eq!(error.status().map(|found| found.as_u16()), Some(status));
        assert_eq!(error.kind().name(), "http_status");
        let shown = error.to_string();
        assert!(
            shown.contains(&format!("the server answered {status}")),
            "{shown}"
        );
        assert!(!shown.contains("secret"), "{shown}");
    }
}

#[tokio::test]
async fn h12j_a_body_is_the_json_that_was_expected_or_an_error_with_the_place() {
    let server = Server::start(|request| {
        Reply::ok(match request.path() {
            "/good" => &b"{\"name\":\"Ada\",\"age\":36}"[..],
            "/marked" => b"\xef\xbb\xbf {\"name\":\"Ada\",\"age\":36}\r\n",
            "/short" => b"{\"name\":\"Ada\",",
            "/other" => b"{\"name\":\"Ada\",\"age\":3600}",
            "/two" => b"{\"name\":\"Ada\",\"age\":36} {}",
            "/latin" => b"{\"name\":\"\xe9\",\"age\":36}",
            _ => b"",
        })
    })
    .await
    .unwrap();
    let client = client();
    let ada = User {
        name: "Ada".into(),
        age: 36,
    };
    for path in ["/good", "/marked"] {
        let response = client.get(server.url(path)).unwrap().send().await.unwrap();
        assert_eq!(response.json::<User>().await.unwrap(), ada, "{path}");
    }
    for (path, why) in [
        ("/short", "EOF while parsing"),
        ("/other", "at line 1 column 24"),
        ("/two", "trailing characters at line 1 column 25"),
        ("/latin", "invalid unicode code point at line 1 column 10"),
        ("/none", "EOF while parsing a value at line 1 column 0"),
    ] {
        let response = client.get(server.url(path)).unwrap().send().await.unwrap();
        let error = response.json::<User>().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Decode, "{path}");
        assert!(error.url().unwrap().path() == path);
        assert!(tell(&error).contains(why), "{path}: {}", tell(&error));
    }
}

#[tokio::test]
async fn h12k_chunks_and_lines_arrive_while_the_body_does_and_end_with_its_error() {
    let server = Server::start(|request| match request.path() {
        "/hanging" => Reply::ok("one\r\ntwo\nthree\n").hang_after(11),
        _ => Reply::ok("one\ntwo\nthr")
            .header("content-length", "100")
            .close_after(11),
    })
    .await
    .unwrap();
    let client = client();
    let response = client
        .get(server.url("/hanging"))
        .unwrap()
        .send()
        .await
        .unwrap();
    let mut lines = response.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), "one");
    assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    drop(lines);
    until(|| client.stats().total() == 0).await;

    let response = client
        .get(server.url("/cut"))
        .unwrap()
        .send()
        .await
        .unwrap();
    let mut lines = response.lines();
    assert_eq!(lines.next().await.unwrap().unwrap(), "one");
    assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    let error = lines.next().await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("the connection broke"),
        "{error}"
    );
    assert!(lines.next().await.is_none());

    let response = client
        .get(server.url("/cut"))
        .unwrap()
        .send()
        .await
        .unwrap();
    let all: Vec<_> = response.chunks().collect().await;
    let (last, before) = all.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err().kind(), Kind::Protocol);
    let before: Vec<u8> = before
        .iter()
        .flat_map(|chunk| chunk.as_ref().unwrap().to_vec())
        .collect();
    assert_eq!(before, b"one\ntwo\nthr");
}

#[tokio::test]
async fn h12l_typed_lines_are_values_or_errors_with_their_line_and_the_next_is_read() {
    let long = format!("{{\"name\":\"{}\",\"age\":1}}", "x".repeat(2 << 20));
    let body = format!(
        "{{\"name\":\"a\",\"age\":1}}\n\n nonsense\r\n{{\"name\":\"b\",\"age\":2}}\r\n{long}\n{{\"name\":\"c\",\"age\":3}}"
    );
    let server = Server::start(move |_| Reply::ok(body.clone()))
        .await
        .unwrap();
    let response = client().get(server.url("/")).unwrap().send().await.unwrap();
    let mut users = response.ndjson::<User>();
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    while let Some(user) = users.next().await {
        match user {
            Ok(user) => names.push(user.name),
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    assert!(errors[0].starts_with("line 3: "), "{errors:?}");
    assert_eq!(errors[1], "line 5 is longer than 1048576 bytes");
    assert_eq!(errors.len(), 2);
}

#[tokio::test]
async fn h12m_a_link_leads_from_the_url_that_answered() {
    let server = Server::start(|request| match request.path() {
        "/old/users" => Reply::redirect(308, "/new/users"),
        _ => Reply::ok("")
            .header("link", "<users?page=9>; rel=last")
            .header(
                "link",
                "<http://>; rel=broken, <users?page=2>; rel=\"x next\"",
            ),
    })
    .await
    .unwrap();
    let response = client()
        .get(server.url("/old/users"))
        .unwrap()
        .send()
        .await
        .unwrap();
    let link = |rel| response.link(rel).map(|url| url.to_string());
    assert_eq!(link("next"), Some(server.url("/new/users?page=2")));
    assert_eq!(link("LAST"), Some(server.url("/new/users?page=9")));
    assert_eq!(link("broken"), None);
    assert_eq!(link("prev"), None);
}
