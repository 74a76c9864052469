//! The client against real servers that others have written.
//!
//! The scripted server of the test kit misbehaves on command; a real one misbehaves in its own
//! ways, and shares none of our misunderstandings. A server that is not installed turns its trials
//! into ignored ones that say how to get it, or into failures where `CI` is `true`.
//!
//! Trials run one after the other, because one of them measures the memory of the process.

mod aiohttp;
mod autobahn;
mod bodies;
mod certificates;
mod connections;
mod dns;
mod everyday;
mod files;
mod gateways;
mod httpbin;
mod leaving;
mod name_server;
mod nginx;
mod pages;
mod proxies;
mod python;
mod redirects;
mod servers;
mod streams;
mod table;
mod transfers;
mod trust;

use std::env;
use std::fmt::Debug;
use std::process::ExitCode;

use brigade_http::Client;
use libtest_mimic::{Arguments, Failed, Trial};

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
        with_nginx("a_large_zstd_body_is_decoded_in_bounded_memory", || {
            run(bodies::a_large_zstd_body_is_decoded_in_bounded_memory())
        }),
        with_nginx("a_large_brotli_body_is_decoded_in_bounded_memory", || {
            run(bodies::a_large_brotli_body_is_decoded_in_bounded_memory())
        }),
        with(
            "files_that_nginx_packs_with_brotli_arrive_as_they_are",
            vec![NGINX, BROTLI],
            || run(bodies::files_that_nginx_packs_with_brotli_arrive_as_they_are()),
        ),
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
        with_nginx("h17j_files_of_nginx_are_gone_on_with", || {
            run(transfers::h17j_files_of_nginx_are_gone_on_with())
        }),
        with_nginx("files_arrive_over_a_unix_socket", || {
            run(proxies::files_arrive_over_a_unix_socket())
        }),
        with_proxy("files_arrive_through_tunnels_of_squid", SQUID, || {
            run(proxies::files_arrive_through_tunnels_of_squid())
        }),
        with_proxy("squid_lets_in_who_has_the_password", SQUID, || {
            run(proxies::squid_lets_in_who_has_the_password())
        }),
        with_proxy(
            "a_server_that_squid_cannot_reach_is_an_error_of_the_tunnel",
            SQUID,
            || run(proxies::a_server_that_squid_cannot_reach_is_an_error_of_the_tunnel()),
        ),
        with_proxy(
            "both_kinds_of_socks_lead_through_microsocks",
            MICROSOCKS,
            || run(proxies::both_kinds_of_socks_lead_through_microsocks()),
        ),
        with_proxy("both_kinds_of_socks_lead_through_dante", DANTE, || {
            run(proxies::both_kinds_of_socks_lead_through_dante())
        }),
    ];
    let trials = trials.into_iter().chain(dns::trials());
    let trials = trials.chain(table::trials());
    let trials = trials.chain(httpbin::trials());
    let trials = trials.chain(pages::trials());
    let trials = trials.chain(aiohttp::trials());
    let trials = trials.chain(autobahn::trials());
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A program, and the Debian package that it is in.
type Peer = (&'static str, &'static str);

const NGINX: Peer = ("nginx", "nginx");
const BROTLI: Peer = (nginx::BROTLI, "libnginx-mod-http-brotli-filter");
const SQUID: Peer = ("squid", "squid");
const MICROSOCKS: Peer = ("microsocks", "microsocks");
const DANTE: Peer = ("danted", "dante-server");

/// A trial that needs Debian's nginx.
fn with_nginx(name: &str, trial: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    with(name, vec![NGINX], trial)
}

/// A trial that needs a proxy, and nginx behind it.
fn with_proxy(name: &str, proxy: Peer, trial: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    with(name, vec![proxy, NGINX], trial)
}

fn with(name: &str, peers: Vec<Peer>, trial: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let missing = peers
        .iter()
        .find(|(program, _)| nginx::find(program).is_none());
    let Some((program, package)) = missing else {
        return Trial::test(name, trial).with_kind(peers[0].0);
    };
    let must_run = env::var("CI").is_ok_and(|value| value == "true");
    let remedy = match python::has(program) {
        true => format!("run .ci/python for {program}, with the Debian package {package}"),
        false => format!("install the Debian package {package}"),
    };
    Trial::test(name, {
        let remedy = remedy.clone();
        || Err(remedy.into())
    })
    .with_kind(remedy)
    .with_ignored_flag(!must_run)
}

/// A trial that is named after its scenario, and bounded in its time.
fn named<S, F>(peers: Vec<Peer>, scenario: S) -> Trial
where
    S: FnOnce() -> F + Send + 'static,
    F: Future<Output = Outcome>,
{
    with(table::name_of(&scenario), peers, move || {
        run(table::bounded(scenario()))
    })
}

fn run(trial: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(trial)
}

fn expect<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: found {found:?} instead of {expected:?}").into()),
    }
}

/// Fails unless the client holds no connection any more once it is closed.
async fn close(client: Client) -> Outcome {
    client.close().await;
    match client.stats().total() {
        0 => Ok(()),
        left => Err(format!("{left} connections are left after closing").into()),
    }
}
