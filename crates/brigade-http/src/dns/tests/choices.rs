//! What a builder can choose about names, and what it refuses.

use std::error::Error as _;
use std::net::IpAddr;

use url::Host;

use super::super::{Names, Resolver};
use super::*;
use crate::{Client, Kind};

fn loopback(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

#[tokio::test(start_paused = true)]
async fn h3h_fixed_names_and_addresses_are_never_looked_up() {
    let resolver = Scripted::new(Duration::ZERO, answer);
    let mut names = Names::default();
    names.ask(resolver.clone());
    names.fix("shop.test", [loopback(1)]).unwrap();
    names.fix("SHOP.test.", [loopback(2), loopback(3)]).unwrap();
    names.fix("b\u{fc}cher.test", [loopback(4)]).unwrap();
    let names = Resolver::new(names);
    let check = async |host: Host<&str>, expected: &[IpAddr]| {
        let found = names.resolve(host.clone()).await.unwrap();
        assert_eq!(*found, *expected, "{host}");
    };
    check(Host::Domain("shop.test"), &[loopback(2), loopback(3)]).await;
    check(Host::Domain("shop.test."), &[loopback(2), loopback(3)]).await;
    check(Host::Domain("xn--bcher-kva.test"), &[loopback(4)]).await;
    check(Host::Ipv4([127, 0, 0, 9].into()), &[loopback(9)]).await;
    check(Host::Ipv6([0; 16].into()), &[IpAddr::from([0; 16])]).await;
    assert_eq!(resolver.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn h3h_a_resolver_gets_the_name_as_the_url_has_it() {
    let resolver = Scripted::new(Duration::ZERO, |_| {
        Err(io::Error::other("the test says no"))
    });
    let client = Client::builder()
        .resolver(resolver.clone())
        .build()
        .unwrap();
    for host in ["B\u{fc}cher.test", "whole.test.", "under_score.test"] {
        let request = client.get(format!("http://{host}/")).unwrap();
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Dns);
        assert_eq!(error.source().unwrap().to_string(), "the test says no");
    }
    let asked = resolver.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        ["xn--bcher-kva.test", "whole.test.", "under_score.test"]
    );
    client.close().await;
}

#[test]
fn h3h_a_name_that_cannot_be_fixed_is_named() {
    let check = |host: &str, addresses: &[IpAddr], expected: &str| {
        let builder = Client::builder().resolve(host, addresses.iter().copied());
        // A later mistake does not hide it.
        let error = builder.resolve("", []).build().unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        let text = error.to_string();
        assert!(text.contains(expected), "{host}: {text}");
        assert!(!text.contains("secret"), "{text}");
    };
    let some = [loopback(1)];
    check(
        "shop.test",
        &[],
        "of `shop.test` cannot be used: there is none",
    );
    check(
        "shop.test:80",
        &some,
        "`shop.test:80` cannot be used: give the host alone",
    );
    check(
        "127.0.0.1",
        &some,
        "`127.0.0.1` cannot be used: it is an address",
    );
    check("::1", &some, "`::1` cannot be used: it is an address");
    check("[::1]", &some, "`[::1]` cannot be used: it is an address");
    check("", &some, "`` cannot be used: empty host");
    check("a b", &some, "`a b` cannot be used: invalid");
    check(
        "http://user:secret@a.test",
        &some,
        "`a.test` cannot be used",
    );
}
