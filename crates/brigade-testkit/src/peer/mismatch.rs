//! Where a play left its script.
//!
//! It is read by people, so it shows bytes as text and never more of them than a screen holds.

use std::fmt;
use std::panic::Location;

/// So many bytes are shown before and after the place where they differ.
const SHOWN: usize = 120;

/// What was expected, what came instead, and at which step; `Debug` prints the same as `Display`,
/// so that an `unwrap` in a test is readable.
#[derive(Clone)]
pub struct Mismatch {
    pub(super) connection: usize,
    pub(super) step: usize,
    pub(super) steps: usize,
    pub(super) line: Option<&'static Location<'static>>,
    pub(super) expected: String,
    pub(super) came: String,
}

impl Mismatch {
    /// The connection, that is the script, counted from 0.
    pub fn connection(&self) -> usize {
        self.connection
    }

    /// The step, counted from 1; 0 if nobody connected.
    pub fn step(&self) -> usize {
        self.step
    }

    /// What the script expected, with bytes escaped.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// What came instead, with bytes escaped.
    pub fn came(&self) -> &str {
        &self.came
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connection,
            step,
            steps,
            ..
        } = self;
        write!(f, "play step {step} of {steps}")?;
        if *connection > 0 {
            write!(f, " on connection {connection}")?;
        }
        if let Some(line) = self.line {
            write!(f, ", {line}")?;
        }
        write!(f, "\n  expected: {}", self.expected)?;
        write!(f, "\n      came: {}", self.came)
    }
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Mismatch {}

/// Bytes as a quoted text, cut if there are many.
pub(super) fn shown(bytes: &[u8]) -> String {
    match bytes.get(..2 * SHOWN) {
        None => format!("\"{}\"", bytes.escape_ascii()),
        Some(first) => format!("\"{}...\" ({} bytes)", first.escape_ascii(), bytes.len()),
    }
}

/// What came, beside what was expected: the place where they differ is in sight.
pub(super) fn compared(came: &[u8], expected: &[u8]) -> String {
    let same = came.iter().zip(expected).take_while(|(a, b)| a == b);
    let at = same.count();
    let from = at.saturating_sub(SHOWN);
    let before = if from > 0 { "..." } else { "" };
    let text = shown(&came[from..]);
    format!("{before}{text}, which differs at byte {at}")
}
