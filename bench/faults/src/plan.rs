//! What is to go wrong, and when: decided by a number alone, so that it can be repeated.
//!
//! It knows kinds of calls, not files.

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
        matches!(self, Self::Write | Self::Lengthen | Self::Create | Self::Sync)
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
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    kind: Kind,
    at: u64,
    seed: u64,
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
    /// Reads `KIND:CALL:SEED`; anything else plans nothing.
    pub fn parse(text: &str) -> Self {
        let mut words = text.split(':');
        let kind = match words.next() {
            Some("kill") => Kind::Kill,
            Some("enospc") => Kind::Full,
            Some("eio") => Kind::Broken,
            _ => Kind::Nothing,
        };
        let mut next = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (at, seed) = (next(), next());
        Self { kind, at, seed, calls: 0, shortened: false, failed: false }
    }

    /// What becomes of the next call; `bytes` are those of a write.
    pub fn next(&mut self, call: Call, bytes: usize) -> Act {
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
        let (stays, short) = (self.seed & 1 == 0, self.seed & 2 == 0);
        if self.failed && !stays {
            return Act::Pass;
        }
        if call == Call::Write && short && !self.shortened && bytes > 1 {
            self.shortened = true;
            return Act::Short(share);
        }
        self.failed = true;
        Act::Fail(if self.kind == Kind::Full { libc::ENOSPC } else { libc::EIO })
    }
}
