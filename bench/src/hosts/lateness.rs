//! How late the machine is by itself: what a referee must not hold against a client.
//!
//! A thread on each of the two processors sleeps for a moment again and again, and notes by how much
//! it woke too late. On a machine with other work to do, the client's threads wait as long.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread sleeps.
const TICK: Duration = Duration::from_millis(10);
/// What is late by less is not noted.
const LEAST: Duration = Duration::from_millis(5);
/// What is noted for so long.
const KEPT: Duration = Duration::from_secs(120);

/// When the machine was late, and by how much.
#[derive(Debug, Default)]
pub struct Lateness {
    noted: Mutex<VecDeque<(Instant, Duration)>>,
}

impl Lateness {
    /// Watches the processors of the client and of the server. The threads end with the process.
    pub fn watch() -> Arc<Self> {
        let lateness = Arc::new(Self::default());
        for processor in 0..2 {
            let own = lateness.clone();
            thread::spawn(move || own.tick(processor));
        }
        lateness
    }

    /// How late it was in all between two moments.
    pub fn between(&self, from: Instant, until: Instant) -> Duration {
        let noted = self.lock();
        let then = noted.iter().filter(|(at, _)| (from..=until).contains(at));
        then.map(|(_, late)| *late).sum()
    }

    fn tick(&self, processor: usize) {
        move_to(processor);
        loop {
            let before = Instant::now();
            thread::sleep(TICK);
            let now = Instant::now();
            self.note(now, (now - before).saturating_sub(TICK));
        }
    }

    fn note(&self, now: Instant, late: Duration) {
        if late < LEAST {
            return;
        }
        let mut noted = self.lock();
        noted.push_back((now, late));
        while noted.front().is_some_and(|(at, _)| now - *at > KEPT) {
            noted.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Duration)>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves this thread to a processor. Where that does not work, it watches the one that it is on.
fn move_to(processor: usize) {
    let Ok(thread) = std::fs::read_link("/proc/thread-self") else {
        return;
    };
    let number = thread.file_name().unwrap_or_default();
    let mut command = Command::new("taskset");
    command
        .args(["-c", "-p", &processor.to_string()])
        .arg(number);
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_late_counts_within_its_time_and_is_forgotten() {
        let lateness = Lateness::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let late = Duration::from_millis(300);
        lateness.note(at(1), Duration::from_micros(100));
        lateness.note(at(2), late);
        lateness.note(at(3), late);
        assert_eq!(lateness.between(at(0), at(2)), late);
        assert_eq!(lateness.between(at(1), at(9)), late * 2);
        assert_eq!(lateness.between(at(4), at(9)), Duration::ZERO);
        lateness.note(at(200), late);
        assert_eq!(lateness.between(at(0), at(200)), late);
    }
}
