//! The kept answers against a list that is searched from end to end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use brigade_core::time::Moment;
use proptest::prelude::*;

use super::super::kept::{Addresses, Kept};

const MAX: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..8_u8, 0..20_u64).prop_map(|(name, lifetime)| Step::Insert(name, lifetime)),
        (0..10_u64).prop_map(Step::Pass),
    ]
}

/// Name, answer and end, the oldest first.
#[derive(Default)]
struct Model(Vec<(u8, Addresses, u64)>);

impl Model {
    fn get(&self, name: u8, now: u64) -> Option<&Addresses> {
        let found = self.0.iter().find(|(other, _, _)| *other == name);
        let (_, addresses, _) = found.filter(|(_, _, end)| now < *end)?;
        Some(addresses)
    }

    fn insert(&mut self, name: u8, addresses: Addresses, end: u64, now: u64) {
        self.0.retain(|(other, _, _)| *other != name);
        if self.0.len() == MAX {
            let ended = self.0.iter().enumerate().filter(|(_, kept)| kept.2 <= now);
            let soonest = ended.min_by_key(|(_, kept)| kept.2);
            let place = soonest.map_or(0, |(place, _)| place);
            self.0.remove(place);
        }
        self.0.push((name, addresses, end));
    }
}

fn moment(second: u64) -> Moment {
    Moment::from_nanos(0) + Duration::from_secs(second)
}

proptest! {
    #[test]
    fn h3g_what_is_kept_is_what_a_naive_list_keeps(steps in prop::collection::vec(step(), 0..200)) {
        let (mut kept, mut model) = (Kept::new(MAX), Model::default());
        let mut now = 0;
        for (nth, step) in steps.into_iter().enumerate() {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Insert(name, lifetime) => {
                    let address = IpAddr::from((nth as u32).to_be_bytes());
                    let addresses: Addresses = Arc::new([address]);
                    let end = now + lifetime;
                    model.insert(name, addresses.clone(), end, now);
                    let name = Arc::from(name.to_string());
                    kept.insert(name, addresses, moment(end), moment(now));
                }
            }
            prop_assert_eq!(kept.len(), model.0.len());
            for name in 0..8 {
                let found = kept.get(&name.to_string(), moment(now));
                prop_assert_eq!(found, model.get(name, now));
            }
        }
    }
}
