//! What a program holds, before and after: tasks of the runtime, open sockets and files.
//!
//! "Nothing outlives its owner" can only be checked from outside. A check counts at the start,
//! and at the end waits a moment for things to settle, then names what is there that was not.
//! Tasks are those of the current runtime, so tests beside it do not disturb; descriptors are
//! those of the whole process, so such a check wants a process to itself.
//!
//! Connections that a client left open show at the other end too: see
//! [`Server::connections`](crate::server::Server::connections).

use crate::wait::reached;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use tokio::runtime::Handle;

/// How long the end waits for things to settle: so many looks, one in a millisecond.
const LOOKS_MAX: usize = 2_000;

/// Compares what is held at its end with what was held at its start.
///
/// # Examples
///
/// ```
/// use brigade_testkit::leak::LeakCheck;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let check = LeakCheck::of_runtime();
/// let mut tasks = tokio::task::JoinSet::new();
/// tasks.spawn(std::future::pending::<()>());
/// drop(tasks);
/// check.finish().await.expect("the set ended its task");
/// # });
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "a check finds nothing until it is finished"]
pub struct LeakCheck {
    tasks: usize,
    descriptors: Option<BTreeMap<String, String>>,
}

/// What was held at the end and not at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// How many more tasks the runtime has.
    pub tasks: usize,
    /// Sockets, pipes and files that are open now and were not, by what they are open on.
    pub descriptors: Vec<String>,
}

impl LeakCheck {
    /// Starts a check of the tasks of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn of_runtime() -> Self {
        Self {
            tasks: tasks(),
            descriptors: None,
        }
    }

    /// Starts a check of the tasks of the current runtime and of all descriptors of the process.
    ///
    /// # Errors
    ///
    /// The system does not list the descriptors of a process (it has no `/proc`).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn of_process() -> io::Result<Self> {
        Ok(Self {
            tasks: tasks(),
            descriptors: Some(descriptors()?),
        })
    }

    /// Ends the check: waits up to 2 s until everything is gone that was not there at its start.
    ///
    /// # Errors
    ///
    /// What is still there.
    ///
    /// # Cancel safety
    ///
    /// Holds nothing; can be dropped at any time.
    pub async fn finish(self) -> Result<(), Leak> {
        let settled = reached(|| self.leak().is_none(), LOOKS_MAX).await;
        match self.leak() {
            Some(leak) if !settled => Err(leak),
            _ => Ok(()),
        }
    }

    fn leak(&self) -> Option<Leak> {
        let tasks = tasks().saturating_sub(self.tasks);
        let descriptors = match &self.descriptors {
            None => Vec::new(),
            Some(before) => descriptors()
                .unwrap_or_default()
                .into_iter()
                .filter(|(number, target)| before.get(number) != Some(target))
                .map(|(_, target)| target)
                .collect(),
        };
        (tasks > 0 || !descriptors.is_empty()).then_some(Leak { tasks, descriptors })
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} tasks and {} descriptors outlived",
            self.tasks,
            self.descriptors.len()
        )?;
        for target in &self.descriptors {
            write!(f, "; {target}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Leak {}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// The open descriptors of this process: number and what it is open on.
fn descriptors() -> io::Result<BTreeMap<String, String>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_lives_on_is_found_and_one_that_ends_is_not() {
        let check = LeakCheck::of_runtime();
        let mut tasks = JoinSet::new();
        tasks.spawn(tokio::task::yield_now());
        check.finish().await.unwrap();

        let check = LeakCheck::of_runtime();
        tasks.spawn(std::future::pending());
        let leak = check.finish().await.unwrap_err();
        assert_eq!(
            leak,
            Leak {
                tasks: 1,
                descriptors: Vec::new()
            }
        );
        assert!(leak.to_string().starts_with("1 tasks"));
    }

    #[tokio::test]
    async fn a_descriptor_that_stays_open_is_named() {
        // Other tests of this process open descriptors too; so this looks only for its own.
        let check = LeakCheck::of_process().unwrap();
        let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let leak = check.leak().expect("the socket is open");
        assert!(
            leak.descriptors
                .iter()
                .any(|target| target.starts_with("socket:")),
            "{leak}"
        );
        drop(held);
    }
}
