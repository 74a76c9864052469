//! Names from real name servers: how long their answers count, and what is no answer.
//!
//! The servers count the questions, so that an answer which is kept too long or not at all shows.

use std::collections::BTreeSet;
use std::env;
use std::error::Error as _;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use brigade_http::dns::{Hickory, Resolve};
use brigade_http::{Client, Kind, Phase, Timeouts};
use brigade_testkit::server::{Reply, Server};
use libtest_mimic::{Failed, Trial};
use tokio::time::Instant;

use crate::name_server::Program::{Dnsmasq, Unbound};
use crate::name_server::{NameServer, Program, Record};
use crate::{Outcome, close, expect, run};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for program in [Dnsmasq, Unbound] {
        trials.extend([
            with(program, "answers_count_as_long_as_they_say", move || {
                run(h3i_answers_count_as_long_as_they_say(program))
            }),
            with(program, "both_families_are_found", move || {
                run(h3i_both_families_are_found(program))
            }),
            with(program, "a_missing_name_is_asked_for_again", move || {
                run(h3j_a_missing_name_is_asked_for_again(program))
            }),
            with(
                program,
                "a_dead_server_costs_no_more_than_its_time",
                move || run(h3j_a_dead_server_costs_no_more_than_its_time(program)),
            ),
            with(
                program,
                "large_answers_and_many_at_once_arrive",
                move || run(h3i_large_answers_and_many_at_once_arrive(program)),
            ),
        ]);
    }
    trials.push(with(
        Dnsmasq,
        "an_alias_counts_no_longer_than_it_says",
        || run(h3i_an_alias_counts_no_longer_than_it_says()),
    ));
    trials
}

/// A trial that needs a name server.
fn with(program: Program, name: &str, trial: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    let name = format!("{name}_{}", program.name());
    if program.path().is_some() {
        return Trial::test(name, trial).with_kind(program.name());
    }
    let must_run = env::var("CI").is_ok_and(|value| value == "true");
    let missing = format!("the Debian package {}", program.package());
    let why = format!("install {missing}");
    Trial::test(name, || Err(why.into()))
        .with_kind(format!("needs {missing}"))
        .with_ignored_flag(!must_run)
}

fn loopback(last: u8) -> IpAddr {
    [127, 0, 0, last].into()
}

fn asking(server: &NameServer) -> std::io::Result<Hickory> {
    Hickory::with_name_servers([server.address()])
}

async fn read(client: &Client, name: &str, port: u16) -> Result<String, Failed> {
    let url = format!("http://{name}:{port}/");
    Ok(client.get(url)?.send().await?.text().await?)
}

/// How often the server was asked for both types, once it was asked for `marker`, which is last.
async fn asked(server: &NameServer, name: &str, marker: &str) -> Result<(usize, usize), Failed> {
    // It may not exist; being asked for is enough.
    let _ = asking(server)?.resolve(marker).await;
    for kind in ["A", "AAAA"] {
        expect(
            "questions for the marker",
            server.asked(kind, marker, 1)?,
            1,
        )?;
    }
    Ok((server.asked("A", name, 0)?, server.asked("AAAA", name, 0)?))
}

/// The server moves from one address to another while names with short and long lives are used.
async fn h3i_answers_count_as_long_as_they_say(program: Program) -> Outcome {
    const LIFE: Duration = Duration::from_secs(2);
    let records = |last| {
        [("short.test", 2), ("long.test", 600)]
            .map(|(name, ttl)| Record::new(name, loopback(last), ttl))
    };
    // Every request connects anew.
    let old = Server::start(|_| Reply::ok("old").keep_alive(false)).await?;
    let port = old.address().port();
    let new = Server::builder().address((loopback(2), port));
    let new = new.start(|_| Reply::ok("new").keep_alive(false)).await?;
    let servers = NameServer::start(program, &records(1), &[])?;
    let client = Client::builder().resolver(asking(&servers)?).build()?;

    let before = Instant::now();
    expect(
        "the server",
        read(&client, "short.test", port).await?,
        "old".into(),
    )?;
    let answered = Instant::now();
    for name in ["long.test", "short.test"].repeat(10) {
        expect("the server", read(&client, name, port).await?, "old".into())?;
    }
    for (name, marker) in [("short.test", "one.test"), ("long.test", "two.test")] {
        expect(name, asked(&servers, name, marker).await?, (1, 1))?;
    }

    let servers = servers.replace(&records(2))?;
    let mut last = Instant::now();
    while read(&client, "short.test", port).await? == "old" {
        if last > answered + LIFE {
            return Err(format!("still used after {:?}", last - before).into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        last = Instant::now();
    }
    let kept = before.elapsed();
    if kept < LIFE * 9 / 10 {
        return Err(format!("given up after {kept:?}").into());
    }
    expect(
        "the server",
        read(&client, "long.test", port).await?,
        "old".into(),
    )?;
    expect(
        "short.test",
        asked(&servers, "short.test", "one.test").await?,
        (1, 1),
    )?;
    expect(
        "long.test",
        asked(&servers, "long.test", "two.test").await?,
        (0, 0),
    )?;
    close(client).await?;
    old.finish().await;
    new.finish().await;
    Ok(())
}

async fn h3i_both_families_are_found(program: Program) -> Outcome {
    let records = [
        Record::new("dual.test", loopback(1), 300),
        Record::new("dual.test", Ipv6Addr::LOCALHOST, 200),
        Record::new("four.test", loopback(4), 100),
        Record::new("six.test", Ipv6Addr::LOCALHOST, 100),
        Record::new("with_underscore.test", loopback(5), 100),
    ];
    let server = NameServer::start(program, &records, &[])?;
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    for (name, addresses, ttl) in [
        ("dual.test", vec![six, loopback(1)], 200),
        ("dual.test.", vec![six, loopback(1)], 200),
        ("four.test", vec![loopback(4)], 100),
        ("six.test", vec![six], 100),
        ("with_underscore.test", vec![loopback(5)], 100),
    ] {
        let answer = asking(&server)?.resolve(name).await?;
        expect(name, answer.addresses, addresses)?;
        expect(name, answer.ttl, Some(Duration::from_secs(ttl)))?;
    }
    Ok(())
}

async fn h3j_a_missing_name_is_asked_for_again(program: Program) -> Outcome {
    let text = match program {
        Dnsmasq => "txt-record=text.test,hello",
        Unbound => "    local-data: 'text.test. 60 IN TXT hello'",
    };
    let server = NameServer::start(program, &[], &[text.to_owned()])?;
    let client = Client::builder().resolver(asking(&server)?).build()?;
    for (name, why) in [
        ("none.test", "the name does not exist"),
        ("text.test", "the name has no address"),
    ] {
        for nth in 1..=2 {
            let Err(error) = client.get(format!("http://{name}/"))?.send().await else {
                return Err("it was answered".into());
            };
            expect(name, error.kind(), Kind::Dns)?;
            let cause = error.source().map(ToString::to_string);
            expect(name, cause.as_deref(), Some(why))?;
            expect(name, server.asked("A", name, nth)?, nth)?;
        }
    }
    let records = [Record::new("none.test", loopback(1), 60)];
    let here = Server::start(|_| Reply::ok("here")).await?;
    let server = server.replace(&records)?;
    let found = read(&client, "none.test", here.address().port()).await?;
    expect("none.test", found, "here".into())?;
    drop(server);
    close(client).await
}

async fn h3j_a_dead_server_costs_no_more_than_its_time(program: Program) -> Outcome {
    let silent = UdpSocket::bind("127.0.0.1:0")?;
    let dead = silent.local_addr()?;
    let limit = Duration::from_millis(300);
    let client = Client::builder()
        .resolver(Hickory::with_name_servers([dead])?)
        .timeouts(Timeouts::default().connect(limit))
        .build()?;
    let start = Instant::now();
    let error = client.get("http://a.test/")?.send().await.err();
    let kind = error.map(|error| error.kind());
    expect("the dead server", kind, Some(Kind::Timeout(Phase::Connect)))?;
    if start.elapsed() < limit {
        return Err(format!("given up after {:?}", start.elapsed()).into());
    }
    close(client).await?;

    // Beside a living one it costs nothing.
    let records = [Record::new("a.test", loopback(1), 60)];
    let server = NameServer::start(program, &records, &[])?;
    let both = Hickory::with_name_servers([dead, server.address()])?;
    let start = Instant::now();
    expect(
        "a.test",
        both.resolve("a.test").await?.addresses,
        vec![loopback(1)],
    )?;
    if start.elapsed() >= Duration::from_secs(2) {
        return Err(format!("the dead one was waited for: {:?}", start.elapsed()).into());
    }
    Ok(())
}

/// More addresses than a UDP packet holds, and more questions than a name server's window.
async fn h3i_large_answers_and_many_at_once_arrive(program: Program) -> Outcome {
    const ADDRESSES: u8 = 200;
    const NAMES: usize = 300;
    let records: Vec<_> = (1..=ADDRESSES)
        .map(|last| Record::new("large.test", loopback(last), 60))
        .collect();
    let wildcard = match program {
        Dnsmasq => vec!["address=/many.test/127.0.0.7".to_owned()],
        Unbound => [
            "zone: many.test. redirect",
            "data: \"many.test. 60 IN A 127.0.0.7\"",
        ]
        .map(|line| format!("    local-{line}"))
        .to_vec(),
    };
    let server = NameServer::start(program, &records, &wildcard)?;
    let resolver = asking(&server)?;
    let large = resolver.resolve("large.test").await?.addresses;
    let expected: BTreeSet<_> = (1..=ADDRESSES).map(loopback).collect();
    expect("large.test", large.into_iter().collect(), expected)?;

    let mut questions = tokio::task::JoinSet::new();
    for nth in 0..NAMES {
        let resolver = resolver.clone();
        questions.spawn(async move { resolver.resolve(&format!("{nth}.many.test")).await });
    }
    while let Some(answer) = questions.join_next().await {
        expect("many.test", answer??.addresses, vec![loopback(7)])?;
    }
    Ok(())
}

async fn h3i_an_alias_counts_no_longer_than_it_says() -> Outcome {
    let records = [Record::new("target.test", loopback(1), 600)];
    let alias = "cname=alias.test,target.test,7".to_owned();
    let server = NameServer::start(Dnsmasq, &records, &[alias])?;
    let answer = asking(&server)?.resolve("alias.test").await?;
    expect("alias.test", answer.addresses, vec![loopback(1)])?;
    expect("alias.test", answer.ttl, Some(Duration::from_secs(7)))
}
