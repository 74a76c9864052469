//! Testing a program that speaks HTTP, without a server: a closure answers its requests.
//!
//! Replaces: httpx's `MockTransport`. The trap that is gone: what lies above the transport is not
//! tested along with it where retries and redirects are layers of somebody else's. Here it is the
//! real client, and in paused time its waits take none.

use std::sync::Mutex;

use brigade_http::service::RequestBody;
use brigade_http::{Client, ClientBuilder, Error, Kind, Phase, RetryPolicy};
use http::{Request, Response};
use tokio::time::Instant;
use tower::service_fn;

/// The program: reads a greeting, and tries again as its server wants it.
async fn greeting(builder: ClientBuilder) -> Result<String, Error> {
    let client = builder.retry(RetryPolicy::default().attempts(3)).build()?;
    let response = client.get("https://api.example/greeting")?.send().await?;
    response.text().await
}

/// Answers each request with the next of the statuses, and asks to be left alone after a 503.
fn statuses(statuses: &'static [u16]) -> ClientBuilder {
    let left: &_ = Box::leak(Box::new(Mutex::new(statuses.iter())));
    Client::builder().service(service_fn(async |request: Request<RequestBody>| {
        assert_eq!(request.uri(), "https://api.example/greeting");
        let status = *left
            .lock()
            .expect("nobody panics")
            .next()
            .expect("one more request");
        Response::builder()
            .status(status)
            .header("retry-after", "60")
            .body(format!("hello with {status}"))
    }))
}

async fn waits_as_long_as_the_server_wants() {
    let start = Instant::now();
    let text = greeting(statuses(&[503, 503, 200])).await;
    assert_eq!(text.expect("the third is an answer"), "hello with 200");
    // What the server wants is a minimum, and clients that were refused together come back apart.
    let waited = start.elapsed();
    assert!((120..130).contains(&waited.as_secs()), "{waited:?}");
}

async fn does_not_ask_again_what_is_not_there() {
    let text = greeting(statuses(&[404])).await;
    assert_eq!(text.expect("an answer"), "hello with 404");
}

async fn gives_up_when_nobody_can_be_reached() {
    let nobody = service_fn(async |_: Request<RequestBody>| {
        Err::<Response<String>, _>(Error::from(Kind::Timeout(Phase::Connect)))
    });
    let error = greeting(Client::builder().service(nobody)).await;
    let error = error.expect_err("there is nobody");
    assert!(error.is_connect() && error.is_timeout(), "{error}");
}

fn main() -> std::io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build()?;
    runtime.block_on(async {
        waits_as_long_as_the_server_wants().await;
        does_not_ask_again_what_is_not_there().await;
        gives_up_when_nobody_can_be_reached().await;
    });
    println!("all tests of the program passed");
    Ok(())
}
