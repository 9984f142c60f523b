//! What a merchant does: ask for a payment, give it back, take quarks out, find out why.

use quittance_core::ids::IdempotencyKey;
use serde_json::{Value, json};

use crate::stage::{MERCHANT, PAYER, PURSE, Stage, account, create, id, public, refund, terms, withdrawal};

const ORDER: u8 = 10;

fn with(mut terms: Value, field: &str, value: Value) -> Value {
    terms[field] = value;
    terms
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_asks_is_paid_gives_back_and_takes_out() {
    let stage = Stage::with(|_| ()).await;
    let expires_at =
        quittance_http_api::document::time(quittance_core::ids::Timestamp(stage.engine.now().0 + 60_000_000));
    let asked = with(terms("kin", "5.00"), "metadata", json!({ "order": "42" }));
    let asked = with(asked, "expires_at", json!(expires_at));
    let fee = json!([{ "destination": account(4), "basis_points": 1_000 }]);
    let asked = with(asked, "fees", fee);
    for repeated in [false, true] {
        let created = stage.post("/v1/intents", create(ORDER, &asked)).await;
        assert_eq!(created.status, 200, "{}", created.body);
        assert_eq!(created.body["repeated"], repeated);
    }
    let path = format!("/v1/intents/{}", id(ORDER));
    let shown = stage.get(&path).await.body;
    assert_eq!(shown["terms"], asked, "what is shown is not what was asked");
    assert_eq!((&shown["authorization"]["form"], &shown["refunds"]), (&json!("native"), &json!([])));

    let late = stage.pay(ORDER, json!({ "expected_revision": 7 })).await;
    assert_eq!(late.refusal(), (412, "revision_mismatch", "expected_revision"));
    let paid = stage.pay(ORDER, json!({ "expected_revision": 0 })).await;
    assert_eq!(paid.status, 200, "{}", paid.body);
    let confirmed = stage.eventually(&path, |intent| intent["state"] == "confirmed").await;
    let transaction = &confirmed["payment"]["transactions"][0];
    assert_eq!(transaction["attempts"], json!([{ "number": 1, "state": "settled", "reason": "" }]));
    assert_eq!(transaction.get("contradictions"), None);

    let refunds = format!("{path}/refunds");
    for (words, quarks, repeated) in [("one", 100_000, false), ("one", 100_000, true), ("two", 50_000, false)]
    {
        let refunded = stage.post(&refunds, refund(ORDER, MERCHANT, words, quarks)).await;
        assert_eq!(refunded.status, 200, "{}", refunded.body);
        assert_eq!(refunded.body["repeated"], repeated, "{words}");
    }
    let all_settled = |intent: &Value| {
        let refunds = intent["refunds"].as_array().unwrap();
        refunds.len() == 2 && refunds.iter().all(|refund| refund["state"] == "settled")
    };
    let refunded = stage.eventually(&path, all_settled).await;
    assert_eq!(refunded["refunds"][1]["key"], IdempotencyKey::from_text("two").to_string());

    // 500 000 less the fee and the refunds.
    let withdrawals = format!("/v1/accounts/{}/withdrawals", account(MERCHANT));
    for _ in 0..2 {
        let ordered = stage.post(&withdrawals, withdrawal(MERCHANT, "out", 300_000, "a bank")).await;
        assert_eq!(ordered.status, 200, "{}", ordered.body);
    }
    let one = format!("{withdrawals}/{}", IdempotencyKey::from_text("out"));
    let out = stage.eventually(&one, |withdrawal| withdrawal["state"] == "settled").await;
    assert_eq!((&out["quarks"], &out["to"]), (&json!(300_000), &json!("a bank")));
    // Also when it has left memory, for which any record is an occasion.
    let mut occasion = 100;
    while stage.engine.query(|state| state.withdrawals().count()).await.unwrap() > 0 {
        assert!(occasion < 200, "what is final stays in memory");
        stage.post("/v1/intents", create(occasion, &terms("kin", "1"))).await;
        occasion += 1;
    }
    assert_eq!(stage.get(&one).await.body, out);
    let again = stage.post(&withdrawals, withdrawal(MERCHANT, "out", 300_000, "a bank")).await;
    assert_eq!((again.status, again.body), (200, out));
    let more = stage.post(&withdrawals, withdrawal(MERCHANT, "out", 300_001, "a bank")).await;
    assert_eq!(more.refusal(), (409, "withdrawal_mismatch", "quarks"));
    for (owner, balance) in [(MERCHANT, 0), (PAYER, PURSE - 350_000), (4, 50_000)] {
        let account = stage.get(&format!("/v1/accounts/{}", account(owner))).await.body;
        assert_eq!((&account["balance"], &account["reserved"]), (&json!(balance), &json!(0)), "{owner}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_tells_every_record_once_with_the_rule_that_refused() {
    let stage = Stage::with(|policy| policy.max_payment = quittance_core::money::Quarks::new(PURSE)).await;
    // More than the payer has, until somebody gives it more.
    let created = stage.post("/v1/intents", create(ORDER, &terms("kin", "100"))).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let out = stage
        .post(&format!("/v1/accounts/{}/withdrawals", account(PAYER)), withdrawal(PAYER, "w", 100_000, "x"))
        .await;
    assert_eq!(out.status, 200, "{}", out.body);
    assert_eq!(stage.pay(ORDER, json!({})).await.refusal(), (402, "funds_insufficient", "payer"));
    let give = quittance_core::command::Request::Deposit {
        key: quittance_core::ids::DepositKey::from_text("more"),
        account: quittance_core::ids::AccountId(public(PAYER)),
        quarks: quittance_core::money::Quarks::new(100_000),
    };
    stage.engine.execute(give).await.unwrap();
    assert_eq!(stage.pay(ORDER, json!({})).await.status, 200);
    let path = format!("/v1/intents/{}", id(ORDER));
    stage.eventually(&path, |intent| intent["state"] == "confirmed").await;

    let steps = stage.get(&format!("{path}/why")).await.body;
    let steps = steps.as_array().unwrap();
    let told = |step: &Value| {
        let code = step["guard"]["code"].as_str().unwrap_or("").to_owned();
        let text = |field: &str| step[field].as_str().unwrap_or("").to_owned();
        (text("cause"), text("from"), text("to"), step["records"].as_array().unwrap().len(), code)
    };
    let step = |cause: &str, from: &str, to: &str, records: usize, code: &str| {
        (cause.to_owned(), from.to_owned(), to.to_owned(), records, code.to_owned())
    };
    assert_eq!(
        steps.iter().map(told).collect::<Vec<_>>(),
        [
            step("create", "", "created", 1, ""),
            step("submit", "created", "created", 2, "funds_insufficient"),
            step("submit", "created", "scheduled", 3, ""),
            step("report_settlement", "scheduled", "confirmed", 2, ""),
        ]
    );
    for (step, revision) in steps.iter().flat_map(|step| step["records"].as_array().unwrap()).zip(0..) {
        assert_eq!(step["revision"], json!(revision), "a record is missing or told twice");
    }
    assert_eq!(
        stage.get(&format!("/v1/intents/{}/why", id(99))).await.refusal(),
        (404, "intent_not_found", "intent")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_shown_with_the_decimals_of_their_currency() {
    let stage = Stage::with(|_| ()).await;
    for (rendezvous, currency, amount, shown) in [
        (20, "jpy", "500", "500"),
        (21, "jpy", "500.00", "500"),
        (22, "jpy", "7.25", "7.25"),
        (23, "kwd", "0.25", "0.250"),
        (24, "usd", "5", "5.00"),
    ] {
        let created = stage.post("/v1/intents", create(rendezvous, &terms(currency, amount))).await;
        assert_eq!(created.status, 200, "{amount} {currency}: {}", created.body);
        let intent = stage.get(&format!("/v1/intents/{}", id(rendezvous))).await.body;
        assert_eq!(intent["terms"]["amount"], shown, "{amount} {currency}");
        let why = stage.get(&format!("/v1/intents/{}/why", id(rendezvous))).await.body;
        assert_eq!(why[0]["records"][0]["data"]["terms"]["amount"], shown, "{amount} {currency}");
    }
}
