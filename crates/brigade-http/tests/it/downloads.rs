//! H17: downloads to a file, against servers that cut, change and lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::download::{Download, Downloaded, Progress};
use brigade_http::{Backoff, Client, Error, Kind, Method, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::Config;
use tempfile::TempDir;

use super::{client, tell};

/// The bytes of one state of a resource, in which every byte tells its place.
fn content(state: usize, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    for number in (0_u64..).take(size / 8 + 1) {
        let mut mixed = (number + 7919 * state as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bytes.extend_from_slice(&mixed.to_be_bytes());
    }
    bytes.truncate(size);
    bytes
}

const PAUSE: Duration = Duration::from_millis(100);

/// What a good server answers, with an ETag that names the state.
fn serve(request: &Request, state: usize, size: usize) -> Reply {
    let bytes = content(state, size);
    let etag = format!("\"{state}\"");
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    let is_same = request.header("if-range").is_none_or(|asked| asked == etag);
    match request.header("range").filter(|_| is_same).map(from) {
        Some(from) if from >= size => {
            let range = format!("bytes */{size}");
            Reply::status(416).header("content-range", range)
        }
        Some(from) => part(&bytes, from, size).header("etag", etag),
        None => Reply::ok(bytes).header("etag", etag),
    }
}

fn from(range: &str) -> usize {
    let from = range.strip_prefix("bytes=").unwrap();
    from.strip_suffix('-').unwrap().parse().unwrap()
}

/// Bytes `from` to `end` of a resource.
fn part(bytes: &[u8], from: usize, end: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", end - 1, bytes.len());
    let reply = Reply::status(206).body(bytes[from..end].to_vec());
    reply.header("content-range", range)
}

/// A folder to download into.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("file")
    }

    fn part(&self) -> PathBuf {
        self.0.path().join("file.part")
    }

    /// The names in the folder.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn quick() -> Backoff {
    let millisecond = Duration::from_millis(1);
    Backoff {
        base: millisecond,
        cap: millisecond,
        ..Backoff::default()
    }
}

fn download(client: &Client, server: &Server, path: &Path) -> Download {
    let request = client.get(server.url("/file")).unwrap();
    request.download(path).backoff(quick())
}

async fn fetch(server: &Server, path: &Path) -> Result<Downloaded, Error> {
    download(&client(), server, path).run().await
}

#[tokio::test]
async fn h17a_a_file_arrives_whole_in_one_moment() {
    for size in [0, 1, 100, 600_000, 3_000_000] {
        let server = Server::start(move |request| serve(request, 1, size));
        let server = server.await.unwrap();
        let place = Place::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let path = place.path();
        let target = path.clone();
        let ordered = download(&client(), &server, &path).progress(move |progress: Progress| {
            assert!(!target.exists(), "nothing is there before all is");
            told.lock()
                .unwrap()
                .push((progress.written, progress.total));
        });
        let done = ordered.run().await.unwrap();
        let size = size as u64;
        assert_eq!((done.length(), done.kept(), done.resumes()), (size, 0, 0));
        assert_eq!(done.headers()["etag"], "\"1\"");
        assert_eq!(done.url().path(), "/file");
        assert!(fs::read(&path).unwrap() == content(1, size as usize));
        assert_eq!(place.names(), ["file"]);
        let seen = seen.lock().unwrap();
        assert_eq!(seen.first(), Some(&(0, Some(size))));
        assert_eq!(seen.last(), Some(&(size, Some(size))));
        assert!(seen.is_sorted());
    }
}

#[tokio::test]
async fn h17a_a_file_without_a_length_arrives_too() {
    let server = Server::start(|_| Reply::status(200).chunked(["one", "two"]));
    let server = server.await.unwrap();
    let place = Place::new();
    fs::write(place.path(), "what was there before, which is longer").unwrap();
    assert_eq!(fetch(&server, &place.path()).await.unwrap().length(), 6);
    assert_eq!(fs::read(place.path()).unwrap(), b"onetwo");
}

#[tokio::test]
async fn h17b_a_broken_connection_is_gone_on_from() {
    let size = 2_000_000;
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let reply = serve(request, 1, size);
        match count.fetch_add(1, SeqCst) {
            0 => reply.reset_after(700_000),
            1 => reply.close_after(0),
            2 => reply.hang_after(600_000),
            _ => reply,
        }
    });
    let server = server.await.unwrap();
    let place = Place::new();
    let timeouts = Timeouts::NONE.read(Duration::from_millis(300));
    let request = client().get(server.url("/")).unwrap().timeouts(timeouts);
    let done = request
        .download(place.path())
        .backoff(quick())
        .run()
        .await
        .unwrap();
    assert_eq!(done.resumes(), 3);
    assert!(fs::read(place.path()).unwrap() == content(1, size));
    let ranges = server.requests();
    let ranges: Vec<_> = ranges
        .iter()
        .map(|request| request.header("range").map(from))
        .collect();
    assert_eq!(ranges.len(), 4);
    assert_eq!(ranges[0], None);
    // A reset may take along what was under way.
    assert!(ranges[1].is_some_and(|from| from < 700_000));
    assert_eq!(ranges[1], ranges[2]);
    assert!(ranges[3] > ranges[2].map(|from| from + 500_000));
}

#[tokio::test]
async fn h17b_it_goes_on_so_often_and_no_more() {
    for resumes in [0, 1, 4] {
        let server = Server::start(|request| serve(request, 1, 1000).close_after(2));
        let server = server.await.unwrap();
        let place = Place::new();
        let ordered = download(&client(), &server, &place.path()).resumes(resumes);
        let error = ordered.run().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
        assert_eq!(server.requests().len(), resumes as usize + 1);
        assert_eq!(place.names(), ["file.part", "file.part.resume"]);
    }
}

#[tokio::test]
async fn h17b_the_total_timeout_bounds_all_of_it() {
    let server = Server::start(|request| serve(request, 1, 1000).close_after(1));
    let server = server.await.unwrap();
    let place = Place::new();
    let request = client()
        .get(server.url("/"))
        .unwrap()
        .timeout(Duration::from_millis(300));
    let ordered = request.download(place.path()).resumes(1000);
    let slow = Backoff {
        base: Duration::from_millis(50),
        ..Backoff::default()
    };
    let before = std::time::SystemTime::now();
    let error = ordered.backoff(slow).run().await.unwrap_err();
    // What went wrong last, or the timeout itself.
    assert!([Kind::Protocol, Kind::Timeout(brigade_http::Phase::Total)].contains(&error.kind()));
    assert!(before.elapsed().unwrap() < Duration::from_secs(5));
}

#[tokio::test]
async fn h17b_a_pause_is_not_begun_beyond_the_total_timeout_and_ends_with_the_client() {
    let server = Server::start(|request| serve(request, 1, 1000).close_after(1));
    let server = server.await.unwrap();
    let hour = Duration::from_secs(3600);
    let slow = Backoff {
        base: hour,
        cap: hour,
        ..Backoff::default()
    };
    let client = client();
    let written = Arc::new(Mutex::new(0));
    let ordered = |total| {
        let (place, told) = (Place::new(), written.clone());
        let request = client.get(server.url("/")).unwrap().timeout(total);
        let ordered = request.download(place.path()).backoff(slow);
        let run = ordered.progress(move |progress| *told.lock().unwrap() = progress.written);
        super::spawn(async move { (run.run().await, place).0 })
    };
    let bounded = ordered(Some(Duration::from_secs(60)));
    let bounded = tokio::time::timeout(Duration::from_secs(10), bounded);
    let error = bounded.await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
    *written.lock().unwrap() = 0;
    let pausing = ordered(None);
    until(|| server.requests().len() == 2 && *written.lock().unwrap() == 1).await;
    client.close().await;
    let pausing = tokio::time::timeout(Duration::from_secs(10), pausing);
    let error = pausing.await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Closed, "{}", tell(&error));
}

#[tokio::test]
async fn h17d_what_is_forgotten_is_forgotten_on_the_disk_too() {
    let server = Server::start(|request| serve(request, 2, 1000).close_after(100));
    let server = server.await.unwrap();
    let place = Place::new();
    leave(&server, &place, 1, 1000, 900).await;
    let ordered = download(&client(), &server, &place.path()).resumes(0);
    ordered.run().await.unwrap_err();
    assert!(fs::read(place.part()).unwrap() == content(2, 100));
}

#[tokio::test]
async fn h17d_a_name_is_forgotten_with_its_bytes() {
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match count.fetch_add(1, SeqCst) {
        0 => serve(request, 1, 1000).close_after(600),
        1 => Reply::ok(content(2, 1000)).close_after(700),
        _ => serve(request, 1, 1000),
    });
    let server = server.await.unwrap();
    let place = Place::new();
    fetch(&server, &place.path()).await.unwrap();
    assert!(fs::read(place.path()).unwrap() == content(1, 1000));
    let ranges = server.requests();
    let ranges = ranges.iter().map(|request| request.header("range"));
    assert!(ranges.eq([None, Some("bytes=599-"), None]));
}

#[tokio::test]
async fn h17c_another_program_goes_on_with_what_a_killed_one_left() {
    let size = 1_000_000;
    let is_whole = Arc::new(AtomicUsize::new(0));
    let whole = is_whole.clone();
    let server = Server::start(move |request| match whole.load(SeqCst) {
        0 => serve(request, 1, size).close_after(600_000),
        _ => serve(request, 1, size),
    });
    let server = server.await.unwrap();
    let place = Place::new();
    fs::write(place.path(), "old").unwrap();
    let ordered = download(&client(), &server, &place.path()).resumes(0);
    ordered.run().await.unwrap_err();
    assert_eq!(fs::read(place.path()).unwrap(), b"old");
    is_whole.store(1, SeqCst);
    let done = fetch(&server, &place.path()).await.unwrap();
    assert_eq!(
        (done.length(), done.kept(), done.resumes()),
        (size as u64, 600_000, 0)
    );
    assert!(fs::read(place.path()).unwrap() == content(1, size));
    assert_eq!(place.names(), ["file"]);
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("range"), Some("bytes=599999-"));
    assert_eq!(last.header("if-range"), Some("\"1\""));
}

#[tokio::test]
async fn h17c_a_part_that_is_complete_costs_one_byte() {
    let server = Server::start(|request| serve(request, 1, 1000))
        .await
        .unwrap();
    let place = Place::new();
    fetch(&server, &place.path()).await.unwrap();
    leave(&server, &place, 1, 1000, 1000).await;
    let done = fetch(&server, &place.path()).await.unwrap();
    assert_eq!((done.length(), done.kept()), (1000, 1000));
    assert_eq!(
        server.requests().pop().unwrap().header("range"),
        Some("bytes=999-")
    );
    assert_eq!(fs::read(place.path()).unwrap(), content(1, 1000));
}

/// Leaves what a killed download of a state leaves, with `have` of its bytes.
async fn leave(server: &Server, place: &Place, state: usize, size: usize, have: usize) {
    let _ = fs::remove_file(place.part());
    let cut = Server::builder().address(([127, 0, 0, 2], 0));
    let cut = cut.start(move |request| serve(request, state, size).close_after(have.min(size - 1)));
    let cut = cut.await.unwrap();
    // The record is that of the server's URL, so it is asked by way of a service.
    let to = cut.url("/file");
    let forward = tower::service_fn(move |request: http::Request<brigade_http::RequestBody>| {
        let to = to.clone();
        async move {
            let request = request
                .headers()
                .iter()
                .fold(client().get(to).unwrap(), |to, (name, value)| {
                    to.header(name, value)
                });
            let response = request.send().await?;
            Ok::<_, Error>(http::Response::<brigade_http::service::ResponseBody>::from(
                response,
            ))
        }
    });
    let client = super::builder().service(forward).build().unwrap();
    let ordered = client
        .get(server.url("/file"))
        .unwrap()
        .download(place.path());
    ordered.resumes(0).run().await.unwrap_err();
    let bytes = content(state, size);
    fs::write(place.part(), &bytes[..have]).unwrap();
}

#[tokio::test]
async fn h17d_what_has_changed_is_started_over() {
    for (old, new) in [(1000, 1000), (1000, 10), (10, 1000), (1000, 1)] {
        let server = Server::start(move |request| serve(request, 2, new))
            .await
            .unwrap();
        let place = Place::new();
        leave(&server, &place, 1, old, old / 2).await;
        let done = fetch(&server, &place.path()).await.unwrap();
        assert_eq!(
            (done.length(), done.kept(), done.resumes()),
            (new as u64, 0, 0)
        );
        assert_eq!(fs::read(place.path()).unwrap(), content(2, new));
        assert_eq!(place.names(), ["file"]);
    }
}

#[tokio::test]
async fn h17d_a_part_that_cannot_be_added_to_is_fetched_as_a_whole() {
    type Change = fn(Reply) -> Reply;
    let ends: [(&str, Change); 9] = [
        ("nothing is left", |_| {
            Reply::status(416).header("content-range", "bytes */3")
        }),
        ("no range is said", |_| {
            Reply::status(206).body("x").header("etag", "\"1\"")
        }),
        ("of another place", |_| {
            part(&content(1, 1000), 400, 1000).header("etag", "\"1\"")
        }),
        ("of another length", |_| {
            part(&content(1, 999), 499, 999).header("etag", "\"1\"")
        }),
        ("of another state", |_| {
            part(&content(2, 1000), 499, 1000).header("etag", "\"2\"")
        }),
        ("of no state", |_| part(&content(1, 1000), 499, 1000)),
        ("other bytes than those that are there", |_| {
            part(&content(2, 1000), 499, 1000).header("etag", "\"1\"")
        }),
        ("longer than it says", |reply| {
            reply.status_of_part("bytes 499-501/1000")
        }),
        ("in several parts", |_| {
            let several = "--x\r\ncontent-range: bytes 499-999/1000\r\n\r\n--x--";
            let reply = Reply::status(206).body(several).header("etag", "\"1\"");
            reply.header("content-type", "multipart/byteranges; boundary=x")
        }),
    ];
    for (what, change) in ends {
        let server = Server::start(move |request| match request.header("range") {
            Some(_) => change(serve(request, 1, 1000)),
            None => serve(request, 1, 1000),
        });
        let server = server.await.unwrap();
        let place = Place::new();
        leave(&server, &place, 1, 1000, 500).await;
        let done = fetch(&server, &place.path()).await.unwrap();
        assert_eq!((done.length(), done.kept()), (1000, 0), "{what}");
        assert_eq!(fs::read(place.path()).unwrap(), content(1, 1000), "{what}");
    }
}

trait Lie {
    fn status_of_part(self, range: &'static str) -> Reply;
}

impl Lie for Reply {
    /// All that is left, under another range.
    fn status_of_part(self, range: &'static str) -> Reply {
        let left = content(1, 1000)[499..].to_vec();
        let reply = Reply::status(206).body(left).header("etag", "\"1\"");
        reply.header("content-range", range)
    }
}

#[tokio::test]
async fn h17d_a_part_that_ends_early_is_added_to_again() {
    let server = Server::start(|request| match request.header("range").map(from) {
        Some(from) => {
            let end = (from + 300).min(1000);
            part(&content(1, 1000), from, end).header("etag", "\"1\"")
        }
        None => serve(request, 1, 1000),
    });
    let server = server.await.unwrap();
    let place = Place::new();
    leave(&server, &place, 1, 1000, 100).await;
    let done = fetch(&server, &place.path()).await.unwrap();
    assert_eq!((done.length(), done.kept()), (1000, 100));
    assert_eq!(fs::read(place.path()).unwrap(), content(1, 1000));
}

#[tokio::test]
async fn h17d_without_a_strong_validator_nothing_is_added() {
    for weak in [
        None,
        Some(("etag", "W/\"1\"")),
        Some(("last-modified", "Sat, 28 Nov 2026 06:24:37 GMT")),
    ] {
        let count = AtomicUsize::new(0);
        let server = Server::start(move |request| {
            assert_eq!(request.header("range"), None);
            let reply = Reply::ok(content(1, 1000));
            let reply = match weak {
                Some((name, value)) => reply.header(name, value),
                None => reply,
            };
            match count.fetch_add(1, SeqCst) {
                0 => reply.close_after(500),
                _ => reply,
            }
        });
        let server = server.await.unwrap();
        let place = Place::new();
        let done = fetch(&server, &place.path()).await.unwrap();
        assert_eq!((done.length(), done.resumes()), (1000, 1));
        assert_eq!(fs::read(place.path()).unwrap(), content(1, 1000));
    }
}

#[tokio::test]
async fn h17d_a_whole_that_is_longer_than_it_says_is_an_error() {
    // Over a network nobody would see the last byte.
    let service = tower::service_fn(|_: http::Request<brigade_http::RequestBody>| async {
        let response = http::Response::builder().header("content-length", 5);
        Ok::<_, Error>(response.body("123456".to_owned()).unwrap())
    });
    let client = super::builder().service(service).build().unwrap();
    let place = Place::new();
    let request = client.get("http://a.example/").unwrap().timeout(None);
    let ordered = request.download(place.path()).backoff(quick()).run();
    let done = tokio::time::timeout(Duration::from_secs(5), ordered).await;
    let error = done.expect("it does not start over for ever").unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "{}", tell(&error));
    assert!(!place.path().exists());
}

#[tokio::test]
async fn h17d_what_is_of_another_url_or_was_damaged_is_started_over() {
    let server = Server::start(|request| serve(request, 1, 1000))
        .await
        .unwrap();
    let damage: [fn(&Place); 4] = [
        |place| fs::remove_file(place.0.path().join("file.part.resume")).unwrap(),
        |place| fs::write(place.0.path().join("file.part.resume"), "brigade").unwrap(),
        |place| fs::write(place.part(), vec![b'x'; 2000]).unwrap(),
        |place| fs::remove_file(place.part()).unwrap(),
    ];
    for damage in damage {
        let place = Place::new();
        leave(&server, &place, 1, 1000, 500).await;
        damage(&place);
        let done = fetch(&server, &place.path()).await.unwrap();
        assert_eq!((done.length(), done.kept()), (1000, 0));
        assert_eq!(fs::read(place.path()).unwrap(), content(1, 1000));
        assert_eq!(server.requests().pop().unwrap().header("range"), None);
    }
    let place = Place::new();
    leave(&server, &place, 1, 1000, 500).await;
    let other = client().get(server.url("/other")).unwrap();
    assert_eq!(other.download(place.path()).run().await.unwrap().kept(), 0);
}

#[tokio::test]
async fn h17e_a_status_that_is_no_file_is_an_error() {
    for status in [204, 304, 404, 429, 500] {
        let server = Server::start(move |_| Reply::status(status)).await.unwrap();
        let place = Place::new();
        fs::write(place.path(), "old").unwrap();
        let error = fetch(&server, &place.path()).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        assert_eq!(fs::read(place.path()).unwrap(), b"old");
        assert_eq!(place.names(), ["file"], "{status}");
    }
    let server = Server::start(|_| part(b"0123", 0, 4)).await.unwrap();
    let place = Place::new();
    let error = fetch(&server, &place.path()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol, "nobody asked for a part");
}

#[tokio::test]
async fn h17e_what_is_larger_than_the_limit_is_an_error() {
    let server = Server::start(|request| match request.path() {
        "/sized" => serve(request, 1, 1001),
        _ => Reply::status(200).chunked([content(1, 1001)]),
    });
    let server = server.await.unwrap();
    for path in ["/sized", "/chunked"] {
        let place = Place::new();
        let request = client().get(server.url(path)).unwrap().max_body(1000);
        let error = request.download(place.path()).run().await.unwrap_err();
        assert_eq!(error.kind(), Kind::TooLarge);
        assert!(!place.path().exists());
    }
}

#[tokio::test]
async fn h17e_what_is_larger_than_the_limit_with_what_is_there_is_an_error() {
    let server = Server::start(|request| serve(request, 1, 1001))
        .await
        .unwrap();
    let place = Place::new();
    leave(&server, &place, 1, 1001, 600).await;
    let request = client().get(server.url("/file")).unwrap().max_body(1000);
    let error = request.download(place.path()).run().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooLarge, "{}", tell(&error));
    assert!(!place.path().exists());
    assert_eq!(fs::read(place.part()).unwrap().len(), 600);
}

#[tokio::test]
async fn h17c_what_was_left_before_the_system_ended_is_started_over() {
    let server = Server::start(|request| serve(request, 1, 1000))
        .await
        .unwrap();
    let place = Place::new();
    leave(&server, &place, 1, 1000, 600).await;
    let record = place.0.path().join("file.part.resume");
    let text = fs::read_to_string(&record).unwrap();
    let boot = text.lines().find(|line| line.starts_with("boot ")).unwrap();
    fs::write(&record, text.replace(boot, "boot another")).unwrap();
    let done = fetch(&server, &place.path()).await.unwrap();
    assert_eq!(done.kept(), 0, "nobody knows which bytes reached the disk");
    assert!(fs::read(place.path()).unwrap() == content(1, 1000));
}

#[tokio::test]
async fn h17e_only_a_plain_get_is_a_download() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let place = Place::new();
    let request = |method| client().request(method, server.url("/")).unwrap();
    let requests = [
        request(Method::POST),
        request(Method::HEAD),
        request(Method::GET).body("x"),
        request(Method::GET).body(brigade_http::RequestBody::file("Cargo.toml")),
        request(Method::GET).header("range", "bytes=1-"),
        request(Method::GET).header("if-range", "\"1\""),
        request(Method::GET).header("bad name", "x"),
    ];
    for request in requests {
        let error = request.download(place.path()).run().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{}", tell(&error));
    }
    assert_eq!(server.connections().total, 0);
    assert_eq!(place.names(), [""; 0]);
}

#[tokio::test]
async fn h17g_what_the_disk_refuses_is_an_error_that_names_it() {
    let server = Server::start(|request| serve(request, 1, 100_000))
        .await
        .unwrap();
    let place = Place::new();
    fs::write(place.path(), "old").unwrap();
    let inside = place.path().join("file");
    let missing = place.0.path().join("missing/file");
    let cases = [
        (inside, "Not a directory"),
        (missing, "No such file"),
        (place.0.path().to_owned(), "it is a folder"),
        ("/proc/file".into(), ""),
    ];
    for (path, reason) in cases {
        let error = fetch(&server, &path).await.unwrap_err();
        assert_eq!(error.kind(), Kind::File, "{}", tell(&error));
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
        let text = tell(&error);
        assert!(text.contains(reason) && !text.contains('\n'), "{text}");
    }
    assert_eq!(fs::read(place.path()).unwrap(), b"old");
}

#[tokio::test]
async fn h17g_what_is_no_file_is_neither_replaced_nor_written_to() {
    let server = Server::start(|request| serve(request, 1, 1000))
        .await
        .unwrap();
    let place = Place::new();
    let link = place.0.path().join("null");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    let socket = place.0.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // Whoever can write to the folder could have put it there.
    let precious = place.0.path().join("precious");
    fs::write(&precious, "old").unwrap();
    std::os::unix::fs::symlink(&precious, place.part()).unwrap();
    let before = place.names();
    for path in [&link, &socket, &place.path()] {
        let error = fetch(&server, path).await.unwrap_err();
        assert_eq!(error.kind(), Kind::File, "{}", tell(&error));
        assert!(
            tell(&error).contains("not a regular file"),
            "{}",
            tell(&error)
        );
    }
    assert_eq!(place.names(), before);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("/dev/null"));
    assert!(!socket.symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read(&precious).unwrap(), b"old");
}

#[tokio::test]
async fn h17h_a_part_that_was_replaced_is_not_made_the_file() {
    for other in [Some("half of something"), None] {
        let server = Server::start(|request| serve(request, 1, 1000).slow(500, PAUSE));
        let server = server.await.unwrap();
        let place = Place::new();
        fs::write(place.path(), "old").unwrap();
        let first = super::spawn(download(&client(), &server, &place.path()).run());
        until(|| !server.requests().is_empty()).await;
        fs::remove_file(place.part()).unwrap();
        if let Some(other) = other {
            fs::write(place.part(), other).unwrap();
        }
        let error = first.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::File, "{}", tell(&error));
        assert!(
            tell(&error).contains("removed or replaced"),
            "{}",
            tell(&error)
        );
        assert_eq!(fs::read(place.path()).unwrap(), b"old");
        let left = fs::read_to_string(place.part()).ok();
        assert_eq!(left.as_deref(), other);
    }
}

#[tokio::test]
async fn h17h_two_downloads_to_one_place_are_one_too_many() {
    let server =
        Server::start(|request| serve(request, 1, 100_000).slow(1000, Duration::from_millis(20)));
    let server = server.await.unwrap();
    let place = Place::new();
    let client = client();
    // A task of its own: what a caller is told with need not be shareable.
    let told = std::cell::Cell::new(0);
    let first = download(&client, &server, &place.path()).progress(move |at| told.set(at.written));
    let first = super::spawn(first.run());
    until(|| !server.requests().is_empty()).await;
    let second = download(&client, &server, &place.path()).run();
    let error = second.await.unwrap_err();
    assert_eq!(error.kind(), Kind::File);
    assert!(error.to_string().contains("downloaded already"), "{error}");
    assert_eq!(first.await.unwrap().unwrap().length(), 100_000);
    assert!(fs::read(place.path()).unwrap() == content(1, 100_000));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn h17i_a_download_that_is_dropped_anywhere_is_gone_on_with() {
    let size = 1_500_000;
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let reply = serve(request, 1, size).slow(300_000, Duration::from_millis(1));
        match count.fetch_add(1, SeqCst) % 3 {
            0 => reply.close_after(700_000),
            _ => reply,
        }
    });
    let server = server.await.unwrap();
    let client = client();
    let place = Place::new();
    let kept = AtomicUsize::new(0);
    let polls = fuzz_cancel(
        || async {
            download(&client, &server, &place.path())
                .run()
                .await
                .unwrap()
        },
        async |outcome| {
            let is_there = place.path().exists();
            if is_there {
                assert!(
                    fs::read(place.path()).unwrap() == content(1, size),
                    "after {outcome:?}"
                );
            }
            let done = download(&client, &server, &place.path())
                .run()
                .await
                .unwrap();
            kept.fetch_add(done.kept() as usize, SeqCst);
            assert!(
                fs::read(place.path()).unwrap() == content(1, size),
                "after {outcome:?}"
            );
            assert_eq!(place.names(), ["file"]);
            fs::remove_file(place.path()).unwrap();
        },
    );
    assert!(polls.await > 5);
    assert!(kept.load(SeqCst) > 0, "something was gone on with");
}

/// What a server does with one request.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Honest,
    /// Changes the resource first.
    Changed,
    IgnoresRanges,
    /// Another range than was asked for, moved by so much.
    Moved(i8),
    /// A part that says that it is of another length, state, or nothing.
    OtherLength,
    OtherState,
    Nameless,
    /// Fewer or more bytes than it says.
    Short(u8),
    Long(u8),
    Unsatisfiable,
    Refuses(u16),
}

fn turn() -> impl Strategy<Value = (Turn, Option<(u16, bool)>)> {
    let turn = prop_oneof![
        6 => proptest::prelude::Just(Turn::Honest),
        1 => proptest::prelude::Just(Turn::Changed),
        1 => proptest::prelude::Just(Turn::IgnoresRanges),
        1 => any::<i8>().prop_map(Turn::Moved),
        1 => proptest::prelude::Just(Turn::OtherLength),
        1 => proptest::prelude::Just(Turn::OtherState),
        1 => proptest::prelude::Just(Turn::Nameless),
        1 => any::<u8>().prop_map(Turn::Short),
        1 => any::<u8>().prop_map(Turn::Long),
        1 => proptest::prelude::Just(Turn::Unsatisfiable),
        1 => proptest::sample::select(&[404, 500, 204][..]).prop_map(Turn::Refuses),
    ];
    (turn, proptest::option::weighted(0.7, any::<(u16, bool)>()))
}

/// The answer of one turn, given the state of the resource and its size.
fn play(turn: Turn, request: &Request, state: usize, size: usize) -> Reply {
    let bytes = content(state, size);
    let etag = format!("\"{state}\"");
    let is_same = request.header("if-range") == Some(&etag);
    let offset = request.header("range").map(from).filter(|_| is_same);
    let Some(offset) = offset.filter(|from| *from < size) else {
        return match turn {
            Turn::Refuses(status) => Reply::status(status),
            _ => serve(request, state, size),
        };
    };
    let range = |first: usize, end: usize, total: usize, body: Vec<u8>| {
        let range = format!("bytes {first}-{}/{total}", end - 1);
        Reply::status(206).body(body).header("content-range", range)
    };
    let left = bytes[offset..].to_vec();
    match turn {
        Turn::Honest | Turn::Changed => serve(request, state, size),
        Turn::IgnoresRanges => Reply::ok(bytes).header("etag", etag),
        Turn::Moved(by) => {
            let moved = offset.saturating_add_signed(by.into()).min(size - 1);
            part(&bytes, moved, size).header("etag", etag)
        }
        Turn::OtherLength => range(offset, size, size + 1, left).header("etag", etag),
        Turn::OtherState => {
            let other = content(state + 1, size)[offset..].to_vec();
            range(offset, size, size, other).header("etag", format!("\"{}\"", state + 1))
        }
        Turn::Nameless => range(offset, size, size, left),
        Turn::Short(by) => {
            let end = (offset + 1 + usize::from(by)).min(size);
            part(&bytes, offset, end).header("etag", etag)
        }
        Turn::Long(by) => {
            let end = (offset + 1 + usize::from(by)).min(size);
            range(offset, end, size, left).header("etag", etag)
        }
        Turn::Unsatisfiable => {
            Reply::status(416).header("content-range", format!("bytes */{size}"))
        }
        Turn::Refuses(status) => Reply::status(status),
    }
}

proptest! {
    #![proptest_config(Config { cases: 150, failure_persistence: None, ..Config::default() })]

    #[test]
    fn h17d_whatever_servers_do_the_file_is_exact_or_not_there(
        size in 1_usize..3000,
        turns in proptest::collection::vec(turn(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let state = Arc::new(AtomicUsize::new(1));
            let (now, count) = (state.clone(), AtomicUsize::new(0));
            let script = turns.clone();
            let server = Server::start(move |request| {
                let turn = script.get(count.fetch_add(1, SeqCst));
                let (turn, cut) = turn.copied().unwrap_or((Turn::Honest, None));
                if matches!(turn, Turn::Changed) {
                    now.fetch_add(2, SeqCst);
                }
                let reply = play(turn, request, now.load(SeqCst), size);
                match cut {
                    Some((after, true)) => reply.reset_after(usize::from(after) % size),
                    Some((after, false)) => reply.close_after(usize::from(after) % size),
                    None => reply,
                }
            });
            let server = server.await.unwrap();
            let place = Place::new();
            let client = client();
            // As a program would that is run again and again.
            for round in 0..turns.len() + 2 {
                let ordered = download(&client, &server, &place.path()).resumes(2);
                match ordered.run().await {
                    Ok(done) => {
                        let etag = done.headers()["etag"].to_str().unwrap();
                        let of: usize = etag.trim_matches('"').parse().unwrap();
                        prop_assert!(fs::read(place.path()).unwrap() == content(of, size));
                        prop_assert_eq!(done.length(), size as u64);
                        prop_assert_eq!(place.names(), ["file"]);
                        return Ok(());
                    }
                    Err(_) => prop_assert!(!place.path().exists(), "round {}", round),
                }
            }
            panic!("the last turns were honest");
        })?;
    }
}
