//! httpbin under gunicorn: a server that says what has arrived, and answers in every way there is.
//!
//! It was written for clients of Python, and holds ours to what those can do. Each trial has one of
//! its own; nothing here judges the answers.

mod cookies;
mod credentials;
mod forms;
mod hops;
mod shapes;
mod shown;
mod uploads;
mod waits;

use brigade_http::{Client, ClientBuilder, Response};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::python::GUNICORN;
use crate::servers::process::Process;
use crate::{Outcome, expect, named};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        named(vec![GUNICORN], shown::h20a_httpbin_sees_what_was_meant),
        named(
            vec![GUNICORN],
            credentials::h20b_httpbin_lets_in_whom_it_knows,
        ),
        named(
            vec![GUNICORN],
            shapes::h20c_statuses_of_httpbin_are_errors_where_asked_for,
        ),
        named(
            vec![GUNICORN],
            shapes::h20d_bodies_of_httpbin_arrive_as_they_are,
        ),
        named(vec![GUNICORN], shapes::h20d_what_httpbin_packs_is_unpacked),
        named(
            vec![GUNICORN],
            shapes::h20e_ranges_and_conditions_of_httpbin_hold,
        ),
        named(
            vec![GUNICORN],
            waits::h20f_lines_of_httpbin_arrive_one_by_one,
        ),
        named(
            vec![GUNICORN],
            waits::h20g_a_slow_httpbin_meets_the_timeout_that_it_exceeds,
        ),
        named(
            vec![GUNICORN],
            hops::h20h_redirects_of_httpbin_lead_to_their_end,
        ),
        named(
            vec![GUNICORN],
            hops::h20h_credentials_stay_with_the_httpbin_that_they_are_for,
        ),
        named(vec![GUNICORN], uploads::h20i_streams_reach_httpbin_whole),
        named(
            vec![GUNICORN],
            waits::h20j_an_httpbin_that_fails_at_random_is_asked_again,
        ),
        named(
            vec![GUNICORN],
            cookies::h20k_cookies_of_httpbin_come_back_to_it,
        ),
        named(
            vec![GUNICORN],
            forms::h20o_forms_with_files_reach_httpbin_whole,
        ),
        named(
            vec![GUNICORN],
            forms::h20p_files_of_httpbin_are_whole_or_not_there,
        ),
    ]
}

/// A running httpbin.
struct Httpbin {
    process: Process,
}

impl Httpbin {
    fn start() -> Result<Self, Failed> {
        let process = Process::start(GUNICORN.0, |_, port| Ok(arguments(port)))?;
        Ok(Self { process })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.process.port())
    }

    /// The same place by another name, which makes it another origin.
    fn url_by_name(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.process.port())
    }

    /// A client with its URL as base.
    fn client(&self) -> ClientBuilder {
        Client::builder().no_proxy().base_url(self.url("/"))
    }

    /// How often it has answered so: `GET /get 200`, once that is as often as `expected`.
    fn answered(&self, line: &str, expected: usize) -> Result<usize, Failed> {
        let count = |lines: &[String]| lines.iter().filter(|found| *found == line).count();
        let lines = self.process.lines(|lines| count(lines) >= expected)?;
        Ok(count(&lines))
    }
}

fn arguments(port: u16) -> Vec<String> {
    let bind = format!("127.0.0.1:{port}");
    let fixed = [
        "--worker-class=gthread",
        "--threads=16",
        "--keep-alive=60",
        "--graceful-timeout=1",
        "--no-control-socket",
        "--access-logfile=-",
        "--access-logformat=%(m)s %(U)s %(s)s",
        "httpbin:app",
    ];
    let all = ["--bind", &bind].into_iter().chain(fixed);
    all.map(str::to_owned).collect()
}

/// The answer to a request that must succeed.
async fn json(response: Response) -> Result<Value, Failed> {
    Ok(response.error_for_status()?.json().await?)
}

/// Fails unless what a pointer (RFC 6901) leads to in `answer` is as expected.
fn shows(answer: &Value, pointer: &str, expected: impl Into<Value>) -> Outcome {
    let found = answer.pointer(pointer).cloned().unwrap_or_default();
    expect(pointer, found, expected.into())
}
