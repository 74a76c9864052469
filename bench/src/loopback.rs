//! A loopback of its own for a run that would use up the ports of the one that all share.
//!
//! The system gives a network namespace to root, and on many systems to everybody who maps himself
//! to root; the program starts anew in it, in the place of this one. It never changes the network
//! of the machine, and where there is no such thing it says so and goes on.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::Result;

/// Set where the program runs in a namespace of its own.
const INSIDE: &str = "BENCH_LOOPBACK";
/// How one may come by a namespace.
const WAYS: [&[&str]; 2] = [&["--net"], &["--map-root-user", "--net"]];
/// Brings loopback up there, and then runs its arguments. `ip` is not on every user's path.
const UP: &str = "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && exec \"$@\"";

/// Goes on in a namespace of its own if that may be; the process begins again there. Returns what
/// there is to say of where it runs now.
pub fn own() -> Result<&'static str> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok("in a network namespace of its own");
    }
    for way in WAYS {
        let mut probe = inside(way);
        probe.arg("true").stderr(Stdio::null());
        if probe.status().is_ok_and(|status| status.success()) {
            let mut again = inside(way);
            again.arg(std::env::current_exe()?);
            let again = again.args(std::env::args_os().skip(1)).env(INSIDE, "1");
            return Err(again.exec().into());
        }
    }
    println!(
        "no network namespace of its own may be had (by `unshare --net` and `ip`): this takes ports of the \
         machine's loopback, so run nothing beside it"
    );
    Ok("on the loopback of the machine")
}

fn inside(way: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(way).args(["--", "sh", "-c", UP, "sh"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_up_in_a_namespace_and_not_that_of_the_machine() {
        let here = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = here.local_addr().unwrap().port();
        let talk = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
        for way in WAYS {
            let run = |word: &str| {
                let mut command = inside(way);
                let said = command.args(["bash", "-c", word]).output();
                said.is_ok_and(|said| said.status.success())
            };
            // Where there is none, the run goes on without it.
            if run("true") {
                assert!(run("grep -q 127.0.0.0 /proc/net/fib_trie"));
                assert!(!run(&talk), "it hears of the machine's loopback");
            }
        }
    }
}
