//! What is to go wrong, and when: decided by a number alone, so that it can be repeated.
//!
//! It knows kinds of calls, and of files no more than what their paths hold.

/// The kinds of calls that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Write,
    Shorten,
    Lengthen,
    Create,
    Remove,
    Rename,
    Sync,
}

impl Call {
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Shorten => "shorten",
            Self::Lengthen => "lengthen",
            Self::Create => "create",
            Self::Remove => "remove",
            Self::Rename => "rename",
            Self::Sync => "sync",
        }
    }

    fn needs_space(self) -> bool {
        matches!(
            self,
            Self::Write | Self::Lengthen | Self::Create | Self::Sync
        )
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Pass,
    /// It fails with this error number.
    Fail(i32),
    /// A write that takes this share of its bytes, in 256ths, and no more.
    Short(u8),
    /// The program dies, after this share of the call was done.
    Kill(u8),
}

/// The plan and how far it has come.
#[derive(Clone, Debug)]
pub struct Plan {
    kind: Kind,
    at: u64,
    seed: u64,
    /// If this is said, only writes into files whose path holds it are counted, and one that fails has
    /// always taken some bytes first.
    torn: Option<String>,
    calls: u64,
    shortened: bool,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Kill,
    Full,
    Broken,
}

impl Plan {
    /// Reads `KIND:CALL:SEED` or `KIND:CALL:SEED:TORN`; anything else plans nothing.
    pub fn parse(text: &str) -> Self {
        let mut words = text.splitn(4, ':');
        let kind = match words.next() {
            Some("kill") => Kind::Kill,
            Some("enospc") => Kind::Full,
            Some("eio") => Kind::Broken,
            _ => Kind::Nothing,
        };
        let mut next = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (at, seed) = (next(), next());
        Self {
            kind,
            at,
            seed,
            torn: words.next().map(str::to_owned),
            calls: 0,
            shortened: false,
            failed: false,
        }
    }

    /// What becomes of the next call; `bytes` are those of a write.
    pub fn next(&mut self, call: Call, bytes: usize, path: &str) -> Act {
        if let Some(torn) = &self.torn
            && !self.failed
            && !(call == Call::Write && path.contains(torn.as_str()))
        {
            return Act::Pass;
        }
        self.calls += 1;
        if self.kind == Kind::Nothing || self.calls < self.at {
            return Act::Pass;
        }
        let share = (self.seed >> 8) as u8;
        match self.kind {
            Kind::Kill => return Act::Kill(share),
            Kind::Full if !call.needs_space() => return Act::Pass,
            _ => {}
        }
        // Half of the disks stay as they are, the others recover at once; half of the writes that
        // fail have taken some bytes first, as they do on a disk that fills up.
        let stays = self.seed & 1 == 0;
        let short = self.seed & 2 == 0 || self.torn.is_some();
        if self.failed && !stays {
            return Act::Pass;
        }
        if call == Call::Write && short && !self.shortened && bytes > 1 {
            self.shortened = true;
            return Act::Short(share);
        }
        self.failed = true;
        Act::Fail(if self.kind == Kind::Full {
            libc::ENOSPC
        } else {
            libc::EIO
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_to_be_torn_takes_some_bytes_of_its_nth_write_and_then_none() {
        // The seed says that the disk recovers.
        let mut plan = Plan::parse("enospc:2:32769:.cdxj");
        let index = "/out/part-00000.cdxj";
        assert_eq!(plan.next(Call::Write, 9, index), Act::Pass);
        assert_eq!(plan.next(Call::Write, 9, "/out/part-00000.warc"), Act::Pass);
        assert_eq!(plan.next(Call::Sync, 0, index), Act::Pass);
        assert_eq!(plan.next(Call::Write, 9, index), Act::Short(128));
        assert_eq!(plan.next(Call::Write, 9, "/out/ledger.db-wal"), Act::Pass);
        assert_eq!(plan.next(Call::Write, 5, index), Act::Fail(libc::ENOSPC));
        assert_eq!(plan.next(Call::Write, 9, index), Act::Pass);
    }

    #[test]
    fn without_a_file_all_calls_are_counted() {
        let mut plan = Plan::parse("eio:2:4");
        assert_eq!(plan.next(Call::Create, 0, "/out/a"), Act::Pass);
        assert_eq!(plan.next(Call::Sync, 0, "/out/a"), Act::Fail(libc::EIO));
        assert_eq!(plan.next(Call::Remove, 0, "/out/b"), Act::Fail(libc::EIO));
    }
}
