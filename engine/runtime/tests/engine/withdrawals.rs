//! Withdrawals that are final leave memory, and still nobody is paid twice.

use std::sync::Arc;

use quittance_core::command::SettlementOutcome;
use quittance_core::ids::Position;
use quittance_core::machine::Accepted;
use quittance_core::money::Quarks;
use quittance_core::policy::{Limits, Policy};
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Key, ScheduledWithdrawal, State};
use quittance_core::withdrawal::Withdrawal;
use quittance_runtime::log::MemoryLog;
use quittance_runtime::table::{MemoryTable, Table};
use quittance_runtime::{Engine, Error, Failure, Handle, Options};

use crate::archive::{eager, start};
use crate::support::{
    deposit, digest, eventually, noon, options, payer, report_withdrawal, withdraw, withdrawal,
};

const DEPOSITED: u64 = 3_000_000;

/// What became of one: whether its quarks left, and the position its order got.
struct Done {
    order: Withdrawal,
    left: bool,
    scheduled: Position,
}

fn known(handle: &Handle, order: &Withdrawal) -> Option<ScheduledWithdrawal> {
    let id = order.transaction();
    let look = move |state: &State| state.withdrawal(&id).cloned();
    handle.query_about_blocking(Key::Withdrawal(id), look).unwrap()
}

/// One that settles at its second attempt, one that fails, and one that the rail has only heard of.
fn history(handle: &Handle) -> (Vec<Done>, Withdrawal) {
    for key in 1..=3 {
        handle.execute_blocking(deposit(key)).unwrap();
    }
    let order = |key, quarks| {
        let order = withdrawal(key, quarks);
        let Accepted { position, repeated, .. } = handle.execute_blocking(withdraw(&order)).unwrap();
        assert!(!repeated);
        (order, position)
    };
    let say = |order: &Withdrawal, attempt, said| {
        handle.execute_blocking(report_withdrawal(order, attempt, said)).unwrap();
    };
    let busy = || SettlementOutcome::FailedRetryable { reason: "busy".into() };
    let ((paid, at), (failed, failed_at), (open, _)) =
        (order("paid", 300_000), order("failed", 200_000), order("open", 150_000));
    say(&paid, 1, SettlementOutcome::Sent);
    say(&open, 1, SettlementOutcome::Sent);
    say(&paid, 1, busy());
    say(&failed, 1, SettlementOutcome::Failed { reason: "no such bank".into() });
    say(&paid, 2, SettlementOutcome::Settled);
    let paid = Done { order: paid, left: true, scheduled: at };
    (vec![paid, Done { order: failed, left: false, scheduled: failed_at }], open)
}

fn in_memory(handle: &Handle) -> (usize, usize) {
    handle.query_blocking(|state| (state.withdrawals().count(), state.open_withdrawals().count())).unwrap()
}

fn left(handle: &Handle) -> u128 {
    handle.query_blocking(|state| state.ledger().withdrawn()).unwrap()
}

/// Waits until only what is open is in memory. Any record gives the next checkpoint an occasion.
fn put_away(handle: &Handle) {
    let gone = || {
        handle.execute_blocking(deposit(handle.durable().0 + 1_000)).unwrap();
        in_memory(handle) == (1, 1)
    };
    eventually("what is final leaves memory", gone);
}

/// Whoever asks again is answered as ever, and gets nothing more.
fn answers(handle: &Handle, done: &[Done], live: &[Option<ScheduledWithdrawal>]) {
    let before = (handle.durable(), left(handle));
    for (done, live) in done.iter().zip(live) {
        let Done { order, scheduled, .. } = done;
        assert_eq!(known(handle, order), *live, "it came back changed");
        let again = handle.execute_blocking(withdraw(order)).unwrap();
        assert_eq!((again.position, again.repeated), (*scheduled, true), "{order:?} would be paid twice");
        for (field, other) in [
            ("quarks", Withdrawal { quarks: Quarks::new(order.quarks.get() + 1), ..order.clone() }),
            ("to", Withdrawal { to: "another bank".into(), ..order.clone() }),
        ] {
            let Err(Error::Rejected(refused)) = handle.execute_blocking(withdraw(&other)) else {
                panic!("{other:?} was taken beside {order:?}")
            };
            assert_eq!((refused.code, &*refused.field), (RejectionCode::WithdrawalMismatch, field));
        }
        // The rail says again what it said.
        let attempt = u16::try_from(live.as_ref().unwrap().progress.attempts().len()).unwrap();
        let said = match done.left {
            true => SettlementOutcome::Settled,
            false => SettlementOutcome::Failed { reason: String::new() },
        };
        let again = handle.execute_blocking(report_withdrawal(order, attempt, said)).unwrap();
        assert_eq!(again.position, live.as_ref().unwrap().last_position());
        assert!(again.repeated);
    }
    assert_eq!((handle.durable(), left(handle)), before, "something happened twice");
    assert_eq!(known(handle, &withdrawal("never", 300_000)), None);
}

#[test]
fn a_withdrawal_that_was_put_away_pays_once_however_often_and_whenever_it_is_asked_for() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, eager(&table));
    let handle = engine.handle();
    let (done, open) = history(&handle);
    let live: Vec<_> = done.iter().map(|done| known(&handle, &done.order)).collect();
    put_away(&handle);
    answers(&handle, &done, &live);
    assert_eq!(in_memory(&handle), (1, 1), "what was only looked at stays");

    // A rail that contradicts itself afterwards is on record, and what is old is not what comes back then.
    let failed = &done[1].order;
    let contradiction = report_withdrawal(failed, 1, SettlementOutcome::Settled);
    let Err(Error::Rejected(refused)) = handle.execute_blocking(contradiction) else {
        panic!("what failed was paid after all")
    };
    assert_eq!(refused.code, RejectionCode::SettlementContradicts);
    put_away(&handle);
    let live: Vec<_> = done.iter().map(|done| known(&handle, &done.order)).collect();
    assert_eq!(live[1].as_ref().map(|known| known.progress.contradictions()), Some(1));
    answers(&handle, &done, &live);
    let was = handle.query_blocking(State::digest).unwrap();
    assert_eq!(was, digest(&log), "an auditor's digest differs");
    engine.shutdown().unwrap();

    // From the snapshot, from nothing, and without a table at all.
    for options in [eager(&table), Options { rebuild: true, ..eager(&table) }, options(&noon())] {
        let away = options.table.is_some();
        let engine = start(&log, options);
        let handle = engine.handle();
        assert_eq!(handle.query_blocking(State::digest), Ok(was), "a restart led elsewhere");
        assert!(!away || in_memory(&handle) == (1, 1), "a restart brings back what is final");
        answers(&handle, &done, &live);
        engine.shutdown().unwrap();
    }

    // What was open through all of this ends as it should.
    let engine = start(&log, eager(&table));
    let handle = engine.handle();
    assert_eq!(left(&handle), 300_000);
    handle.execute_blocking(report_withdrawal(&open, 1, SettlementOutcome::Settled)).unwrap();
    assert!(handle.execute_blocking(withdraw(&open)).unwrap().repeated);
    assert_eq!(left(&handle), 450_000);
    let account = handle.query_blocking(|state| state.ledger().account(&payer(100))).unwrap();
    assert_eq!(account.reserved, Quarks::ZERO);
    engine.shutdown().unwrap();
}

/// Lost if this fails: a bad disk pays somebody twice.
#[test]
fn a_damaged_archive_never_lets_a_withdrawal_be_paid_again() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let engine = start(&log, eager(&table));
    let (done, _) = history(&engine.handle());
    put_away(&engine.handle());
    engine.shutdown().unwrap();
    let expected = digest(&log);
    let all = table.scan(b"", usize::MAX).unwrap();
    assert!(all.iter().any(|entry| entry.key == b"snapshot"), "there is a snapshot to damage");
    let mut refused = 0;
    for entry in &all {
        let mut changed = |change: &dyn Fn(&dyn Table)| {
            let copy: Arc<dyn Table> = Arc::new(MemoryTable::new());
            all.iter().for_each(|entry| copy.put(&entry.key, &entry.value).unwrap());
            change(&*copy);
            let engine = Engine::start(Box::new(log.clone()), eager(&copy)).expect("the log has everything");
            let handle = engine.handle();
            assert_eq!(handle.query_blocking(State::digest), Ok(expected), "{:?}", entry.key);
            match handle.execute_blocking(withdraw(&done[0].order)) {
                Ok(again) => {
                    assert_eq!((again.position, again.repeated), (done[0].scheduled, true), "paid twice");
                }
                Err(Error::Failed(Failure::Recall(_))) => refused += 1,
                answer => panic!("{answer:?}: {:?}", entry.key),
            }
        };
        changed(&|table| table.delete(&entry.key).unwrap());
        for at in [0, entry.value.len() / 2, entry.value.len().saturating_sub(1)] {
            let mut value = entry.value.clone();
            let Some(byte) = value.get_mut(at) else { continue };
            *byte ^= 4;
            changed(&|table| table.put(&entry.key, &value).unwrap());
        }
    }
    assert!(refused > 0, "no damage was met");
}

#[test]
fn many_withdraw_at_once_and_again_while_everything_is_put_away_under_them() {
    let (log, table): (_, Arc<dyn Table>) = (MemoryLog::new(), Arc::new(MemoryTable::new()));
    let options = eager(&table);
    let policy = Policy { withdrawal_limits: Limits::default(), ..options.policy.clone() };
    let engine = start(&log, Options { verify_workers: 3, policy, ..options });
    let handle = engine.handle();
    for key in 1..=3 {
        handle.execute_blocking(deposit(key)).unwrap();
    }
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let handle = handle.clone();
            scope.spawn(move || {
                for number in 0..8 {
                    let order = |number: u64| withdrawal(&format!("{thread} {number}"), 100_000 + number);
                    handle.execute_blocking(withdraw(&order(number))).unwrap();
                    let settled = report_withdrawal(&order(number), 1, SettlementOutcome::Settled);
                    handle.execute_blocking(settled).unwrap();
                    for known in 0..=number {
                        let again = handle.execute_blocking(withdraw(&order(known))).unwrap();
                        assert!(again.repeated, "{known} was paid twice");
                    }
                }
            });
        }
    });
    let account = handle.query_blocking(|state| state.ledger().account(&payer(100))).unwrap();
    assert_eq!(account.balance.get(), DEPOSITED - 3 * (8 * 100_000 + 28));
    let live = handle.query_blocking(State::digest).unwrap();
    engine.shutdown().unwrap();
    assert_eq!(live, digest(&log));
    let engine = start(&log, eager(&table));
    assert_eq!(engine.handle().query_blocking(State::digest), Ok(live));
}
