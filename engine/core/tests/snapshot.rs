//! A state that was kept as bytes goes on as if it had never been away.

use proptest::collection::vec;
use proptest::prelude::*;
use quittance_core::event::Record;
use quittance_core::invariant;
use quittance_core::record::DecodeError;
use quittance_core::snapshot::{Loader, items};
use quittance_core::state::{Ended, Key, State};
use std::sync::Arc;

use crate::properties::noise;
use crate::support::actions::{BEGUN, run};

fn load(items: &[Vec<u8>]) -> Result<State, DecodeError> {
    let mut loader = Loader::default();
    items.iter().try_for_each(|item| loader.item(item))?;
    loader.finish()
}

/// Keeps the state as it is behind the first `at` records, loads it, and goes on with the rest.
fn check(records: &[Record], at: usize) {
    let mut whole = State::default();
    let (before, after) = records.split_at(at.min(records.len()));
    before.iter().for_each(|record| whole.apply(record).expect("the log is sound"));
    let frozen = whole.freeze();
    let kept: Vec<_> = items(&frozen).collect();
    let mut loaded = load(&kept).expect("what was kept is read");
    assert_eq!(loaded.digest(), whole.digest(), "a restart would begin from another state");
    // Between two records of one input something is half done; then it is so in both.
    assert_eq!(
        invariant::check_all(&loaded),
        invariant::check_all(&whole),
        "a restart would break an invariant"
    );
    assert_eq!(
        items(&loaded.freeze()).collect::<Vec<_>>(),
        kept,
        "the same state would be kept in other bytes"
    );
    for record in after {
        // What had ended is not in a snapshot.
        let known = match Key::of(record).filter(|key| !loaded.holds(key)) {
            Some(key @ Key::Intent(id)) => {
                whole.intent(&id).map(|known| (key, Ended::Intent(Arc::new(known.clone()))))
            }
            Some(key @ Key::Withdrawal(id)) => {
                whole.withdrawal(&id).map(|known| (key, Ended::Withdrawal(Box::new(known.clone()))))
            }
            Some(Key::Deposit(_)) | None => None,
        };
        if let Some((key, ended)) = known {
            assert!(loaded.recall(&key, &ended));
        }
        whole.apply(record).expect("the log is sound");
        loaded.apply(record).expect("the loaded state goes on");
    }
    assert_eq!(loaded.digest(), whole.digest(), "a restart would have led elsewhere");
    assert_eq!(items(&frozen).collect::<Vec<_>>(), kept, "what was frozen has moved on");
    assert_eq!(loaded.next_deadline(), whole.next_deadline());
    assert!(loaded.unsettled().map(|(id, _)| id).eq(whole.unsettled().map(|(id, _)| id)));
    assert!(loaded.open_withdrawals().eq(whole.open_withdrawals()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_of_any_moment_goes_on_as_the_state_it_was_taken_of(bytes in vec(any::<u8>(), 0..500), at in 0usize..300) {
        let begun = [BEGUN, bytes.as_slice()].concat();
        check(run(&begun).records(), at);
    }
}

#[test]
fn a_snapshot_that_is_not_whole_or_not_in_order_is_never_loaded_as_the_state_it_was() {
    let bytes: Vec<_> = BEGUN.iter().copied().chain(noise(3, 1_500)).collect();
    let run = run(&bytes);
    let state = run.world.core.state();
    let kept: Vec<_> = items(state).collect();
    assert!(kept.len() > 10, "{} items", kept.len());
    let other = |items: &[Vec<u8>]| load(items).map_or(true, |loaded| loaded.digest() != state.digest());
    for at in 0..kept.len() {
        let mut without = kept.clone();
        without.remove(at);
        assert!(other(&without), "without item {at}");
        let mut twice = kept.clone();
        twice.insert(at, kept[at].clone());
        assert!(other(&twice), "item {at} twice");
        for byte in 0..kept[at].len() {
            let mut changed = kept.clone();
            changed[at][byte] ^= 1;
            let loaded = load(&changed);
            // How much was put away is a hint for the invariants, and no part of the digest.
            let hint = at == 0 && byte + 2 >= kept[0].len();
            assert!(
                hint || loaded.map_or(true, |loaded| loaded.digest() != state.digest()),
                "byte {byte} of {at}"
            );
        }
    }
    let mut swapped = kept.clone();
    swapped.swap(0, 1);
    assert!(load(&swapped).is_err());
    assert!(load(&[]).is_err());
}

#[test]
fn the_bytes_of_a_snapshot_change_only_with_its_version() {
    let bytes: Vec<_> = BEGUN.iter().copied().chain(noise(7, 400)).collect();
    let run = run(&bytes);
    let all: Vec<u8> = items(run.world.core.state()).flatten().collect();
    crate::golden::check("snapshot-v3-hash", blake3::hash(&all).as_bytes());
}
