//! What is meant: the flags as typed, put together with the environment into a job.
//!
//! Contradictions and missing things end here, before anything is touched, each with one sentence
//! that names the flag and the way out. Nothing here does I/O.

use crate::flags::{
    Compress, FetchFlags, Format, InputFormat, ListFlags, ProgressFlag, ReportFlags, RequestFlags,
};
use crate::progress::Mode;
use crate::value::{self, Header, Secret};
use anyhow::{Context, bail};
use brigade_jobs::{Compression, Config, FailureLimit, Input, ListForm, Proxy, Versions};
use std::path::Path;

/// A fetch as meant.
#[derive(Debug)]
pub(crate) struct FetchPlan {
    pub(crate) config: Config,
    pub(crate) progress: Mode,
}

impl FetchPlan {
    /// Puts the flags together. `terminal` is whether stderr is one.
    pub(crate) fn new(flags: FetchFlags, terminal: bool) -> anyhow::Result<Self> {
        let form = form(&flags.list)?;
        let dedupe = flags.list.dedupe;
        let input = input(flags.list)?;
        let (politeness, requests, bounds) = (flags.politeness, flags.requests, flags.bounds);
        let burst = u32::try_from(politeness.burst.get()).unwrap_or(u32::MAX);
        let mut config = Config::new(input, flags.output);
        config.form = form;
        config.dedupe = dedupe;
        config.fresh = flags.fresh;
        config.retry_failed = flags.retry_failed.is_some();
        config.retry_only = flags.retry_failed.unwrap_or_default();
        config.concurrency = politeness.concurrency.get();
        config.per_host = politeness.per_host.get();
        config.rate = politeness.rate.map(|rate| rate.burst(burst));
        config.host_rate = politeness.host_rate.map(|rate| rate.burst(burst));
        config.max_pause = politeness.max_pause.0;
        config.retries = bounds.retries;
        config.retry_rules = bounds.retry_rules;
        config.failure_limit = bounds
            .max_failure_rate
            .and_then(FailureLimit::new)
            .map(|limit| limit.after(bounds.failure_rate_after.get() as u64));
        config.timeouts.pool = requests.pool_timeout.0;
        config.timeouts.connect = requests.connect_timeout.0;
        config.timeouts.write = requests.write_timeout.0;
        config.timeouts.read = bounds.read_timeout.0;
        config.timeouts.total = bounds.total_timeout.0;
        config.max_body = bounds.max_body;
        output(&flags.report, &mut config)?;
        flags.steps.apply(&mut config);
        for header in headers(&requests.headers)? {
            config.headers.push((header.name, header.value));
        }
        config.proxies = proxies(&requests)?;
        config.versions = versions(&requests);
        config.unix_socket = requests.unix_socket;
        Ok(Self {
            config,
            progress: mode(flags.report.progress, terminal),
        })
    }
}

/// What the results are to look like.
fn output(flags: &ReportFlags, config: &mut Config) -> anyhow::Result<()> {
    config.format = match flags.format {
        Format::Jsonl => brigade_jobs::Format::Jsonl,
        Format::Files => brigade_jobs::Format::Files,
        Format::Warc => brigade_jobs::Format::Warc,
    };
    config.compression = match flags.compress {
        None if flags.format == Format::Warc => Compression::Gzip,
        None | Some(Compress::None) => Compression::None,
        Some(Compress::Gzip) => Compression::Gzip,
        Some(Compress::Zstd) => Compression::Zstd,
    };
    config.json_bodies = flags.json;
    config.revisits = flags.revisits;
    config.part_max = flags.part_max;
    config.ordered = flags.ordered;
    if flags.format == Format::Warc && config.compression == Compression::Zstd {
        bail!(
            "--compress zstd is for lines, and few readers of archives know it: use gzip or none"
        );
    }
    if flags.format == Format::Warc && flags.json {
        bail!("--json is for lines, and --format warc keeps bodies as they came: leave one out");
    }
    if flags.format != Format::Warc && flags.revisits {
        bail!("--revisits are records of archives: it needs --format warc");
    }
    if flags.format == Format::Files && config.compression != Compression::None {
        bail!(
            "--compress is for lines, and --format files writes bodies as they are: leave one out"
        );
    }
    if flags.format == Format::Files && flags.json {
        bail!("--json is for lines, and --format files writes bodies as they are: leave one out");
    }
    Ok(())
}

/// Where the URLs come from.
fn input(flags: ListFlags) -> anyhow::Result<Input> {
    Ok(match flags.input {
        Some(path) if path == Path::new("-") => Input::Stdin,
        Some(path) => Input::File(path),
        None if flags.urls.is_empty() => {
            bail!("no URLs: name some, or give a list with -i FILE ('-i -' reads stdin)")
        }
        None => Input::Urls(flags.urls),
    })
}

/// How they are written.
fn form(flags: &ListFlags) -> anyhow::Result<ListForm> {
    let column = flags.column.as_deref().unwrap_or("url");
    let own = || column.to_owned();
    let form = match (flags.input_format, &flags.input) {
        (InputFormat::Auto, Some(path)) => ListForm::of_name(path, column),
        (InputFormat::Auto | InputFormat::Lines, _) => ListForm::Lines,
        (InputFormat::Csv, _) => ListForm::Csv { column: own() },
        (InputFormat::Tsv, _) => ListForm::Tsv { column: own() },
        (InputFormat::Jsonl, _) => ListForm::Jsonl { column: own() },
    };
    let plain = form == ListForm::Lines;
    if flags.input.is_none() && !plain {
        bail!("--input-format is for a list: give one with -i FILE ('-i -' reads stdin)");
    }
    if plain && let Some(column) = &flags.column {
        bail!(
            "--column '{column}' is for records, and this list has a URL a line: say what it has \
             with --input-format csv, tsv or jsonl"
        );
    }
    Ok(form)
}

/// The headers that were asked for.
pub(crate) fn headers(texts: &[Secret]) -> anyhow::Result<Vec<Header>> {
    let header = |(at, text): (usize, &Secret)| {
        // By its place: the text may be a secret.
        let header = value::header(&text.0).map_err(anyhow::Error::msg);
        header.with_context(|| format!("-H number {}", at + 1))
    };
    texts.iter().enumerate().map(header).collect()
}

/// The versions of HTTP that were asked for.
pub(crate) fn versions(flags: &RequestFlags) -> Versions {
    match (flags.http1, flags.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (_, true) => Versions::Http2,
        _ => Versions::Negotiated,
    }
}

/// The proxies that were asked for, `None` for those of the environment.
pub(crate) fn proxies(flags: &RequestFlags) -> anyhow::Result<Option<Vec<Proxy>>> {
    let (url, noproxy) = (flags.proxy.as_ref(), flags.noproxy.as_deref());
    let Some(url) = url else {
        return match noproxy.map(str::trim) {
            None => Ok(None),
            Some("*") => Ok(Some(Vec::new())),
            Some(_) => bail!(
                "--noproxy HOSTS says what --proxy is not for, and there is none: put the hosts into \
                 NO_PROXY for the proxies of the environment, or use '*' for no proxy at all"
            ),
        };
    };
    let proxy = Proxy::all(&url.0).context("--proxy")?;
    Ok(Some(vec![proxy.no_proxy(noproxy.unwrap_or_default())]))
}

/// How progress is shown, given what was asked for and whether stderr is a terminal.
pub(crate) fn mode(flag: ProgressFlag, terminal: bool) -> Mode {
    match flag {
        ProgressFlag::Auto | ProgressFlag::Bar if terminal => Mode::Bar,
        ProgressFlag::Auto | ProgressFlag::Bar | ProgressFlag::Plain => Mode::Plain,
        ProgressFlag::Json => Mode::Json,
        ProgressFlag::None => Mode::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::{Action, CommandLine};
    use brigade_jobs::Rate;
    use clap::Parser;
    use std::time::Duration;

    fn plan(line: &str) -> anyhow::Result<FetchPlan> {
        let words = ["brigade", "fetch"].into_iter().chain(line.split(' '));
        match CommandLine::try_parse_from(words)?.action {
            Action::Fetch(flags) => FetchPlan::new(*flags, false),
            other => bail!("{other:?} is not a fetch"),
        }
    }

    #[test]
    fn the_defaults_of_the_command_are_those_of_the_library() {
        let plan = plan("-o out http://a.test/").unwrap();
        let (ours, theirs) = (&plan.config, Config::new(Input::Stdin, "out"));
        assert_eq!(ours.concurrency, theirs.concurrency);
        assert_eq!(ours.per_host, theirs.per_host);
        assert_eq!(ours.retries, theirs.retries);
        assert_eq!(ours.timeouts, theirs.timeouts);
        assert_eq!(ours.max_body, theirs.max_body);
        assert_eq!(ours.part_max, theirs.part_max);
        assert_eq!(ours.commit_every, theirs.commit_every);
        assert_eq!(ours.commit_interval, theirs.commit_interval);
        assert_eq!(ours.backoff, theirs.backoff);
        assert_eq!(
            (ours.format, ours.compression, ours.json_bodies),
            (theirs.format, theirs.compression, theirs.json_bodies)
        );
        assert_eq!((ours.rate, ours.failure_limit), (None, None));
        assert!(ours.retry_rules.is_empty() && !ours.retry_failed);
        assert_eq!(ours.host_rate, None);
        assert!(ours.proxies.is_none() && ours.unix_socket.is_none());
        assert_eq!(ours.versions, theirs.versions);
        assert!(matches!(&ours.input, Input::Urls(urls) if urls == &["http://a.test/"]));
        assert_eq!((&ours.form, ours.dedupe), (&theirs.form, theirs.dedupe));
        assert_eq!(plan.progress, Mode::Plain);
    }

    #[test]
    fn every_flag_reaches_the_job() {
        let plan = plan(
            "-i - -o out -c 3 --per-host 2 --rate 100/s --host-rate 5/m --burst 4 --retries 0 \
             --pool-timeout 1s --connect-timeout 2s --write-timeout 3s --read-timeout 4s \
             --total-timeout none --max-body 1KiB -H a:1 --header a:2 --fresh --retry-failed \
             --retry dns=0 --retry 404=2 --max-failure-rate 5% --failure-rate-after 7 \
             --progress json --proxy http://p:1 --noproxy a,b --unix-socket s --http1.1 \
             --compress zstd --json --ordered --part-max 1MiB --input-format csv --column link --dedupe",
        )
        .unwrap();
        let config = plan.config;
        assert!(matches!(config.input, Input::Stdin) && config.dedupe);
        let column = "link".to_owned();
        assert_eq!(config.form, ListForm::Csv { column });
        assert_eq!(
            (config.concurrency, config.per_host, config.retries),
            (3, 2, 0)
        );
        assert_eq!(config.rate, Some(Rate::per_second(100).burst(4)));
        let five_a_minute = Rate::new(5, Duration::from_secs(60)).map(|rate| rate.burst(4));
        assert_eq!(config.host_rate, five_a_minute);
        let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let timeouts = [
            config.timeouts.pool,
            config.timeouts.connect,
            config.timeouts.write,
            config.timeouts.read,
            config.timeouts.total,
        ];
        assert_eq!(
            timeouts,
            [Some(1), Some(2), Some(3), Some(4), None].map(seconds)
        );
        assert_eq!((config.max_body, config.part_max), (1024, 1 << 20));
        assert_eq!(config.compression, Compression::Zstd);
        assert!(config.json_bodies && config.ordered);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(config.headers, [pair("a", "1"), pair("a", "2")]);
        assert!(config.fresh && config.retry_failed && config.retry_only.is_empty());
        let rule = |word: &str, count| (word.parse().unwrap(), count);
        assert_eq!(config.retry_rules, [rule("dns", 0), rule("404", 2)]);
        let limit = FailureLimit::new(0.05).map(|limit| limit.after(7));
        assert_eq!(config.failure_limit, limit);
        assert_eq!(config.proxies.map(|proxies| proxies.len()), Some(1));
        assert_eq!(config.unix_socket.as_deref(), Some(Path::new("s")));
        assert_eq!(config.versions, Versions::Http1);
        assert_eq!(plan.progress, Mode::Json);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_a_sentence() {
        let cases = [
            ("-o out", "no URLs: "),
            (
                "-o out u --format warc --compress zstd",
                "--compress zstd is for lines",
            ),
            ("-o out u --format warc --json", "--json is for lines"),
            ("-o out u --revisits", "--revisits are records of archives"),
            (
                "-o out u --format files --compress zstd",
                "--compress is for lines",
            ),
            ("-o out u --format files --json", "--json is for lines"),
            (
                "-o out u -H secret",
                "-H number 1: a header is 'Name: value'",
            ),
            ("-o out u --proxy ftp://secret@p", "--proxy: "),
            ("-o out u --noproxy a", "--noproxy HOSTS says what --proxy"),
            (
                "-o out u --input-format csv",
                "--input-format is for a list",
            ),
            ("-o out u --column a", "--column 'a' is for records"),
            ("-o out -i a.txt --column a", "--column 'a' is for records"),
            ("-o out -i - --column a", "--column 'a' is for records"),
        ];
        for (line, start) in cases {
            let error = format!("{:#}", plan(line).unwrap_err());
            assert!(error.starts_with(start), "{line}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn f9d_the_form_of_a_list_follows_from_its_name_unless_it_is_said() {
        let form = |line: &str| plan(&format!("-o out {line}")).unwrap().config.form;
        let column = "url".to_owned();
        assert_eq!(form("u --dedupe"), ListForm::Lines);
        assert_eq!(form("-i -"), ListForm::Lines);
        assert_eq!(form("-i a.txt.gz"), ListForm::Lines);
        assert_eq!(form("-i a.csv.gz"), ListForm::Csv { column });
        assert_eq!(form("-i a.csv --input-format lines"), ListForm::Lines);
        let column = "link".to_owned();
        assert_eq!(form("-i a.jsonl --column link"), ListForm::Jsonl { column });
        let column = "link".to_owned();
        let said = "-i - --column link --input-format tsv";
        assert_eq!(form(said), ListForm::Tsv { column });
    }

    #[test]
    fn f4i_failures_to_ask_for_again_can_be_chosen() {
        for (flag, expected) in [
            ("--retry-failed u", &[][..]),
            ("--retry-failed=dns u", &["dns"]),
            ("--retry-failed=timeout,5xx u", &["timeout", "5xx"]),
            ("--retry-failed=dns --retry-failed=404 u", &["dns", "404"]),
        ] {
            let config = plan(&format!("-o out {flag}")).unwrap().config;
            let only: Vec<_> = config.retry_only.iter().map(ToString::to_string).collect();
            assert!(config.retry_failed, "{flag}");
            assert_eq!(only, expected, "{flag}");
        }
    }

    #[test]
    fn an_asterisk_alone_is_no_proxy_at_all() {
        let plan = plan("-o out u --noproxy *").unwrap();
        assert!(
            plan.config
                .proxies
                .is_some_and(|proxies| proxies.is_empty())
        );
    }

    #[test]
    fn archives_are_compressed_unless_that_is_not_wanted() {
        let cases = [
            ("-o out u --format warc", Compression::Gzip),
            ("-o out u --format warc --compress gzip", Compression::Gzip),
            ("-o out u --format warc --compress none", Compression::None),
            ("-o out u", Compression::None),
        ];
        for (line, expected) in cases {
            assert_eq!(plan(line).unwrap().config.compression, expected, "{line}");
        }
        let revisits = |line| plan(line).unwrap().config.revisits;
        assert!(revisits("-o out u --format warc --revisits"));
        assert!(!revisits("-o out u --format warc"));
    }

    #[test]
    fn a_bar_needs_a_terminal() {
        let cases = [
            (ProgressFlag::Auto, true, Mode::Bar),
            (ProgressFlag::Auto, false, Mode::Plain),
            (ProgressFlag::Bar, false, Mode::Plain),
            (ProgressFlag::Plain, true, Mode::Plain),
            (ProgressFlag::None, true, Mode::Silent),
        ];
        for (flag, terminal, expected) in cases {
            assert_eq!(mode(flag, terminal), expected);
        }
    }
}
