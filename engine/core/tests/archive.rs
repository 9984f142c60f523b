//! What has ended can leave memory and come back from its own records, and nobody can tell.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use quittance_core::command::{Command, SettlementOutcome};
use quittance_core::event::{Event, Record};
use quittance_core::evolve::{fold_intent, fold_withdrawal};
use quittance_core::ids::{CausationId, NodeId, Position};
use quittance_core::invariant;
use quittance_core::machine::{Core, Effects, Input};
use quittance_core::state::{Deposit, Ended, Key, State};
use std::iter;
use std::sync::Arc;

use crate::properties::noise;
use crate::support::actions::{BEGUN, Run, run};
use crate::support::{World, no_funds, report_withdrawal, withdraw, withdrawal_of};

/// How much was put away and called back, of everything and of withdrawals.
#[derive(Debug, Default)]
struct Seen {
    away: u64,
    back: u64,
    withdrawals_away: u64,
    withdrawals_back: u64,
    /// Withdrawals asked for again after they were put away, by whether that was the same one.
    repeated: u64,
    refused: u64,
}

/// What there is to find again of what was put away: its records, and what leads from its last one to the others.
#[derive(Debug, Default)]
struct Kept<'a> {
    streams: BTreeMap<Key, Vec<&'a Record>>,
    last: BTreeMap<Key, Position>,
    links: BTreeMap<Position, Position>,
}

impl<'a> Kept<'a> {
    fn record(&mut self, record: &'a Record) {
        if let Some(key) = Key::of(record) {
            self.streams.entry(key).or_default().push(record);
        }
    }

    /// What has ended under a key, if it was put away, from its own records.
    fn ended(&self, node: NodeId, key: &Key) -> Option<Ended> {
        let last = *self.last.get(key)?;
        let own = || self.streams[key].iter().copied();
        Some(match key {
            Key::Intent(_) => {
                Ended::Intent(Arc::new(fold_intent(node, own()).expect("its records follow each other")))
            }
            Key::Deposit(_) => match self.streams[key][0].event {
                Event::FundsDeposited { account, quarks, .. } => {
                    Ended::Deposit(Deposit { account, quarks, position: last })
                }
                ref event => panic!("{event:?} is no deposit"),
            },
            Key::Withdrawal(_) => {
                let mut trail: Vec<_> =
                    iter::successors(Some(last), |at| self.links.get(at).copied()).collect();
                trail.reverse();
                assert!(
                    trail.iter().copied().eq(own().map(|record| record.position)),
                    "not every record of a withdrawal would be found again: {trail:?}"
                );
                let known = fold_withdrawal(node, own()).expect("its records follow each other");
                Ended::Withdrawal(Box::new(known))
            }
        })
    }

    fn put_away(&mut self, core: &mut Core, seen: &mut Seen) {
        let ended: Vec<_> = core.state().ended().collect();
        self.links.extend(core.state().links());
        for (key, last) in ended {
            assert!(
                !core.put_away(&key, last.next()),
                "a version that is not the last would be taken for it"
            );
            assert!(core.put_away(&key, last));
            assert!(!core.state().holds(&key));
            self.last.insert(key, last);
            seen.away += 1;
            seen.withdrawals_away += u64::from(matches!(key, Key::Withdrawal(_)));
        }
    }
}

/// Whether the state knows the same of it.
fn is_known(state: &State, key: &Key, ended: &Ended) -> bool {
    match (key, ended) {
        (Key::Intent(id), Ended::Intent(intent)) => state.intent(id) == Some(&**intent),
        (Key::Deposit(key), Ended::Deposit(deposit)) => state.deposit(key) == Some(deposit),
        (Key::Withdrawal(id), Ended::Withdrawal(known)) => state.withdrawal(id) == Some(&**known),
        _ => false,
    }
}

/// Replays `records` twice: once with everything in memory, and once with everything that has ended put away at once and
/// called back when a record is about it.
fn check(records: &[Record], seen: &mut Seen) {
    let (mut whole, mut lean, mut kept) = (State::default(), Core::default(), Kept::default());
    for record in records {
        let key = Key::of(record);
        if let Some(key) = key.filter(|key| !lean.state().holds(key))
            && let Some(ended) = whole.node().and_then(|node| kept.ended(node, &key))
        {
            assert!(is_known(&whole, &key, &ended), "what is old would come back changed: {ended:?}");
            assert!(lean.recall(&key, &ended));
            assert!(!lean.recall(&key, &ended), "it is there already");
            seen.back += 1;
            seen.withdrawals_back += u64::from(matches!(key, Key::Withdrawal(_)));
        }
        kept.record(record);
        whole.apply(record).expect("the log is sound");
        let mut state = lean.state().clone();
        state.apply(record).expect("and so it is with what has ended put away");
        lean = Core::new(state);
        kept.put_away(&mut lean, seen);
        assert_eq!(lean.state().digest(), whole.digest(), "what is in memory would show in the digest");
    }
    invariant::check_all(lean.state()).expect("the invariants hold for what is left in memory");
    assert_eq!(lean.state().withdrawals().count(), lean.state().open_withdrawals().count(), "memory grows");
    for (key, stream) in &kept.streams {
        let (Some(node), Key::Intent(id)) = (whole.node(), key) else { continue };
        let folded = fold_intent(node, stream.iter().copied()).expect("records follow");
        assert_eq!(Some(&folded), whole.intent(id), "an intent is not what its own records say");
    }
}

/// Gives the same inputs to a machine that puts away at once what has ended, and calls back what an input may be about.
fn check_machine(run: &Run<'_>, seen: &mut Seen) {
    let (mut lean, mut kept) = (Core::default(), Kept::default());
    let (mut records, mut inputs) = (run.records().iter(), 0);
    for (now, input, answer) in &run.script {
        let key = match input {
            Input::Command(command) => command.key(),
            Input::Tick => None,
        };
        let mut called_back = false;
        if let Some(key) = key.filter(|key| !lean.state().holds(key))
            && let Some(ended) = lean.state().node().and_then(|node| kept.ended(node, &key))
        {
            called_back = lean.recall(&key, &ended);
            assert!(called_back);
        }
        let mut effects = Effects::default();
        inputs += 1;
        lean.handle(*now, CausationId(inputs), input.clone(), &mut effects).expect("it decides");
        assert_eq!(&effects.answer, answer, "{input:?}: answered otherwise because it was put away");
        for record in &effects.records {
            let lived = records.next().expect("the same records");
            assert_eq!(record, lived, "{input:?}: another history because it was put away");
            kept.record(lived);
        }
        if called_back && matches!(input, Input::Command(Command::Withdraw(_))) {
            match &effects.answer {
                Some(Ok(again)) if again.repeated => seen.repeated += 1,
                Some(Err(_)) => seen.refused += 1,
                answer => panic!("{answer:?}: the same withdrawal would be paid twice"),
            }
        }
        invariant::check_all(lean.state()).expect("the invariants hold for what is left in memory");
        kept.put_away(&mut lean, seen);
    }
    assert_eq!(records.next(), None);
    assert_eq!(lean.state().digest(), run.world.core.state().digest());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_that_puts_away_what_has_ended_goes_the_same_way(bytes in vec(any::<u8>(), 0..500)) {
        let begun = [BEGUN, bytes.as_slice(), &[255]].concat();
        let (run, mut seen) = (run(&begun), Seen::default());
        check(run.records(), &mut seen);
        check_machine(&run, &mut seen);
    }
}

#[test]
fn histories_put_things_away_and_call_them_back_so_that_the_property_above_means_something() {
    let (mut replayed, mut lived) = (Seen::default(), Seen::default());
    for seed in 0..40 {
        let bytes: Vec<_> = BEGUN.iter().copied().chain(noise(seed, 1_200)).chain([255]).collect();
        let run = run(&bytes);
        check(run.records(), &mut replayed);
        check_machine(&run, &mut lived);
    }
    assert!(replayed.away > 300 && replayed.back > 70, "{replayed:?}");
    assert!(replayed.withdrawals_away > 30 && replayed.withdrawals_back > 12, "{replayed:?}");
    assert!(lived.withdrawals_away > 70 && lived.repeated > 7 && lived.refused > 10, "{lived:?}");
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

#[test]
fn a_withdrawal_is_not_folded_from_records_that_are_not_all_its_own_and_in_order() {
    let mut world = World::funded();
    let order = |key| withdrawal_of(100, key, 200_000, "a bank");
    for key in ["one", "other"] {
        let id = order(key).transaction();
        world.must(withdraw(100, order(key)));
        world.must(report_withdrawal(id, 1, SettlementOutcome::Sent));
        world.must(report_withdrawal(id, 1, SettlementOutcome::FailedRetryable { reason: "busy".into() }));
        world.must(report_withdrawal(id, 2, SettlementOutcome::Settled));
        world.refused(report_withdrawal(id, 2, no_funds()));
    }
    let node = world.core.state().node().expect("the log has begun");
    let of = |key| {
        let key = Key::Withdrawal(order(key).transaction());
        world.records.iter().filter(move |record| Key::of(record) == Some(key)).collect::<Vec<_>>()
    };
    let (own, other) = (of("one"), of("other"));
    let known = world.core.state().withdrawal(&order("one").transaction());
    assert_eq!(fold_withdrawal(node, own.iter().copied()).ok().as_ref(), known);
    assert_eq!(own.len(), 5);
    assert!(fold_withdrawal(NodeId([1; 32]), own.iter().copied()).is_err(), "of another node");
    assert!(fold_withdrawal(node, []).is_err(), "nothing");
    assert!(fold_withdrawal(node, own.iter().rev().copied()).is_err(), "the last one first");
    for at in 0..own.len() {
        let mut mixed = own.clone();
        mixed[at] = other[at];
        assert!(fold_withdrawal(node, mixed).is_err(), "record {at} is another withdrawal's");
        let twice = own.iter().take(at + 1).chain(own.iter().skip(at)).copied();
        assert!(fold_withdrawal(node, twice).is_err(), "record {at} twice");
    }
    // Without "sent", or without the last, it would still be one: that none is missing is what the links are for.
    for missing in [0, 2, 3] {
        let some = own.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, record)| *record);
        assert!(fold_withdrawal(node, some).is_err(), "without record {missing}");
    }
}

/// Lost if this fails: two nodes that know different things of who was paid show an auditor the same digest.
#[test]
fn whatever_is_said_of_a_withdrawal_from_its_end_on_enters_the_archive_once() {
    let ended = |contradicted: &str| {
        let mut world = World::funded();
        let mut counts = Vec::new();
        for key in ["one", "other"] {
            let order = withdrawal_of(100, key, 200_000, "a bank");
            let id = order.transaction();
            world.must(withdraw(100, order.clone()));
            world.must(report_withdrawal(id, 1, SettlementOutcome::Sent));
            counts.push(world.core.state().archive().count());
            world.must(report_withdrawal(id, 1, SettlementOutcome::Settled));
            world.must(withdraw(100, order));
            counts.push(world.core.state().archive().count());
        }
        let id = withdrawal_of(100, contradicted, 200_000, "a bank").transaction();
        world.refused(report_withdrawal(id, 1, no_funds()));
        counts.push(world.core.state().archive().count());
        (counts, world.core.state().digest())
    };
    let ((counts, one), (_, other)) = (ended("one"), ended("other"));
    // The deposit that funds it is the first.
    assert_eq!(counts, [1, 2, 2, 3, 4]);
    assert_ne!(one, other, "the digest does not say which one the rail contradicts itself about");
}
