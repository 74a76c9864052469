//! Which failures are asked for: some kinds or statuses, some hosts.
//!
//! What people give is a parameter of a statement, never a part of its text.

use brigade_core::verdict::FailureSet;

use crate::ledger::condition;

/// Which failures are asked for. The default is all of them.
///
/// # Examples
///
/// ```
/// use brigade_jobs::FailureFilter;
///
/// let mut filter = FailureFilter::default();
/// filter.sets.push("timeout".parse()?);
/// filter.hosts.push("www.example.com".to_owned());
/// # Ok::<(), brigade_jobs::UnknownFailures>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailureFilter {
    /// Those in any of these sets; with none, all.
    pub sets: Vec<FailureSet>,
    /// Those at any of these hosts; with none, all. A name without a port stands for all of its
    /// ports.
    pub hosts: Vec<String>,
}

impl FailureFilter {
    /// The condition for a row of `failure`, and the values of its parameters, the first of which
    /// has the number `first`.
    pub(super) fn condition(&self, first: usize) -> (String, Vec<String>) {
        let kinds = condition(&self.sets);
        if self.hosts.is_empty() {
            return (kinds, Vec::new());
        }
        let hosts: Vec<_> = self
            .hosts
            .iter()
            .map(|host| host.to_ascii_lowercase())
            .collect();
        let each: Vec<_> = (first..first + hosts.len())
            .map(|number| {
                format!(
                    "host_of(url) = ?{number} OR rtrim(host_of(url), '0123456789') = ?{number} || ':'"
                )
            })
            .collect();
        (format!("{kinds} AND ({})", each.join(" OR ")), hosts)
    }
}
