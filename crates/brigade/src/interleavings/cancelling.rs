//! Tokens: many who wait, cancel, leave and are born at once.

use std::pin::pin;

use shuttle::future::block_on;
use shuttle::thread::spawn;

use super::explore::{explore, poll_once};
use crate::cancel::{Reason, Token};

#[test]
fn c1a_all_who_wait_for_a_token_wake_with_the_same_first_reason() {
    explore(|| {
        let token = Token::new();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let token = token.clone();
                spawn(move || block_on(token.cancelled()))
            })
            .collect();
        let same = token.clone();
        let other = spawn(move || same.cancel_with(Reason::Deadline));
        let mine = token.cancel();
        let others = other.join().unwrap();
        assert_ne!(mine, others, "one of the two is the first");
        let first = if mine { Reason::User } else { Reason::Deadline };
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), first);
        }
        assert_eq!(token.reason(), Some(first));
    });
}

#[test]
fn c1a_who_stops_waiting_takes_nobody_along() {
    explore(|| {
        let token = Token::new();
        let same = token.clone();
        let fickle = spawn(move || {
            for _ in 0..2 {
                poll_once(pin!(same.cancelled()));
            }
            block_on(same.cancelled())
        });
        let same = token.clone();
        let steady = spawn(move || block_on(same.cancelled()));
        token.cancel();
        assert_eq!(fickle.join().unwrap(), Reason::User);
        assert_eq!(steady.join().unwrap(), Reason::User);
    });
}

#[test]
fn c1b_a_child_that_is_born_during_the_cancellation_is_cancelled() {
    explore(|| {
        let token = Token::new();
        let parent = token.clone();
        let born = spawn(move || {
            let child = parent.child();
            let grandchild = child.child();
            drop(parent);
            (grandchild, child)
        });
        let parent = token.clone();
        let waiting = spawn(move || block_on(parent.child().child().cancelled()));
        token.cancel_with(Reason::Sibling);
        let (grandchild, child) = born.join().unwrap();
        assert_eq!(child.reason(), Some(Reason::Sibling));
        assert_eq!(grandchild.reason(), Some(Reason::Sibling));
        assert_eq!(waiting.join().unwrap(), Reason::Sibling);
    });
}

#[test]
fn c1b_children_come_and_go_while_the_chain_is_cancelled_at_both_ends() {
    explore(|| {
        let token = Token::new();
        let (left, right) = (token.child(), token.child());
        let brief = token.clone();
        let gone = spawn(move || drop((brief.child(), brief.child().child())));
        let waits = left.child();
        let waiting = spawn(move || block_on(waits.cancelled()));
        let own = spawn(move || left.cancel());
        token.cancel_with(Reason::Parent);
        let own = own.join().unwrap();
        let reason = waiting.join().unwrap();
        assert_eq!(reason, if own { Reason::User } else { Reason::Parent });
        gone.join().unwrap();
        assert_eq!(right.reason(), Some(Reason::Parent));
    });
}

#[test]
fn c4c_a_value_that_is_ready_wins_over_the_token() {
    explore(|| {
        let token = Token::new();
        let same = token.clone();
        let worker = spawn(move || {
            let mut ready = false;
            let work = async {
                shuttle::future::yield_now().await;
                ready = true;
            };
            let result = block_on(same.until_cancelled(work));
            assert_eq!(result.is_ok(), ready, "a value that was there is not lost");
        });
        token.cancel();
        worker.join().unwrap();
    });
}
