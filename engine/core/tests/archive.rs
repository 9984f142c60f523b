//! What has ended can leave memory and come back from its own records, and nobody can tell.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use quittance_core::event::Record;
use quittance_core::evolve::fold_intent;
use quittance_core::ids::IntentId;
use quittance_core::invariant;
use quittance_core::state::{Ended, Key, State};
use std::sync::Arc;

use crate::properties::noise;
use crate::support::actions::{BEGUN, run};

/// Replays `records` twice: once with everything in memory, and once with everything that has ended put away at once and
/// called back when a record is about it.
fn check(records: &[Record]) -> (u64, u64) {
    let (mut whole, mut lean) = (State::default(), State::default());
    let mut streams: BTreeMap<IntentId, Vec<&Record>> = BTreeMap::new();
    let (mut away, mut back) = (0, 0);
    for record in records {
        if let Some(subject) = record.subject {
            let stream = streams.entry(subject.intent).or_default();
            if subject.revision.0 > 0 && lean.intent(&subject.intent).is_none() {
                let node = whole.node().expect("the log has begun");
                let folded =
                    fold_intent(node, stream.iter().copied()).expect("its records follow each other");
                assert_eq!(
                    Some(&folded),
                    whole.intent(&subject.intent),
                    "an old payment would come back changed"
                );
                let ended = Ended::Intent(Arc::new(folded));
                assert!(lean.recall(&Key::Intent(subject.intent), &ended));
                assert!(!lean.recall(&Key::Intent(subject.intent), &ended), "it is there already");
                back += 1;
            }
            stream.push(record);
        }
        whole.apply(record).expect("the log is sound");
        lean.apply(record).expect("and so it is with what has ended put away");
        let ended: Vec<_> = lean.ended().collect();
        for (key, last) in ended {
            assert!(
                !lean.put_away(&key, last.next()),
                "a version that is not the last would be taken for it"
            );
            assert!(lean.put_away(&key, last));
            assert!(!lean.holds(&key));
            away += 1;
        }
        assert_eq!(lean.digest(), whole.digest(), "what is in memory would show in the digest");
    }
    invariant::check_all(&lean).expect("the invariants hold for what is left in memory");
    for (id, stream) in streams {
        let folded = fold_intent(whole.node().expect("the log has begun"), stream).expect("records follow");
        assert_eq!(Some(&folded), whole.intent(&id), "an intent is not what its own records say");
    }
    (away, back)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_that_puts_away_what_has_ended_goes_the_same_way(bytes in vec(any::<u8>(), 0..500)) {
        let begun = [BEGUN, bytes.as_slice(), &[255]].concat();
        check(run(&begun).records());
    }
}

#[test]
fn histories_put_things_away_and_call_them_back_so_that_the_property_above_means_something() {
    let (mut away, mut back) = (0, 0);
    for seed in 0..20 {
        let bytes: Vec<_> = BEGUN.iter().copied().chain(noise(seed, 1_200)).chain([255]).collect();
        let (put, called) = check(run(&bytes).records());
        away += put;
        back += called;
    }
    assert!(away > 100 && back > 5, "{away} put away, {back} called back");
}

#[test]
fn an_intent_is_not_folded_from_records_that_are_not_all_its_own_and_in_order() {
    let begun = [BEGUN, &[36, 0, 0, 0, 96, 1, 0, 0, 0, 7, 2, 0, 0]].concat();
    let run = run(&begun);
    let records = run.records();
    let id = records.iter().find_map(|record| record.subject).expect("an intent").intent;
    let own: Vec<_> = records.iter().filter(|r| r.subject.is_some_and(|s| s.intent == id)).collect();
    let node = run.world.core.state().node().expect("the log has begun");
    assert!(own.len() > 4 && fold_intent(node, own.iter().copied()).is_ok());
    assert!(fold_intent(node, []).is_err(), "nothing");
    for missing in 0..own.len() - 1 {
        let some = own.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, record)| *record);
        assert!(fold_intent(node, some).is_err(), "without record {missing} of {}", own.len());
    }
    let foreign = records.iter().find(|record| record.subject.is_none()).expect("one about no intent");
    assert!(fold_intent(node, own.iter().copied().chain([foreign])).is_err());
}
