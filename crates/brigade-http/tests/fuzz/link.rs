//! `Link` headers: any bytes are read to their end, and what is found was there.

use brigade_core::link::{find, parse};

pub(crate) fn run(data: &[u8]) {
    let links = parse(data);
    assert!(links.len() <= data.len());
    let first = links.iter().find(|link| link.has_rel("next"));
    if let Some(first) = first
        && first.param("anchor").is_none()
    {
        assert!(find(data, "NEXT").is_some());
    }
}
