//! A payer's signed payment against the rules.

use alloc::vec;
use alloc::vec::Vec;

use super::limits::{Movement, within};
use super::{Decision, Verdict, as_seen, known};
use crate::command::Submit;
use crate::currency::Currency;
use crate::event::{Event, PaymentForm, SignatureRule, Transaction};
use crate::ids::{AccountId, Timestamp};
use crate::money::{BASIS_POINTS, BasisPoints, Quarks};
use crate::payment::{Payment, Transfer, transaction_id};
use crate::policy::Policy;
use crate::quote::{Prices, exceeds_limit, open, pays_itself, split};
use crate::rejection::{Rejection, RejectionCode};
use crate::state::{Intent, RateTable, Side, State, Status};
use crate::terms::Terms;

pub(super) fn submit(state: &State, submit: &Submit, now: Timestamp) -> Result<Decision, Rejection> {
    let id = submit.payment.intent;
    let intent = known(state, id)?;
    if let Some(submission) = intent.submission()
        && submission.payment == submit.payment
    {
        let carried_out = intent.settlement().map_or(submission.position, |settlement| settlement.scheduled);
        return Ok(Decision::repeated(Some(id), carried_out));
    }
    as_seen(intent, submit.expected)?;
    // What a payer signed is a fact, and on record whether it passes or not, as long as the intent's refusals last.
    let (payment, form, signature) = (submit.payment.clone(), submit.form.clone(), submit.signature);
    let rule = SignatureRule::Ed25519VerifyStrict;
    if let Err(rejection) = open(intent, now) {
        let mut events = Vec::new();
        if intent.refusals < state.policy().max_refusals {
            if intent.status() == Status::Created {
                // Only a tick that is still to come would say so; the late payment must not stand in front of it.
                events.push(Event::IntentExpired);
            }
            let rejection = rejection.clone();
            events.push(Event::LateSubmissionRefused {
                payment: payment.into(),
                form,
                signature,
                rule,
                rejection: rejection.into(),
            });
        }
        return Ok(Decision { intent: Some(id), events, verdict: Verdict::Refused(rejection) });
    }
    let submitted = Event::IntentSubmitted { payment: payment.into(), form, signature, rule };
    match rules(state, intent, submit, now) {
        Ok(reserved) => {
            // After this point it succeeds.
            let transactions = transactions(&submit.payment);
            let events =
                vec![submitted, Event::IntentVerified { reserved }, Event::IntentScheduled { transactions }];
            Ok(Decision::new(Some(id), events))
        }
        Err(rejection) => {
            let hopeless = rejection.code == RejectionCode::AmountExceedsLimit
                && intent.terms().and_then(|terms| least(state, terms, now))
                    > Some(state.policy().max_payment);
            let events = refused(state.policy(), intent, submitted, &rejection, hopeless);
            Ok(Decision { intent: Some(id), events, verdict: Verdict::Refused(rejection) })
        }
    }
}

/// What the payment takes from the payer, or the first rule it breaks.
fn rules(state: &State, intent: &Intent, submit: &Submit, now: Timestamp) -> Result<Quarks, Rejection> {
    let payment = &submit.payment;
    let Some(terms) = intent.terms() else {
        let expected = "an intent that asks for a payment";
        return Err(Rejection::new(RejectionCode::PaymentNotRequested, "intent", expected, payment.intent));
    };
    if state.node() != Some(payment.node) {
        let expected = state.node().map(|node| alloc::format!("{node}")).unwrap_or_default();
        return Err(Rejection::new(RejectionCode::NodeMismatch, "payload.node", expected, payment.node));
    }
    same_terms(terms, payment)?;
    validity(state.policy(), payment, now)?;
    let total = transfers(state, terms, submit, now)?;
    if payment.transfers.iter().any(|transfer| transfer.destination == payment.payer) {
        return Err(pays_itself(payment.payer));
    }
    let limit = state.policy().max_payment;
    if total > limit {
        return Err(exceeds_limit(limit, total));
    }
    let available = state.ledger().account(&payment.payer).available();
    if available < total {
        let code = RejectionCode::FundsInsufficient;
        return Err(Rejection::new(code, "payer", ("available funds of at least", total), available));
    }
    within_limits(state, terms.destination, payment, total, now)?;
    Ok(total)
}

/// What the payer has paid and the destination was paid lately leaves room for this payment.
fn within_limits(
    state: &State,
    merchant: AccountId,
    payment: &Payment,
    total: Quarks,
    now: Timestamp,
) -> Result<(), Rejection> {
    use RejectionCode::{
        MerchantDailyAmountExceeded, MerchantPaymentsTooFrequent, PayerDailyAmountExceeded,
        PayerPaymentsTooFrequent,
    };
    let policy = state.policy();
    let paid = Movement { side: Side::Payer, account: payment.payer, quarks: total };
    let codes = (PayerDailyAmountExceeded, PayerPaymentsTooFrequent);
    within(state, policy.payer_limits, &paid, "payer", codes, now)?;
    let received = Movement { side: Side::Merchant, account: merchant, quarks: payment.received() };
    let codes = (MerchantDailyAmountExceeded, MerchantPaymentsTooFrequent);
    within(state, policy.merchant_limits, &received, "destination", codes, now)
}

fn same_terms(terms: &Terms, payment: &Payment) -> Result<(), Rejection> {
    let code = RejectionCode::PaymentTermsMismatch;
    if payment.currency != terms.currency {
        let expected = alloc::format!("{}", terms.currency);
        return Err(Rejection::new(code, "payload.currency", expected, payment.currency));
    }
    if payment.amount != terms.amount {
        let expected = alloc::format!("{}", terms.amount);
        return Err(Rejection::new(code, "payload.amount", expected, payment.amount));
    }
    Ok(())
}

fn validity(policy: &Policy, payment: &Payment, now: Timestamp) -> Result<(), Rejection> {
    let field = "payload.valid_until";
    if payment.valid_until < now {
        let expected = ("no earlier than", now.0);
        return Err(Rejection::new(RejectionCode::QuoteExpired, field, expected, payment.valid_until.0));
    }
    let latest = now.saturating_add(policy.quote_lifetime);
    if payment.valid_until > latest {
        let code = RejectionCode::QuoteValidityTooLong;
        return Err(Rejection::new(code, field, ("no later than", latest.0), payment.valid_until.0));
    }
    Ok(())
}

/// The transfers have to be those of a rate table that counts now. All prices come from one table: a payer cannot pick the
/// best of two moments.
fn transfers(state: &State, terms: &Terms, submit: &Submit, now: Timestamp) -> Result<Quarks, Rejection> {
    let (policy, payment) = (state.policy(), &submit.payment);
    let mut refusal = None;
    let mut consider = |table: Option<&RateTable>| {
        let outcome = Prices::from_table(table, terms, policy, Some(payment.rate)).and_then(|prices| {
            let prices = match submit.form {
                PaymentForm::Native => prices,
                PaymentForm::CodeSubmitActions(_) => prices.as_stated(payment),
            };
            let expected = split(terms, &prices, policy.fee_account)?;
            same_transfers(&expected, &payment.transfers)?;
            Ok(prices.total)
        });
        match outcome {
            Ok(total) => Some(total),
            // The refusal that got furthest says most.
            Err(rejection) => {
                let further = refusal.as_ref().is_none_or(|r: &Rejection| r.code < rejection.code);
                if further {
                    refusal = Some(rejection);
                }
                None
            }
        }
    };
    let mut tables = state.rates().in_window(now, policy.rate_window).peekable();
    let total =
        if tables.peek().is_none() { consider(None) } else { tables.find_map(|table| consider(Some(table))) };
    total.ok_or_else(|| {
        let none = || Rejection::new(RejectionCode::RateNotKnown, "payload.rate", "a published rate", "");
        refusal.unwrap_or_else(none)
    })
}

fn same_transfers(expected: &[Transfer], got: &[Transfer]) -> Result<(), Rejection> {
    let code = RejectionCode::TransfersMismatch;
    let text = |transfer: &Transfer| {
        let Transfer { purpose, destination, quarks } = transfer;
        alloc::format!("{} of {quarks} to {destination}", purpose.name())
    };
    for (i, pair) in expected.iter().zip(got).enumerate() {
        if pair.0 != pair.1 {
            let field = alloc::format!("payload.transfers[{i}]");
            return Err(Rejection::new(code, field, text(pair.0), text(pair.1)));
        }
    }
    if expected.len() != got.len() {
        let expected = alloc::format!("{} transfers", expected.len());
        return Err(Rejection::new(code, "payload.transfers", expected, got.len()));
    }
    Ok(())
}

/// One transaction with every transfer: the payment happens whole or not at all.
fn transactions(payment: &Payment) -> Vec<Transaction> {
    let transfers = u8::try_from(payment.transfers.len()).unwrap_or(u8::MAX);
    vec![Transaction { id: transaction_id(&payment.to_bytes(), 0), first_transfer: 0, transfers }]
}

/// The least that the terms are worth under any rate that counts now.
fn least(state: &State, terms: &Terms, now: Timestamp) -> Option<Quarks> {
    let policy = state.policy();
    let tables = state.rates().in_window(now, policy.rate_window).map(Some);
    let totals = tables.chain([None]).map(|table| Prices::from_table(table, terms, policy, None));
    let least = totals.filter_map(|prices| Some(prices.ok()?.total)).min()?;
    // A rate that is a part larger makes the price at most that part smaller.
    let tolerance = policy.rate_tolerance.filter(|_| terms.currency != Currency::KIN);
    match tolerance.and_then(|off| BasisPoints::new(u32::from(BASIS_POINTS - off.get()))) {
        None => Some(least),
        Some(rest) => Some(least.share(rest)),
    }
}

/// A refused submission: the intent is open again, or, where no payer can ever pass the rule, at its end.
fn refused(
    policy: &Policy,
    intent: &Intent,
    submitted: Event,
    rejection: &Rejection,
    hopeless: bool,
) -> Vec<Event> {
    let rejection = rejection.clone();
    if hopeless {
        vec![submitted, Event::IntentRejected { rejection: rejection.into() }]
    } else if intent.refusals < policy.max_refusals {
        vec![submitted, Event::SubmissionRefused { rejection: rejection.into() }]
    } else {
        Vec::new()
    }
}
