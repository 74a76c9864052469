//! What the system says of this process: its descriptors, its threads, its memory.
//!
//! All of it is read from `/proc`, as text; nothing is changed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Things by number: a descriptor or a thread, and what it is.
pub(super) type Numbered = BTreeMap<String, String>;

/// The open descriptors: number and what it is open on.
pub(super) fn descriptors() -> io::Result<Numbered> {
    let mut open = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        // The descriptor of this very listing is gone by the time that it is looked at.
        if let Ok(target) = fs::read_link(entry.path()) {
            let target = target.display().to_string();
            if !target.ends_with("/fd") {
                open.insert(entry.file_name().to_string_lossy().into_owned(), target);
            }
        }
    }
    Ok(open)
}

/// The threads: number and name, which the system cuts after 15 bytes.
pub(super) fn threads() -> io::Result<Numbered> {
    let mut threads = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // A thread may end while it is looked at.
        if let Ok(name) = fs::read_to_string(entry.path().join("comm")) {
            let number = entry.file_name().to_string_lossy().into_owned();
            threads.insert(number, name.trim_end().to_owned());
        }
    }
    Ok(threads)
}

/// Bytes of memory that are resident.
pub(super) fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kib.map(|kib: u64| kib * 1024)
        .ok_or_else(|| io::Error::other("the status of the process has no VmRSS"))
}

/// The ends of a socket that a descriptor is open on (`socket:[123]`), if it is one of TCP or UDP.
pub(super) fn socket(target: &str) -> Option<String> {
    let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
    ["tcp", "tcp6", "udp", "udp6"].into_iter().find_map(|kind| {
        let table = fs::read_to_string(format!("/proc/self/net/{kind}")).ok()?;
        let row = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|columns| columns.get(9) == Some(&inode))?;
        let (local, remote) = (address(row[1])?, address(row[2])?);
        let kind = kind.trim_end_matches('6');
        Some(match remote.port() {
            0 => format!("{kind} {local}"),
            _ => format!("{kind} {local} -> {remote}"),
        })
    })
}

/// `0100007F:1F90` is 127.0.0.1:8080: words of four bytes, each in the order of the machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words: Vec<[u8; 4]> = (0..host.len() / 8)
        .map(|word| u32::from_str_radix(host.get(8 * word..8 * word + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    let host: IpAddr = match words[..] {
        [word] => Ipv4Addr::from(word).into(),
        [a, b, c, d] => Ipv6Addr::from(<[u8; 16]>::try_from([a, b, c, d].concat()).ok()?).into(),
        _ => return None,
    };
    Some((host, u16::from_str_radix(port, 16).ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_are_read_as_the_system_writes_them() {
        let read = |text| address(text).unwrap().to_string();
        assert_eq!(read("0100007F:1F90"), "127.0.0.1:8080");
        assert_eq!(read("00000000000000000000000001000000:0050"), "[::1]:80");
        assert_eq!(address("7F:1"), None);
    }
}
