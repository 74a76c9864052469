//! Room for open files, of which every request takes one.
//!
//! The limit that a shell hands down is often far below what the system allows, for the sake of
//! programs that call `select`, and this is none of them. Where even the most is too little, a job
//! does less at once, because lines must not fail for want of a file that another line has open.

use crate::message;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that are open beside those of requests: the list, parts, the ledger, the runtime.
const BESIDE: usize = 64;

/// Raises the limit of open files as far as the system allows without asking, and returns it.
pub(crate) fn raise() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return usize::MAX;
    };
    let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
    let limit = if raised { hard } else { soft };
    usize::try_from(limit).unwrap_or(usize::MAX)
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
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(raise() as u64, hard);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap().0, hard);
    }
}
