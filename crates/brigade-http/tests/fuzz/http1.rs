//! HTTP/1.1: whatever a server says, the request ends, and its body.

use super::stage;

pub(crate) fn run(data: &[u8]) {
    let (settings, said) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    spoken(stage::connected(stage::pieces(said, seed), stage::builder()));
}

pub(crate) fn spoken(client: brigade_http::Client) {
    stage::run(async {
        let request = client.get("http://a.test/b").expect("a URL");
        if let Ok(mut response) = request.max_body(1 << 20).send().await {
            while let Ok(Some(chunk)) = response.chunk().await {
                assert!(!chunk.is_empty());
            }
            assert!(!matches!(response.chunk().await, Ok(Some(_))));
        }
        client.close().await;
        assert_eq!(client.stats().total(), 0);
    });
}
