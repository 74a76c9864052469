//! The comparison of before and after.
//!
//! It waits a moment for things to settle, since what ends does not end at once; then it names
//! what is there that was not. It ends nothing by itself.

use super::system::{self, Numbered};
use crate::wait::reached;
use std::fmt;
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
    descriptors: Option<Numbered>,
    threads: Option<Numbered>,
}

/// What was held at the end and not at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// How many more tasks the runtime has.
    pub tasks: usize,
    /// Sockets, pipes and files that are open now and were not: what they are open on, and of a
    /// TCP or UDP socket both its ends.
    pub descriptors: Vec<String>,
    /// The names of the threads that run now and did not; of a name, the first 15 bytes.
    pub threads: Vec<String>,
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
            threads: None,
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
            descriptors: Some(system::descriptors()?),
            threads: None,
        })
    }

    /// Checks the threads of the process, too.
    ///
    /// Pools keep idle threads for a while (tokio's for 10 s): a check of threads is for programs
    /// that start theirs before it, or end them.
    ///
    /// # Errors
    ///
    /// The system does not list the threads of a process (it has no `/proc`).
    pub fn threads(mut self) -> io::Result<Self> {
        self.threads = Some(system::threads()?);
        Ok(self)
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
            Some(leak) if !settled => Err(leak.named()),
            _ => Ok(()),
        }
    }

    fn leak(&self) -> Option<Leak> {
        let tasks = tasks().saturating_sub(self.tasks);
        let descriptors = new(&self.descriptors, system::descriptors);
        let threads = new(&self.threads, system::threads);
        let leak = Leak {
            tasks,
            descriptors,
            threads,
        };
        let nothing = leak.tasks == 0 && leak.descriptors.is_empty() && leak.threads.is_empty();
        (!nothing).then_some(leak)
    }
}

/// What is there now and was not before.
fn new(before: &Option<Numbered>, now: fn() -> io::Result<Numbered>) -> Vec<String> {
    let Some(before) = before else {
        return Vec::new();
    };
    let now = now().unwrap_or_default().into_iter();
    let new = now.filter(|(number, what)| before.get(number) != Some(what));
    new.map(|(_, what)| what).collect()
}

impl Leak {
    /// With the ends of its sockets. Only for a result: the system's table of sockets is long.
    fn named(mut self) -> Self {
        for target in &mut self.descriptors {
            if let Some(ends) = system::socket(target) {
                *target = ends;
            }
        }
        self
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tasks,
            descriptors,
            threads,
        } = self;
        write!(
            f,
            "{tasks} tasks, {} descriptors and {} threads outlived",
            descriptors.len(),
            threads.len()
        )?;
        for target in descriptors {
            write!(f, "; {target}")?;
        }
        for name in threads {
            write!(f, "; thread {name}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Leak {}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
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
        assert_eq!(leak.tasks, 1);
        assert!(leak.to_string().starts_with("1 tasks"));
    }

    #[tokio::test]
    async fn a_descriptor_that_stays_open_is_named() {
        // Other tests of this process open descriptors too; so this looks only for its own.
        let check = LeakCheck::of_process().unwrap();
        let held = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let leak = check.leak().expect("the socket is open").named();
        let name = format!("udp {}", held.local_addr().unwrap());
        assert!(leak.descriptors.contains(&name), "{leak}");
        drop(held);
    }

    #[tokio::test]
    async fn a_thread_that_runs_on_is_named() {
        let check = LeakCheck::of_runtime().threads().unwrap();
        let (end, ended) = std::sync::mpsc::sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("runs on".into());
        let thread = thread.spawn(move || ended.recv().unwrap_or(())).unwrap();
        // Other tests of this process start threads too; so this looks only for its own. A thread
        // takes its name when it begins to run.
        let mut found = false;
        crate::wait::until(|| {
            let leak = check.leak();
            found |= leak.is_some_and(|leak| leak.threads.iter().any(|name| name == "runs on"));
            found
        })
        .await;
        drop(end);
        thread.join().unwrap();
    }
}
