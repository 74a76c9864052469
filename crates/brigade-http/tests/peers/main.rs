//! The client against real servers that others have written.
//!
//! The scripted server of the test kit misbehaves on command; a real one misbehaves in its own
//! ways, and shares none of our misunderstandings. A server that is not installed turns its trials
//! into ignored ones that name the Debian package, or into failures where `CI` is `true`.
//!
//! Trials run one after the other, because one of them measures the memory of the process.

mod bodies;
mod connections;
mod dns;
mod name_server;
mod nginx;
mod redirects;
mod trust;

use std::env;
use std::process::ExitCode;

use brigade_http::Client;
use libtest_mimic::{Arguments, Failed, Trial};

use nginx::Nginx;

/// What a trial ends with; anything that can be printed is a failure.
type Outcome = Result<(), Failed>;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trials = vec![
        with_nginx("two_thousand_files_arrive_as_they_are", || {
            run(bodies::two_thousand_files_arrive_as_they_are())
        }),
        with_nginx("a_large_body_is_streamed_in_bounded_memory", || {
            run(bodies::a_large_body_is_streamed_in_bounded_memory())
        }),
        with_nginx("compressed_files_arrive_as_they_are", || {
            run(bodies::compressed_files_arrive_as_they_are())
        }),
        with_nginx("a_large_gzip_body_is_decoded_in_bounded_memory", || {
            run(bodies::a_large_gzip_body_is_decoded_in_bounded_memory())
        }),
        with_nginx("files_arrive_over_tls_from_an_added_authority", || {
            run(trust::files_arrive_over_tls_from_an_added_authority())
        }),
        with_nginx("bad_certificates_are_refused_with_the_reason", || {
            run(trust::bad_certificates_are_refused_with_the_reason())
        }),
        with_nginx("redirects_are_followed_without_the_credentials", || {
            run(redirects::redirects_are_followed_without_the_credentials())
        }),
        with_nginx("a_redirect_loop_ends", || {
            run(redirects::a_redirect_loop_ends())
        }),
        with_nginx("connections_that_serve_ten_requests_are_replaced", || {
            run(connections::connections_that_serve_ten_requests_are_replaced())
        }),
        with_nginx("idle_connections_closed_by_the_server_cost_nothing", || {
            run(connections::idle_connections_closed_by_the_server_cost_nothing())
        }),
    ];
    let trials = trials.into_iter().chain(dns::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A trial that needs Debian's nginx.
fn with_nginx(name: &str, trial: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    if Nginx::is_installed() {
        return Trial::test(name, trial).with_kind("nginx");
    }
    let must_run = env::var("CI").is_ok_and(|value| value == "true");
    Trial::test(name, || Err("install the Debian package nginx".into()))
        .with_kind("needs the Debian package nginx")
        .with_ignored_flag(!must_run)
}

fn run(trial: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(trial)
}

/// Fails unless the client holds no connection any more once it is closed.
async fn close(client: Client) -> Outcome {
    client.close().await;
    match client.stats().total() {
        0 => Ok(()),
        left => Err(format!("{left} connections are left after closing").into()),
    }
}
