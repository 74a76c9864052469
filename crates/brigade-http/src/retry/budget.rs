//! How many failures of a server are borne before nothing is sent to it a second time.
//!
//! A server that is overloaded fails more requests, and each that is sent again adds to its load:
//! three attempts can be three times what broke it. So the requests of a client share a bucket of
//! tokens for each server, as in gRPC (proposal A6, "Client Retries", section "Throttling Retry
//! Attempts and Hedged RPCs"): a failure takes one, a success gives a part of one back, and nothing is
//! sent again unless more than half of them are there.
//!
//! It reads no clock and stops no first attempt, and a full bucket needs no memory.

use std::collections::HashMap;
use std::mem;

/// A token, in the thousandths in which they are counted.
const TOKEN: u32 = 1000;

/// How much of a server's failures is borne: see [`RetryPolicy::budget`](super::RetryPolicy::budget).
///
/// A bucket begins full. Each failed attempt, one that a policy could repeat, takes a token, and each
/// other answer gives back a part of one. Nothing is sent a second time while half of the tokens or
/// more are missing, so that a server which goes on failing gets every request once; with the
/// successes the retries come back.
///
/// Of `n` attempts, at most `tokens_max / 2 + token_ratio * n` are followed by another one.
///
/// # Examples
///
/// ```
/// use brigade_http::{RetryBudget, RetryPolicy};
///
/// // As strict as the example of gRPC: five failures in a row, then one retry for ten successes.
/// let strict = RetryPolicy::default().budget(RetryBudget::new(10, 0.1));
/// let unbounded = RetryPolicy::default().budget(None);
/// # let _ = (strict, unbounded);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBudget {
    /// Both in thousandths of a token.
    max: u32,
    ratio: u32,
}

impl Default for RetryBudget {
    /// 100 tokens, and one back for each success: retries stop when failures are 50 more than
    /// successes, and do not come back before most attempts succeed.
    ///
    /// It is on unless it is switched off, so it must not surprise: a server that fails now and then,
    /// be it every third time, never gets there. One that is down does, after 50 attempts.
    fn default() -> Self {
        Self::new(100, 1.0)
    }
}

impl RetryBudget {
    /// A bucket of `tokens_max` tokens, 1 to 1,000,000, into which each success puts back
    /// `token_ratio`, 0.001 to 1000. What lies outside is moved to the nearer end.
    pub fn new(tokens_max: u32, token_ratio: f64) -> Self {
        let ratio = (token_ratio.clamp(0.001, 1000.0) * f64::from(TOKEN)).round();
        Self {
            max: tokens_max.clamp(1, 1_000_000) * TOKEN,
            // A ratio that is not a number counts as the least one.
            ratio: (ratio as u32).max(1),
        }
    }

    /// How much is missing after one more failure: never less, if a larger bucket has lost more.
    fn failed(self, missing: u32) -> u32 {
        missing.saturating_add(TOKEN).min(self.max.max(missing))
    }

    /// How much is missing after one more success.
    fn succeeded(self, missing: u32) -> u32 {
        missing.saturating_sub(self.ratio)
    }

    /// Whether something may be sent again while so much is missing.
    fn allows(self, missing: u32) -> bool {
        self.max.saturating_sub(missing) > self.max / 2
    }
}

/// What is missing in the buckets of all servers that are not full.
///
/// At most twice its size is remembered. Those of which nothing was heard for the longest are
/// forgotten, and count as full.
#[derive(Debug)]
pub(super) struct Missing {
    recent: HashMap<Box<str>, u32>,
    older: HashMap<Box<str>, u32>,
    size: usize,
}

impl Missing {
    pub(super) fn new(size: usize) -> Self {
        Self {
            recent: HashMap::new(),
            older: HashMap::new(),
            size: size.max(1),
        }
    }

    /// Whether every bucket is full.
    pub(super) fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.older.is_empty()
    }

    /// Counts a failure of `origin`, and says whether something may be sent to it again.
    pub(super) fn failed(&mut self, budget: RetryBudget, origin: &str) -> bool {
        let missing = self.change(origin, |missing| budget.failed(missing));
        budget.allows(missing)
    }

    /// Counts a success of `origin`.
    pub(super) fn succeeded(&mut self, budget: RetryBudget, origin: &str) {
        self.change(origin, |missing| budget.succeeded(missing));
    }

    fn change(&mut self, origin: &str, change: impl FnOnce(u32) -> u32) -> u32 {
        if let Some(missing) = self.recent.get_mut(origin) {
            let after = change(*missing);
            *missing = after;
            if after == 0 {
                self.recent.remove(origin);
            }
            return after;
        }
        let before = self.older.remove(origin).unwrap_or_default();
        let after = change(before);
        if after > 0 {
            if self.recent.len() == self.size {
                self.older = mem::take(&mut self.recent);
            }
            self.recent.insert(origin.into(), after);
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Which of these failures (`-`) may be followed by another attempt, `+` being a success.
    #[track_caller]
    fn check(budget: RetryBudget, outcomes: &str, allowed: &str) {
        let mut missing = Missing::new(10);
        let mut said = String::new();
        for outcome in outcomes.chars() {
            match outcome {
                '+' => missing.succeeded(budget, "a"),
                _ => said.push(if missing.failed(budget, "a") {
                    'y'
                } else {
                    'n'
                }),
            }
        }
        assert_eq!(said, allowed, "{outcomes}");
    }

    #[test]
    fn h19a_nothing_is_sent_again_unless_more_than_half_of_the_tokens_are_there() {
        check(RetryBudget::new(10, 0.1), "------", "yyyynn");
        check(RetryBudget::new(4, 1.0), "--+--++--", "ynnnnn");
        check(RetryBudget::new(4, 0.5), "-+-+-+", "yyn");
        check(RetryBudget::new(5, 0.5), "--++-", "yyy");
        check(RetryBudget::new(1, 1.0), "-", "n");
        check(RetryBudget::new(3, 1000.0), "----+-", "ynnny");
    }

    #[test]
    fn h19a_a_server_that_fails_every_other_time_is_asked_again_for_ever_by_default() {
        check(
            RetryBudget::default(),
            &"-+".repeat(1000),
            &"y".repeat(1000),
        );
        let down = format!("{}{}", "y".repeat(49), "n".repeat(51));
        check(RetryBudget::default(), &"-".repeat(100), &down);
    }

    #[test]
    fn h19a_a_failure_gives_nothing_back_where_policies_with_several_budgets_meet() {
        let (small, large) = (RetryBudget::new(10, 1.0), RetryBudget::new(100, 1.0));
        let mut missing = Missing::new(10);
        for _ in 0..60 {
            missing.failed(large, "a");
        }
        assert!(!missing.failed(small, "a"));
        assert!(!missing.failed(large, "a"));
    }

    #[test]
    fn numbers_beyond_the_bounds_are_moved_to_the_nearer_end() {
        assert_eq!(RetryBudget::new(0, -1.0), RetryBudget::new(1, 0.001));
        assert_eq!(RetryBudget::new(1, f64::NAN), RetryBudget::new(1, 0.001));
        let most = RetryBudget::new(u32::MAX, f64::INFINITY);
        assert_eq!(most, RetryBudget::new(1_000_000, 1000.0));
    }

    proptest! {
        /// The rule as it is written in the proposal, of one bucket for each server.
        #[test]
        fn h19a_the_buckets_are_those_of_the_proposal(
            max in 1..20_u32,
            ratio in 1..3000_u32,
            outcomes in prop::collection::vec((0..5_usize, any::<bool>()), 0..200),
        ) {
            let budget = RetryBudget::new(max, f64::from(ratio) / 1000.0);
            let mut missing = Missing::new(5);
            let mut tokens = [i64::from(max) * 1000; 5];
            for (server, is_failure) in outcomes {
                let (full, name) = (i64::from(max) * 1000, server.to_string());
                let tokens = &mut tokens[server];
                if is_failure {
                    *tokens = (*tokens - 1000).max(0);
                    prop_assert_eq!(missing.failed(budget, &name), *tokens > full / 2);
                } else {
                    *tokens = (*tokens + i64::from(ratio)).min(full);
                    missing.succeeded(budget, &name);
                }
            }
            prop_assert_eq!(missing.is_empty(), tokens.iter().all(|own| *own == i64::from(max) * 1000));
        }

        #[test]
        fn h19b_however_many_servers_fail_few_are_remembered(
            size in 1..10_usize,
            servers in prop::collection::vec(0..100_u32, 0..300),
        ) {
            let mut missing = Missing::new(size);
            for server in servers {
                missing.failed(RetryBudget::default(), &server.to_string());
                prop_assert!(missing.recent.len() + missing.older.len() <= 2 * size);
            }
        }

        #[test]
        fn h19a_retries_are_bounded_by_half_the_tokens_and_the_part_that_successes_pay(
            max in 1..50_u32,
            ratio in 1..1000_u32,
            outcomes in prop::collection::vec(any::<bool>(), 0..500),
        ) {
            let budget = RetryBudget::new(max, f64::from(ratio) / 1000.0);
            let mut missing = Missing::new(1);
            let (mut retries, mut successes) = (0, 0);
            for is_failure in outcomes {
                if is_failure {
                    retries += u32::from(missing.failed(budget, "a"));
                } else {
                    successes += 1;
                    missing.succeeded(budget, "a");
                }
            }
            prop_assert!(retries * 1000 <= max * 500 + successes * ratio);
        }
    }
}
