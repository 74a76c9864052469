//! Room for open files, of which every request takes one.
//!
//! The limit that a shell hands down is often far below what the system allows, for the sake of
//! programs that call `select`, and this is none of them. Where even the most is too little, a job
//! does less at once, because lines must not fail for want of a file that another line has open.

use crate::message;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that are open beside those of requests: the list, parts, the ledger, the runtime.
const BESIDE: usize = 64;

/// What every system allows.
const ENOUGH: u64 = 10_240;

/// Raises the limit of open files as far as the system allows without asking, and returns it.
pub(crate) fn raise() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return usize::MAX;
    };
    // Where the system names no limit, it may still refuse so many.
    let more = [hard, hard.min(ENOUGH)].into_iter();
    let mut more = more.filter(|more| *more > soft);
    let raised = more.find(|more| setrlimit(Resource::RLIMIT_NOFILE, *more, hard).is_ok());
    usize::try_from(raised.unwrap_or(soft)).unwrap_or(usize::MAX)
}

/// As many requests at once as there is room for, and `wanted` at most; says so if that is fewer.
pub(crate) fn fit(wanted: usize, limit: usize) -> usize {
    let room = room(limit);
    if room < wanted {
        message::say(format_args!(
            "{room} requests at once instead of {wanted}, since no more than {limit} files may be open: \
             see ulimit -n"
        ));
    }
    wanted.min(room)
}

/// At least one: what is still too much then has an error of its own.
fn room(limit: usize) -> usize {
    (limit - BESIDE.min(limit / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1p_half_of_a_small_limit_is_for_requests_and_most_of_a_large_one() {
        let limits = [0, 1, 2, 64, 128, 1024];
        assert_eq!(limits.map(room), [1, 1, 1, 32, 64, 960]);
        assert_eq!(room(usize::MAX), usize::MAX - 64);
    }

    #[test]
    fn f1p_the_limit_is_raised_to_what_the_system_allows() {
        let (before, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let raised = raise() as u64;
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (raised, hard));
        assert!(raised >= before.max(hard.min(ENOUGH)));
    }
}
