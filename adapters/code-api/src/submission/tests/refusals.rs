//! What breaks a rule of the payment is refused with that rule.

use super::*;

fn check(change: impl FnOnce(&mut SubmitActions), want: &str) {
    let mut actions = draft();
    change(&mut actions);
    let got = said(outcome(&actions).expect_err(want));
    assert!(got.starts_with(want), "expected {want:?}, got {got:?}");
}

#[test]
fn a_payment_that_is_off_by_anything_is_refused_with_the_rule_it_breaks() {
    let vault = Locked::of(owner().public_key(), NODE).vault();
    let source = format!("INVALID_INTENT source must be the owner's primary account {vault}");
    check(|a| metadata(a).source = key(3), &source);
    check(|a| metadata(a).destination = key(3), "INVALID_INTENT payment has a request to destination ");
    check(|a| exchange(a).currency = "eur".into(), "INVALID_INTENT payment has a request for usd currency");
    check(
        |a| exchange(a).native_amount = 0.2502,
        "INVALID_INTENT payment has a request for 0.25 native amount",
    );
    check(
        |a| exchange(a).native_amount = 0.26,
        "INVALID_INTENT payment has a request for 0.25 native amount",
    );
    check(|a| exchange(a).exchange_rate = f64::INFINITY, "STALE_STATE fiat exchange rate is stale");
    let mismatch = "INVALID_INTENT payment native amount and quark value mismatch";
    // Off by more than the protocol lets an app round, with actions that add up.
    let off_by = |off: u64| {
        move |actions: &mut SubmitActions| {
            exchange(actions).quarks += off;
            let total = u128::from(exchange(actions).quarks);
            let mut rest = exchange(actions).quarks - fee(actions, 0).amount;
            for (index, points) in [(1, 125), (2, 3)] {
                fee(actions, index).amount = u64::try_from(total * points / 10_000).expect("a share");
                rest -= fee(actions, index).amount;
            }
            last(actions).amount = rest;
        }
    };
    check(off_by(100_101), mismatch);
    let mut rounded = draft();
    off_by(100_100)(&mut rounded);
    assert!(outcome(&rounded).is_ok(), "an app that rounds to whole kin cannot pay");
    check(|a| exchange(a).exchange_rate = 0.000_021, mismatch);

    check(|a| fee(a, 1).authority = key(3), "INVALID_INTENT actions[1]: authority must be the owner ");
    check(
        |a| last(a).source = key(3),
        "INVALID_INTENT actions[3]: source must be the owner's primary account ",
    );
    check(|a| fee(a, 1).amount -= 1, "INVALID_INTENT actions[1]: amount must be 15625000 quarks");
    check(|a| fee(a, 2).amount += 1, "INVALID_INTENT actions[2]: amount must be 375000 quarks");
    check(|a| last(a).amount += 1, "INVALID_INTENT actions[3]: amount must be 1184000000 quarks");
    check(|a| last(a).amount -= 1, "INVALID_INTENT actions[3]: amount must be 1184000000 quarks");
    check(|a| fee(a, 0).amount = 1_250_000_000, "INVALID_INTENT payment amount doesn't exceed its fees");
    check(
        |a| fee(a, 0).destination = key(3),
        "INVALID_INTENT actions[0]: a code fee payment has no destination",
    );
    check(|a| fee(a, 1).destination = None, "INVALID_INTENT actions[1]: destination must be ");
    check(|a| fee(a, 1).destination = key(11), "INVALID_INTENT actions[1]: destination must be ");
    check(|a| last(a).destination = key(3), "INVALID_INTENT actions[3]: destination must be ");
    let third = "INVALID_INTENT actions[0]: expected a fee payment of type CODE, got a fee payment of type THIRD_PARTY";
    check(|a| fee(a, 0).r#type = 1, third);
}

#[test]
fn actions_too_many_too_few_or_in_another_order_are_refused() {
    let edit = |change: fn(&mut Vec<transaction::Action>)| {
        move |actions: &mut SubmitActions| {
            change(&mut actions.actions);
            renumber(actions);
        }
    };
    check(edit(|a| a.truncate(3)), "INVALID_INTENT expected 1 no privacy transfer action, got 0");
    check(edit(|a| drop(a.drain(..3))), "INVALID_INTENT intent requires a fee payment");
    check(edit(|a| drop(a.remove(1))), "INVALID_INTENT expected 3 fee payment action");
    check(edit(|a| a.insert(1, a[1].clone())), "INVALID_INTENT expected 3 fee payment action");
    check(edit(|a| a.push(a[3].clone())), "INVALID_INTENT expected 1 no privacy transfer action, got 2");
    check(edit(|a| a.swap(1, 2)), "INVALID_INTENT actions[1]: destination must be ");
    check(
        edit(|a| a.swap(2, 3)),
        "INVALID_INTENT actions[2]: expected a fee payment of type THIRD_PARTY, got a no privacy transfer",
    );
    let withdraw = transaction::NoPrivacyWithdrawAction {
        authority: key(1),
        source: key(2),
        destination: key(3),
        amount: 1,
        should_close: true,
    };
    check(
        |a| a.actions[3].r#type = Some(Act::NoPrivacyWithdraw(withdraw)),
        "INVALID_INTENT actions[3]: no_privacy_withdraw is no part of a public payment",
    );
    check(|a| a.actions[2].id = 3, "[invalid_argument] actions[2].id: expected 2, got 3");
    check(
        |a| a.actions.clear(),
        "[invalid_argument] invalid SubmitIntentRequest_SubmitActions.Actions: value must contain between 1",
    );
    check(
        |a| a.actions[0].r#type = None,
        "[invalid_argument] invalid SubmitIntentRequest_SubmitActions.Actions[0]: embedded message failed validation",
    );
    check(|a| last(a).amount = 0, "[invalid_argument] ");
    check(|a| metadata(a).is_withdrawal = false, "[invalid_argument] ");
    check(|a| a.metadata = None, "[invalid_argument] ");
    check(
        |a| {
            let kind = transaction::SendPrivatePaymentMetadata {
                destination: key(9),
                exchange_data: metadata(a).exchange_data.clone(),
                ..Default::default()
            };
            a.metadata.as_mut().expect("metadata").r#type = Some(Type::SendPrivatePayment(kind));
        },
        "[unimplemented] metadata.send_private_payment is not available on this node",
    );
}
