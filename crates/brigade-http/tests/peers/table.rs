//! The table of servers by what is proven with them.
//!
//! A row is a server and what it speaks, a column a scenario that every server meets which can.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::files::Files;
use crate::leaving::{one_second, ten_requests, three_requests};
use crate::servers::{Program, Server, Setup, Speaks};
use crate::streams::{few_streams, narrow};
use crate::{Outcome, certificates, everyday, leaving, run, streams, transfers, with};

/// How long a trial may take: nothing hangs.
const TIME_MAX: Duration = Duration::from_secs(60);

use Program::{Apache, Caddy, Haproxy, Hypercorn, Nghttpd, Nginx};
use Speaks::{H2c, Http1, Http2};

const ALL: &[Row] = &[
    (Nginx, &[Http1, Http2, H2c]),
    (Apache, &[Http1, Http2, H2c]),
    (Caddy, &[Http1, Http2, H2c]),
    (Haproxy, &[Http1, Http2, H2c]),
    (Nghttpd, &[Http2, H2c]),
    (Hypercorn, &[Http1, Http2, H2c]),
];

/// Those with a limit on streams that can be set.
const STREAMS: &[Row] = &[
    (Nginx, BOTH),
    (Apache, BOTH),
    (Haproxy, BOTH),
    (Nghttpd, BOTH),
    (Hypercorn, BOTH),
];

/// Those that keep a file that is put there.
const LARGE: &[Row] = &[(Nginx, &[Http1, Http2, H2c])];

/// Those whose windows can be made small.
const NARROW: &[Row] = &[(Nginx, BOTH), (Nghttpd, BOTH)];

/// Those that end a connection after some requests.
const TEN: &[Row] = &[
    (Nginx, &[Http1, Http2, H2c]),
    (Apache, &[Http1]),
    (Hypercorn, &[Http1]),
];

/// Those that replace their workers without a pause.
const RELOAD: &[Row] = &[
    (Nginx, &[Http1, Http2, H2c]),
    (Apache, &[Http1, Http2, H2c]),
    (Haproxy, &[Http1, Http2, H2c]),
];

/// Those that can be told how long a connection may be idle.
const IDLE: &[Row] = &[
    (Nginx, BOTH),
    (Apache, &[Http2]),
    (Caddy, &[Http2]),
    (Haproxy, &[Http2]),
    (Hypercorn, &[Http2]),
];

/// Those that go on with one response while the window of another is used up. haproxy 2.6 does not
/// always, whatever the client: a stream with window left, whose turn comes after one that has run
/// out of it, is forgotten until any frame arrives, and the client owes none.
const SLOW: &[Row] = &[
    (Nginx, BOTH),
    (Apache, &[Http2]),
    (Caddy, &[Http2]),
    (Nghttpd, &[Http2]),
    (Hypercorn, &[Http2]),
];

const BOTH: &[Speaks] = &[Http2, H2c];

type Row = (Program, &'static [Speaks]);

/// All trials of the table.
pub(crate) fn trials() -> Vec<Trial> {
    let mut table = Table {
        files: Arc::default(),
        trials: Vec::new(),
    };
    table.everyday();
    table.streams();
    table.leaving();
    table.certificates();
    table.trials
}

struct Table {
    files: Arc<Files>,
    trials: Vec<Trial>,
}

impl Table {
    fn everyday(&mut self) {
        let usual = Setup::default;
        let files = everyday::h11a_a_thousand_files_arrive_as_they_are;
        self.column(ALL, usual, files);
        let shapes = everyday::h11b_answers_of_all_shapes_arrive_as_they_are;
        self.column(ALL, usual, shapes);
        let uploads = everyday::h11c_uploads_of_all_sizes_arrive_whole;
        self.column(ALL, usual, uploads);
        let uploads = everyday::h11c_uploads_pass_through_small_windows;
        self.column(NARROW, narrow, uploads);
        let large = transfers::h16p_large_bodies_reach_nginx_in_bounded_memory;
        self.column(LARGE, usual, large);
        let redirect = everyday::h11k_a_redirect_leads_from_http1_to_http2;
        self.single(&[Nginx, Hypercorn], redirect);
    }

    fn streams(&mut self) {
        let more = streams::h11d_more_requests_than_streams_open_more_connections;
        self.column(STREAMS, few_streams, more);
        let slow = streams::h11h_slow_readers_cost_their_windows_and_hold_up_nobody;
        self.column(SLOW, Setup::default, slow);
        let refused = streams::h11l_bodies_that_nginx_refuses_at_first_arrive_once;
        self.single(&[Nginx], refused);
    }

    fn leaving(&mut self) {
        let ten = leaving::h11e_connections_that_serve_ten_requests_are_replaced;
        self.column(TEN, ten_requests, ten);
        let three = leaving::h5l_requests_outlive_any_number_of_connections;
        self.column(&[(Nginx, BOTH)], three_requests, three);
        let reload = leaving::h11e_a_reload_under_load_loses_and_repeats_nothing;
        self.column(RELOAD, Setup::default, reload);
        let kill = leaving::h11f_requests_outlive_a_server_that_is_killed_or_fail_clearly;
        self.column(ALL, Setup::default, kill);
        let idle = leaving::h11g_connections_that_the_server_finds_idle_cost_nothing;
        self.column(IDLE, one_second, idle);
    }

    fn certificates(&mut self) {
        let programs = ALL.iter().map(|(program, _)| *program);
        for program in programs.clone() {
            let files = Arc::clone(&self.files);
            let bad = certificates::h11i_bad_certificates_are_refused_where_http2_is_offered;
            let name = format!("{}::{program:?}", name_of(&bad));
            self.add(name, &[program], move || bad(program, files));
        }
        let heard = certificates::h5m_the_refusal_of_a_certificate_is_heard_every_time;
        self.single(&[Haproxy], heard);
        // nghttpd asks for a certificate and takes any.
        let programs = programs.filter(|program| *program != Nghttpd);
        for program in programs {
            let files = Arc::clone(&self.files);
            let asks = certificates::h11j_a_server_that_asks_for_a_certificate_gets_the_right_one;
            let name = format!("{}::{program:?}", name_of(&asks));
            self.add(name, &[program], move || asks(program, files));
        }
    }

    /// A trial for each server of `rows` and each protocol that it speaks there.
    fn column<S, F>(&mut self, rows: &[Row], setup: fn() -> Setup, scenario: S)
    where
        S: Fn(Server) -> F + Copy + Send + 'static,
        F: Future<Output = Outcome>,
    {
        for (program, speaks) in rows {
            for speaks in *speaks {
                let (program, speaks, files) = (*program, *speaks, Arc::clone(&self.files));
                let name = format!("{}::{program:?}::{speaks:?}", name_of(&scenario));
                self.add(name, &[program], move || async move {
                    scenario(Server::start(program, speaks, &files, setup())?).await
                });
            }
        }
    }

    /// A trial that starts its servers itself.
    fn single<S, F>(&mut self, programs: &[Program], scenario: S)
    where
        S: Fn(Arc<Files>) -> F + Send + 'static,
        F: Future<Output = Outcome>,
    {
        let files = Arc::clone(&self.files);
        let name = format!("{}::{:?}", name_of(&scenario), programs[0]);
        self.add(name, programs, move || scenario(files));
    }

    fn add<F>(
        &mut self,
        name: String,
        programs: &[Program],
        trial: impl FnOnce() -> F + Send + 'static,
    ) where
        F: Future<Output = Outcome>,
    {
        let mut peers: Vec<_> = programs.iter().map(|program| program.names()).collect();
        // It is in front of one.
        if programs.contains(&Haproxy) {
            peers.push(Nginx.names());
        }
        let trial = move || run(bounded(trial()));
        self.trials.push(with(&name, peers, trial));
    }
}

/// The name of a function that is given as a value.
pub(crate) fn name_of<S>(_: &S) -> &'static str {
    let path = std::any::type_name::<S>();
    path.rsplit("::").next().unwrap_or(path)
}

pub(crate) async fn bounded(trial: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(TIME_MAX, trial).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Failed::from(format!("it was not over after {TIME_MAX:?}"))),
    }
}
