//! What the API refuses, and in which words.

use std::sync::Arc;

use quittance_core::command::{Request, Unproven};
use quittance_core::ids::AccountId;
use quittance_core::money::Quarks;
use quittance_core::policy::Policy;
use quittance_core::verify::relationship_signing_bytes;
use quittance_http_api::Destinations;
use serde_json::{Value, json};

use crate::stage::{MERCHANT, PAYER, Stage, account, create, id, public, refund, sign, terms, withdrawal};

const ORDER: u8 = 10;

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_merchant_asks_wrongly_is_refused_with_the_field_at_fault() {
    let stage = Stage::with(|_| ()).await;
    let mut full = terms("usd", "0.25");
    full["fees"] = json!([{ "destination": account(4), "basis_points": 1 }]);
    full["expires_at"] = json!("2100-01-01T00:00:00Z");
    full["metadata"] = json!({ "order": "42" });
    let honest = create(ORDER, &full);
    let before = stage.engine.durable();
    for (what, pointer, value, expected) in [
        ("no id", "/id", json!("abc"), (400, "request_malformed", "id")),
        ("no signature", "/signature", json!("abc"), (400, "request_malformed", "signature")),
        ("another signature", "/signature", json!("1".repeat(64)), (401, "signature_invalid", "signature")),
        (
            "no destination",
            "/terms/destination",
            json!("me"),
            (400, "request_malformed", "terms.destination"),
        ),
        (
            "another destination",
            "/terms/destination",
            json!(account(9)),
            (401, "signature_invalid", "signature"),
        ),
        ("no currency", "/terms/currency", json!("USD"), (400, "request_malformed", "terms.currency")),
        ("a number", "/terms/amount", json!(0.25), (422, "request_malformed", "body")),
        ("nothing", "/terms/amount", json!("0.00"), (400, "request_malformed", "terms.amount")),
        ("a fraction", "/terms/amount", json!("0.255"), (400, "request_malformed", "terms.amount")),
        ("another amount", "/terms/amount", json!("0.26"), (401, "signature_invalid", "signature")),
        (
            "a fee of nothing",
            "/terms/fees/0/basis_points",
            json!(0),
            (400, "request_malformed", "terms.fees[0].basis_points"),
        ),
        (
            "a fee for nobody",
            "/terms/fees/0/destination",
            json!(""),
            (400, "request_malformed", "terms.fees[0].destination"),
        ),
        (
            "six fees",
            "/terms/fees",
            json!(vec![full["fees"][0].clone(); 6]),
            (400, "request_malformed", "terms.fees"),
        ),
        ("no time", "/terms/expires_at", json!("soon"), (400, "request_malformed", "terms.expires_at")),
        (
            "before 1970",
            "/terms/expires_at",
            json!("1969-01-01T00:00:00Z"),
            (400, "request_malformed", "terms.expires_at"),
        ),
        (
            "half a microsecond",
            "/terms/expires_at",
            json!("2100-01-01T00:00:00.0000005Z"),
            (400, "request_malformed", "terms.expires_at"),
        ),
        (
            "far away",
            "/terms/expires_at",
            json!("2100-01-01T00:00:00Z"),
            (422, "expiry_too_far", "expires_at"),
        ),
        (
            "a long key",
            "/terms/metadata",
            json!({ "k".repeat(41): "" }),
            (400, "request_malformed", "terms.metadata"),
        ),
        (
            "a long value",
            "/terms/metadata",
            json!({ "k": "v".repeat(2_048) }),
            (400, "request_malformed", "terms.metadata"),
        ),
        ("a field too many", "/terms", json!({ "tip": 1 }), (422, "request_malformed", "body")),
    ] {
        let answer = stage.post("/v1/intents", changed(honest.clone(), pointer, value)).await;
        assert_eq!(answer.refusal(), expected, "{what}: {}", answer.body);
    }
    let finer = stage.post("/v1/intents", changed(honest, "/terms/amount", json!("0.255"))).await.body;
    let said = finer["error"]["message"].as_str().unwrap();
    assert!(said.contains("the engine counts hundredths in every currency, got 0.255"), "{said}");
    assert_eq!(stage.engine.durable(), before, "something was recorded");
    stage.post("/v1/intents", create(ORDER, &terms("usd", "0.25"))).await;
    let other = stage.post("/v1/intents", create(ORDER, &terms("usd", "0.26"))).await;
    assert_eq!(other.refusal(), (409, "terms_mismatch", "amount"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_nobodys_destination_on_a_node_for_real_money() {
    let listed = [AccountId(public(MERCHANT))].into_iter().collect();
    let stage = Stage::set(Destinations::Known(Arc::new(listed)), |_| ()).await;
    let check = async |rendezvous: u8, destination: u8, fee: u8| {
        let mut terms = terms("kin", "5");
        terms["destination"] = json!(account(destination));
        terms["fees"] = json!([{ "destination": account(fee), "basis_points": 1 }]);
        stage.post("/v1/intents", create(rendezvous, &terms)).await
    };
    // The payer holds something here.
    assert_eq!(check(11, MERCHANT, PAYER).await.status, 200);
    assert_eq!(check(11, MERCHANT, PAYER).await.status, 200, "once taken it is answered again");
    assert_eq!(check(12, PAYER, MERCHANT).await.status, 200);
    assert_eq!(check(13, 9, MERCHANT).await.refusal(), (422, "destination_unknown", "terms.destination"));
    let fee = check(14, MERCHANT, 9).await;
    assert_eq!(fee.refusal(), (422, "destination_unknown", "terms.fees[0].destination"));
}

/// Lost if this fails: whoever has learned the account that a site knows somebody by asks it for money outside of that site.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_a_site_knows_somebody_by_is_not_asked_for_here() {
    let (owner, known) = (AccountId(public(PAYER)), AccountId(public(21)));
    let domain = "example.com".parse().unwrap();
    let bytes = relationship_signing_bytes(owner, &domain, known);
    let [signed, consent] =
        [PAYER, 21].map(|seed| Unproven::native(sign(seed, &bytes).parse().expect("a signature")));
    let establish = Request::EstablishRelationship { owner, domain, authority: known, signed, consent };
    for destinations in [Destinations::Any, Destinations::Known(Arc::default())] {
        let stage = Stage::set(destinations, |_| ()).await;
        stage.engine.execute(establish.clone()).await.expect("a relationship");
        let check = async |rendezvous: u8, destination: u8, fee: u8| {
            let mut terms = terms("kin", "5");
            terms["destination"] = json!(account(destination));
            terms["fees"] = json!([{ "destination": account(fee), "basis_points": 1 }]);
            stage.post("/v1/intents", create(rendezvous, &terms)).await
        };
        let before = stage.engine.durable();
        let answer = check(13, 21, PAYER).await;
        assert_eq!(answer.refusal(), (400, "request_malformed", "terms.destination"));
        let answer = check(14, PAYER, 21).await;
        assert_eq!(answer.refusal(), (400, "request_malformed", "terms.fees[0].destination"));
        assert_eq!(stage.engine.durable(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_and_withdrawals_are_refused_by_rule() {
    let stage = Stage::with(|policy| policy.min_withdrawal = Quarks::new(10)).await;
    assert_eq!(stage.sell(ORDER, &terms("kin", "5")).await.status, 200);
    stage.post("/v1/intents", create(11, &terms("kin", "5"))).await;
    let path = format!("/v1/intents/{}", id(ORDER));
    stage.eventually(&path, |intent| intent["state"] == "confirmed").await;
    let check = async |path: &str, body: Value, expected: (u16, &str, &str)| {
        let answer = stage.post(path, body).await;
        assert_eq!(answer.refusal(), expected, "{}", answer.body);
    };
    let refunds = format!("{path}/refunds");
    check(&refunds, refund(ORDER, PAYER, "a", 5), (403, "refund_signer_not_destination", "merchant")).await;
    check(&refunds, refund(ORDER, MERCHANT, "a", 0), (422, "quarks_must_not_be_zero", "quarks")).await;
    check(&refunds, refund(ORDER, MERCHANT, "a", 500_001), (422, "refund_exceeds_payment", "quarks")).await;
    let other = refund(11, MERCHANT, "a", 5);
    check(&refunds, other.clone(), (401, "signature_invalid", "signature")).await;
    check(&format!("/v1/intents/{}/refunds", id(11)), other, (409, "intent_not_confirmed", "intent")).await;
    let stale = refund(ORDER, MERCHANT, "a", 5);
    let stale = [stale, json!({ "expected_revision": 0 })];
    let stale =
        stale.iter().flat_map(|part| part.as_object().unwrap().clone()).collect::<serde_json::Map<_, _>>();
    check(&refunds, stale.into(), (412, "revision_mismatch", "expected_revision")).await;
    let nokey = changed(refund(ORDER, MERCHANT, "a", 5), "/key", json!("a"));
    check(&refunds, nokey, (400, "request_malformed", "key")).await;

    let withdrawals = format!("/v1/accounts/{}/withdrawals", account(MERCHANT));
    let out = |quarks, to: &str| withdrawal(MERCHANT, "w", quarks, to);
    check(&withdrawals, out(0, "x"), (422, "quarks_must_not_be_zero", "quarks")).await;
    check(&withdrawals, out(9, "x"), (422, "withdrawal_below_minimum", "quarks")).await;
    check(&withdrawals, out(10, ""), (422, "withdrawal_address_out_of_range", "to")).await;
    check(&withdrawals, out(10, &"x".repeat(129)), (422, "withdrawal_address_out_of_range", "to")).await;
    check(&withdrawals, out(500_001, "x"), (402, "withdrawal_funds_insufficient", "account")).await;
    check(&withdrawals, withdrawal(PAYER, "w", 10, "x"), (401, "signature_invalid", "signature")).await;
    assert_eq!(stage.post(&withdrawals, out(10, "x")).await.status, 200);
    check(&withdrawals, out(11, "x"), (409, "withdrawal_mismatch", "quarks")).await;
    check(&withdrawals, out(10, "y"), (409, "withdrawal_mismatch", "to")).await;
    assert_eq!(stage.post(&refunds, refund(ORDER, MERCHANT, "a", 5)).await.status, 200);
    check(&refunds, refund(ORDER, MERCHANT, "a", 6), (409, "refund_mismatch", "quarks")).await;
    check(&refunds, refund(ORDER, MERCHANT, "b", 499_990), (402, "refund_funds_insufficient", "merchant"))
        .await;
    let unknown = stage.get(&format!("{withdrawals}/{}", account(9))).await;
    assert_eq!(unknown.refusal(), (404, "withdrawal_not_found", "key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_pays_too_much_or_too_often_is_told_when_to_come_back() {
    type Change = fn(&mut Policy);
    let cases: [(Change, &str, &str, &str); 4] = [
        (
            |p| p.payer_limits.per_day = Some(Quarks::new(900_000)),
            "payer_daily_amount_exceeded",
            "payer",
            "300",
        ),
        (|p| p.payer_limits.per_five_minutes = Some(1), "payer_payments_too_frequent", "payer", "10"),
        (
            |p| p.merchant_limits.per_day = Some(Quarks::new(900_000)),
            "merchant_daily_amount_exceeded",
            "destination",
            "300",
        ),
        (
            |p| p.merchant_limits.per_five_minutes = Some(1),
            "merchant_payments_too_frequent",
            "destination",
            "10",
        ),
    ];
    for (change, code, field, after) in cases {
        let stage = Stage::with(change).await;
        assert_eq!(stage.sell(ORDER, &terms("kin", "5")).await.status, 200);
        let refused = stage.sell(11, &terms("kin", "5")).await;
        assert_eq!(refused.refusal(), (429, code, field), "{}", refused.body);
        assert_eq!(refused.retry_after.as_deref(), Some(after), "{code}");
        assert_eq!(refused.body["error"]["retry"], true, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_a_client_hears_that_nothing_was_done_and_when_to_ask_again() {
    let stage = Stage::with(|_| ()).await;
    let wish = create(ORDER, &terms("usd", "0.25"));
    stage.log.set_full(true);
    let refused = stage.post("/v1/intents", wish.clone()).await;
    assert_eq!(refused.refusal(), (503, "store_full", ""), "{}", refused.body);
    assert_eq!(refused.retry_after.as_deref(), Some("10"));
    let error = &refused.body["error"];
    assert_eq!(error["retry"], true, "{error}");
    assert!(error["message"].as_str().unwrap().contains("nothing was done"), "{error}");
    let read = stage.get(&format!("/v1/accounts/{}", account(PAYER))).await;
    assert_eq!(read.status, 200, "a full disk keeps nobody from looking: {}", read.body);
    stage.log.set_full(false);
    assert_eq!(stage.post("/v1/intents", wish).await.status, 200, "there is room again");
}
