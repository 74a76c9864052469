//! Cookies: whatever servers set, the jar stays within its bounds, survives being saved, and what it
//! makes a client send is a header.
//!
//! The input is lines, each the value of a `Set-Cookie` header.

use brigade_http::CookieJar;

use super::stage;

const URL: &str = "https://a.b.example.co.uk/one/two";

pub(crate) fn run(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let headers: Vec<_> = lines
        .map(|line| ("set-cookie".to_owned(), line.to_vec()))
        .collect();
    let jar = CookieJar::new();
    let builder = stage::builder().cookies(jar.clone());
    let client = stage::answered(headers, Vec::new(), builder);
    stage::run(async {
        for url in [URL, "http://a.b.example.co.uk/", "http://127.0.0.1:8080/x"] {
            let response = client.get(url).expect("a URL").send().await;
            assert!(response.is_ok(), "{response:?}");
        }
    });
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(text) = std::str::from_utf8(line) {
            let _ = jar.add(URL, text);
        }
    }
    assert!(jar.len() <= 3_000);
    for cookie in jar.cookies() {
        assert!(cookie.name().len() + cookie.value().len() <= 4_096);
        assert!(!["uk", "co.uk"].contains(&cookie.domain()), "{}", cookie.domain());
        let clean = |text: &str| text.bytes().all(|byte| byte > 0x1f && byte != 0x7f || byte == b'\t');
        assert!(clean(cookie.name()) && clean(cookie.value()));
    }
    let saved = CookieJar::from_json(&jar.to_json_all()).expect("it was saved by itself");
    assert_eq!(saved.len(), jar.len());
}
