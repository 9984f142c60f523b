use std::time::Duration;

use data_encoding::BASE64;
use quittance_core::currency::Currency;
use quittance_core::event::{Authorization, Event, PaymentForm, Record, SignatureRule};
use quittance_core::ids::{AttemptNumber, Signature, TransactionId};
use quittance_core::money::{BasisPoints, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::{Limits, Policy};
use quittance_core::rejection::Rejection;
use quittance_core::webhook::{DeliveryOutcome, public_url};
use serde_json::{Value, json};

use super::intent::rule_name;
use super::{SignedBytes, Terms, Transfer, amount, time};

/// A record of the log, whole: everything a replay uses is in it.
#[must_use]
pub fn record(record: &Record) -> Value {
    let mut json = json!({
        "position": record.position.0,
        "type": record.event.name(),
        "recorded_at": time(record.recorded_at),
        "causation": format!("{:032x}", record.causation.0),
        "data": data(&record.event),
    });
    if let (Some(subject), Some(object)) = (record.subject, json.as_object_mut()) {
        object.insert("intent".into(), subject.intent.to_string().into());
        object.insert("revision".into(), subject.revision.0.into());
        object.insert("previous".into(), subject.previous.0.into());
    }
    json
}

/// The same for whoever knows an intent's id, which stands in every code that was ever shown: without what is for a site alone,
/// that is who logged in, and without what a webhook's address may hide.
#[must_use]
pub fn public_record(known: &Record) -> Value {
    let mut json = record(known);
    match &known.event {
        Event::LoggedIn { .. } => json["data"] = json!({}),
        Event::WebhookRegistered { url } => json["data"]["url"] = public_url(url).into(),
        Event::WebhookAttemptFailed { .. } => {
            if let Some(data) = json["data"].as_object_mut() {
                data.remove("error");
            }
        }
        _ => {}
    }
    json
}

fn data(event: &Event) -> Value {
    match event {
        Event::NodeInitialized { node, policy: p } => {
            json!({ "node": node.to_string(), "policy": policy(p) })
        }
        Event::PolicySet { policy: p } => json!({ "policy": policy(p) }),
        Event::RatesPublished { source, rates } => {
            let rates: serde_json::Map<_, _> =
                rates.iter().map(|(code, rate)| (code.to_string(), rate.to_string().into())).collect();
            json!({ "source": source, "rates": rates })
        }
        Event::FundsDeposited { key, account, quarks } => {
            json!({ "key": key.to_string(), "account": account.to_string(), "quarks": quarks.get() })
        }
        Event::IntentCreated { terms, authorization, expires_at } => json!({
            "terms": Terms::from(&**terms),
            "expires_at": time(*expires_at),
            "authorization": signed(authorization),
        }),
        Event::CodeScanned { authorization } => json!({ "authorization": signed(authorization) }),
        Event::IntentCanceled { by, authorization } => {
            json!({ "by": by.name(), "authorization": signed(authorization) })
        }
        Event::IntentExpired | Event::IntentConfirmed | Event::WebhookRedeliveryOrdered => json!({}),
        Event::IntentSubmitted { payment, form, signature, rule } => {
            submitted(payment, form, *signature, *rule)
        }
        Event::LateSubmissionRefused { payment, form, signature, rule, rejection } => {
            let mut json = submitted(payment, form, *signature, *rule);
            json["refused"] = refusal(rejection);
            json
        }
        Event::SubmissionRefused { rejection } | Event::IntentRejected { rejection } => refusal(rejection),
        Event::IntentVerified { reserved } => json!({ "reserved": reserved.get() }),
        Event::IntentScheduled { transactions } => {
            let transactions = transactions.iter().map(|transaction| {
                let transfers: Vec<_> = (0..transaction.transfers)
                    .map(|index| u16::from(transaction.first_transfer) + u16::from(index))
                    .collect();
                json!({ "id": transaction.id.to_string(), "transfers": transfers })
            });
            json!({ "transactions": transactions.collect::<Vec<_>>() })
        }
        Event::AttemptSent { transaction, attempt }
        | Event::TransactionSettled { transaction, attempt }
        | Event::RefundConfirmed { transaction, attempt }
        | Event::WithdrawalConfirmed { transaction, attempt } => of_attempt(*transaction, *attempt),
        Event::AttemptIndeterminate { transaction, attempt, reason }
        | Event::AttemptFailed { transaction, attempt, reason }
        | Event::TransactionFailed { transaction, attempt, reason } => {
            let mut json = of_attempt(*transaction, *attempt);
            json["reason"] = reason.as_str().into();
            json
        }
        Event::RefundFailed { transaction, attempt, reason, released }
        | Event::WithdrawalFailed { transaction, attempt, reason, released } => {
            let mut json = of_attempt(*transaction, *attempt);
            json["reason"] = reason.as_str().into();
            json["released"] = released.get().into();
            json
        }
        Event::SettlementContradicted { transaction, attempt, known, reported, reason } => {
            let mut json = of_attempt(*transaction, *attempt);
            json["known"] = known.name().into();
            json["reported"] = reported.name().into();
            json["reason"] = reason.as_str().into();
            json
        }
        Event::IntentFailed { released } => json!({ "released": released.get() }),
        Event::RefundScheduled { refund, signature, rule } => json!({
            "node": refund.node.to_string(),
            "merchant": refund.merchant.to_string(),
            "key": refund.key.to_string(),
            "quarks": refund.quarks.get(),
            "transaction": refund.transaction().to_string(),
            "signature": signature.to_string(),
            "rule": rule_name(*rule),
        }),
        Event::LoginRequested { login, authorization, expires_at } => json!({
            "login": { "domain": login.domain.as_str(), "verifier": login.verifier.to_string() },
            "expires_at": time(*expires_at),
            "authorization": signed(authorization),
        }),
        Event::LoggedIn { user, authorization } => {
            json!({ "user": user.to_string(), "authorization": signed(authorization) })
        }
        Event::RelationshipEstablished { owner, domain, authority, authorization, consent } => json!({
            "owner": owner.to_string(),
            "domain": domain.as_str(),
            "authority": authority.to_string(),
            "authorization": signed(authorization),
            "consent": signed(consent),
        }),
        Event::WebhookRegistered { url } => json!({ "url": url }),
        Event::WebhookDelivered { attempt, latency } => {
            json!({ "attempt": attempt, "status": 200, "latency_us": micros(*latency) })
        }
        Event::WebhookAttemptFailed { attempt, outcome, latency, next } => {
            let mut json = json!({ "attempt": attempt, "latency_us": micros(*latency) });
            match outcome {
                DeliveryOutcome::Answered { status } => json["status"] = (*status).into(),
                DeliveryOutcome::Unreachable { reason } => json["error"] = reason.as_str().into(),
            }
            if let Some(next) = next {
                json["next_attempt_at"] = time(*next).into();
            }
            json
        }
        Event::WithdrawalScheduled { withdrawal, signature, rule } => json!({
            "node": withdrawal.node.to_string(),
            "account": withdrawal.account.to_string(),
            "key": withdrawal.key.to_string(),
            "quarks": withdrawal.quarks.get(),
            "to": withdrawal.to,
            "transaction": withdrawal.transaction().to_string(),
            "signature": signature.to_string(),
            "rule": rule_name(*rule),
        }),
    }
}

fn submitted(payment: &Payment, form: &PaymentForm, signature: Signature, rule: SignatureRule) -> Value {
    let mut json = json!({
        "payer": payment.payer.to_string(),
        "currency": payment.currency.to_string(),
        "amount": amount(payment.currency, payment.amount),
        "rate": payment.rate.to_string(),
        "valid_until": time(payment.valid_until),
        "transfers": payment.transfers.iter().map(Transfer::from).collect::<Vec<_>>(),
        "payload": BASE64.encode(&payment.to_bytes()),
        "signature": signature.to_string(),
        "rule": rule_name(rule),
    });
    if let PaymentForm::CodeSubmitActions(signed) = form {
        json["form"] = "code_submit_actions".into();
        json["signed"] = BASE64.encode(signed).into();
    }
    json
}

fn of_attempt(transaction: TransactionId, attempt: AttemptNumber) -> Value {
    json!({ "transaction": transaction.to_string(), "attempt": attempt.0 })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn signed(authorization: &Authorization) -> SignedBytes {
    SignedBytes::from(authorization)
}

fn refusal(Rejection { code, field, expected, got }: &Rejection) -> Value {
    json!({ "code": code.name(), "number": code.number(), "field": field, "expected": expected, "got": got })
}

fn policy(policy: &Policy) -> Value {
    json!({
        "service_fee": policy.service_fee.map(|fee| amount(Currency::USD, fee)),
        "fee_account": policy.fee_account.to_string(),
        "fee_cap_basis_points": policy.fee_cap.get(),
        "intent_lifetime_us": policy.intent_lifetime.as_micros(),
        "max_intent_lifetime_us": policy.max_intent_lifetime.as_micros(),
        "quote_lifetime_us": policy.quote_lifetime.as_micros(),
        "rate_window_us": policy.rate_window.as_micros(),
        "rate_tolerance_basis_points": policy.rate_tolerance.map(BasisPoints::get),
        "max_payment_quarks": policy.max_payment.get(),
        "max_refusals": policy.max_refusals,
        "payer_limits": limits(policy.payer_limits),
        "merchant_limits": limits(policy.merchant_limits),
        "max_attempts": policy.max_attempts,
        "max_refunds": policy.max_refunds,
        "min_withdrawal_quarks": policy.min_withdrawal.get(),
        "withdrawal_limits": limits(policy.withdrawal_limits),
    })
}

fn limits(Limits { per_day, per_five_minutes }: Limits) -> Value {
    json!({ "quarks_per_day": per_day.map(Quarks::get), "times_per_5_min": per_five_minutes })
}
