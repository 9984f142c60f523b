//! Strangers get intents for nothing, and no more of them than the operator wants to pay for.

use std::num::NonZeroU32;
use std::time::Duration;

use quittance_core::command::Request;
use quittance_core::ids::AccountId;
use quittance_core::state::State;
use quittance_runtime::log::MemoryLog;
use quittance_runtime::{Admission, Clock as _, Engine, Error, Handle, ManualClock};

use crate::support::{
    cancel, create, create_for, create_padded, create_until, deposit, intent, is_overloaded, noon, options,
    quoted, settled, submit,
};

fn limited(admission: Admission) -> (Engine, Handle, ManualClock) {
    let clock = noon();
    let engine = Engine::start(
        Box::new(MemoryLog::new()),
        quittance_runtime::Options { admission, ..options(&clock) },
    )
    .unwrap();
    let handle = engine.handle();
    (engine, handle, clock)
}

/// How many of these requests are let in; what is not is refused as overload that passes.
fn admitted(handle: &Handle, requests: impl IntoIterator<Item = Request>) -> usize {
    let before = handle.query_blocking(State::digest).unwrap();
    let answers: Vec<_> = requests.into_iter().map(|request| handle.execute_blocking(request)).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
    assert!(refused.iter().all(|answer| is_overloaded(answer)), "{refused:?}");
    if refused.len() == answers.len() {
        assert_eq!(handle.query_blocking(State::digest).unwrap(), before, "a refusal left a trace");
    }
    answers.len() - refused.len()
}

#[test]
fn the_log_is_filled_from_outside_no_faster_than_the_operator_says() {
    let (_engine, handle, clock) =
        limited(Admission { new_per_second: NonZeroU32::new(4), ..Admission::default() });
    assert_eq!(admitted(&handle, (1..=20).map(create)), 4, "a second's worth at once");
    assert_eq!(admitted(&handle, (10..=20).map(create)), 0);
    // What was let in is answered again, and what others do with it is not counted.
    assert_eq!(admitted(&handle, (1..=4).map(create)), 4);
    assert_eq!(admitted(&handle, (1..=4).map(cancel)), 4);
    assert_eq!(admitted(&handle, (1..=9).map(deposit)), 9, "the operator is no stranger");
    clock.advance(Duration::from_millis(250));
    assert_eq!(admitted(&handle, (5..=20).map(create)), 1, "one each quarter of a second");
    clock.advance(Duration::from_secs(3_000));
    assert_eq!(admitted(&handle, (6..=20).map(create)), 4, "time that nobody used is not saved up");
}

/// Lost if this fails: whoever pads what it signs fills disk and memory several times as fast as the operator says.
#[test]
fn what_is_padded_counts_for_as_much_as_it_takes() {
    let (_engine, handle, clock) =
        limited(Admission { new_per_second: NonZeroU32::new(4), ..Admission::default() });
    // A metadata of 2 KiB: three units, so that the second one finds the rate used up for half a second.
    assert_eq!(admitted(&handle, (1..=9).map(create_padded)), 2);
    clock.advance(Duration::from_millis(500));
    assert_eq!(admitted(&handle, (10..=19).map(create)), 0);
    clock.advance(Duration::from_millis(250));
    assert_eq!(admitted(&handle, (10..=19).map(create)), 1);
}

#[test]
fn one_destination_in_demand_leaves_the_others_their_share() {
    let (_engine, handle, clock) =
        limited(Admission { per_destination_per_minute: NonZeroU32::new(6), ..Admission::default() });
    let busy = AccountId([0x71; 32]);
    assert_eq!(admitted(&handle, (1..=9).map(|seed| create_for(seed, busy))), 4, "half a minute's worth");
    assert_eq!(admitted(&handle, (20..=22).map(create)), 3, "another destination");
    clock.advance(Duration::from_secs(10));
    assert_eq!(admitted(&handle, (5..=9).map(|seed| create_for(seed, busy))), 1);
}

#[test]
fn so_many_intents_are_open_and_no_more_so_that_memory_has_an_end() {
    let (_engine, handle, clock) = limited(Admission { max_open: Some(3), ..Admission::default() });
    assert_eq!(admitted(&handle, (1..=9).map(create)), 3);
    let refused = handle.execute_blocking(create(9)).unwrap_err();
    let Error::Rejected(refused) = refused else { panic!("{refused}") };
    assert_eq!((refused.field.as_str(), refused.expected.as_str()), ("intents", "fewer than 3 open intents"));
    handle.execute_blocking(cancel(1)).unwrap();
    assert_eq!(admitted(&handle, [create(4), create(5)]), 1, "one has ended, one may begin");
    clock.advance(Duration::from_secs(3_601));
    assert_eq!(admitted(&handle, (5..=9).map(create)), 3, "the others expired");
}

/// Lost if this fails: whoever names a server that nobody runs keeps all shops from asking for payments, for a day.
#[test]
fn who_only_waits_for_a_webhook_keeps_nobody_out_until_nobody_gives_any_up() {
    let limits = Admission { max_open: Some(3), max_undelivered: Some(1), ..Admission::default() };
    let (_engine, handle, _) = limited(limits);
    let told = |seed| {
        handle.execute_blocking(create(seed)).unwrap();
        let url = "https://dead.example/".into();
        handle.execute_blocking(Request::RegisterWebhook { intent: intent(seed), url }).unwrap();
        let payment = quoted(&handle, seed);
        handle.execute_blocking(submit(100, &payment)).unwrap();
        handle.execute_blocking(settled(seed, &payment)).unwrap();
    };
    (1..=2).for_each(|number| drop(handle.execute_blocking(deposit(number)).unwrap()));
    (1..=2).for_each(told);
    assert_eq!(handle.query_blocking(|state| (state.open(), state.undelivered())).unwrap(), (2, 2));
    told(3);
    let refused = handle.execute_blocking(create(9)).unwrap_err();
    let Error::Rejected(refused) = refused else { panic!("{refused}") };
    assert_eq!(
        (refused.field.as_str(), refused.expected.as_str(), refused.got.as_str()),
        ("webhooks", "at most 2 intents whose webhook is still to be called", "3"),
    );
    let reason = String::new();
    let give_up = Request::GiveUpDelivery { intent: intent(1), ordered: None, reason };
    handle.execute_blocking(give_up).unwrap();
    assert_eq!(admitted(&handle, (10..=19).map(create)), 3, "as many as may be open");
}

#[test]
fn long_deadlines_do_not_keep_the_others_out() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let (_engine, handle, clock) = limited(Admission { max_open: Some(80), ..Admission::default() });
    // With a share of ten, one of a month takes three days of it.
    let month = |seed| create_until(seed, clock.now().saturating_add(720 * HOUR));
    assert_eq!(admitted(&handle, (1..=9).map(month)), 1);
    let refused = handle.execute_blocking(month(9)).unwrap_err();
    let Error::Rejected(refused) = refused else { panic!("{refused}") };
    assert_eq!(
        (refused.field.as_str(), refused.expected.as_str(), refused.got.as_str()),
        ("expires_at", "a deadline within 3600 s: too many ask for longer", "2592000 s"),
    );
    let usual = |seed| create_until(seed, clock.now().saturating_add(HOUR));
    assert_eq!(admitted(&handle, (21..=30).map(usual)), 10, "for these there is room");
    assert_eq!(admitted(&handle, (31..=40).map(create)), 10);
    clock.advance(70 * HOUR);
    assert_eq!(admitted(&handle, (2..=9).map(month)), 0);
    clock.advance(HOUR);
    assert_eq!(admitted(&handle, (2..=9).map(month)), 1, "three days later another");
}
