use std::collections::BTreeMap;

use serde_json::Value;

use super::Step;

fn text<'a>(data: &'a Value, field: &str) -> &'a str {
    data[field].as_str().unwrap_or("?")
}

fn number(data: &Value, field: &str) -> u64 {
    data[field].as_u64().unwrap_or(0)
}

/// What an event says beyond its name, a line each.
pub(super) fn of(name: &str, data: &Value) -> Vec<String> {
    match name {
        "payment_intent.created" => created(data),
        "payment_intent.canceled" => vec![format!("by the {}", text(data, "by"))],
        "payment_intent.submitted" | "payment_intent.late_submission_refused" => submitted(data),
        "payment_intent.verified" => vec![format!("{} quarks set aside", number(data, "reserved"))],
        "payment_intent.scheduled" => list(&data["transactions"])
            .map(|transaction| format!("transaction {}", text(transaction, "id")))
            .collect(),
        "payment_intent.failed" => {
            vec![format!("{} quarks are the payer's again", number(data, "released"))]
        }
        "payment_intent.refund_scheduled" => vec![
            format!("{} quarks go back, from {}", number(data, "quarks"), text(data, "merchant")),
            format!("transaction {}, key {}", text(data, "transaction"), text(data, "key")),
        ],
        "payment_intent.refund_failed" => {
            let released = format!("{} quarks are the destination's again", number(data, "released"));
            [attempt(data), vec![released]].concat()
        }
        "settlement.contradicted" => {
            let (known, reported) = (text(data, "known"), text(data, "reported"));
            [attempt(data), vec![format!("{known} stands, {reported} came")]].concat()
        }
        "payment_intent.login_requested" => vec![
            format!("{} asks", text(&data["login"], "domain")),
            format!("open until {}", text(data, "expires_at")),
        ],
        "webhook.registered" => vec![format!("at {:?}", text(data, "url"))],
        "webhook.delivered" | "webhook.attempt_failed" => delivery(data),
        "settlement.attempt_sent"
        | "settlement.attempt_indeterminate"
        | "settlement.attempt_failed"
        | "payment_intent.transaction_settled"
        | "payment_intent.transaction_failed"
        | "payment_intent.refund_confirmed" => attempt(data),
        // The others say it all by their names, or by the rule that refused.
        _ => Vec::new(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn created(data: &Value) -> Vec<String> {
    let terms = &data["terms"];
    let (amount, currency) = (text(terms, "amount"), text(terms, "currency"));
    let mut lines = vec![format!("{amount} {currency} for {}", text(terms, "destination"))];
    for fee in list(&terms["fees"]) {
        lines.push(format!("{} bps of it for {}", number(fee, "basis_points"), text(fee, "destination")));
    }
    for (key, value) in terms["metadata"].as_object().into_iter().flatten() {
        // A stranger's words: escaped, so that they cannot steer a terminal.
        lines.push(format!("{key} = {:?}", value.as_str().unwrap_or("?")));
    }
    if let Some(domain) = terms["site"]["domain"].as_str() {
        let proved = if terms["site"]["verifier"].is_string() { "proved" } else { "not proved" };
        lines.push(format!("under the domain {domain}, which is {proved}"));
    }
    lines.push(format!("open until {}", text(data, "expires_at")));
    lines
}

fn submitted(data: &Value) -> Vec<String> {
    let quarks = list(&data["transfers"]).map(|transfer| number(transfer, "quarks"));
    let total = quarks.fold(0, u64::saturating_add);
    let (amount, currency, rate) = (text(data, "amount"), text(data, "currency"), text(data, "rate"));
    vec![
        format!("payer {}", text(data, "payer")),
        format!("{total} quarks for {amount} {currency} at {rate} per kin"),
    ]
}

fn delivery(data: &Value) -> Vec<String> {
    let came =
        data["status"].as_u64().map_or_else(|| "no answer".into(), |status| format!("it answered {status}"));
    let took = number(data, "latency_us") / 1_000;
    let mut lines = vec![format!("attempt {}: {came} after {took} ms", number(data, "attempt"))];
    if let Some(next) = data["next_attempt_at"].as_str() {
        lines.push(format!("the next is due at {next}"));
    }
    lines
}

fn attempt(data: &Value) -> Vec<String> {
    let mut lines =
        vec![format!("attempt {} at transaction {}", number(data, "attempt"), text(data, "transaction"))];
    if let Some(reason) = data["reason"].as_str().filter(|reason| !reason.is_empty()) {
        lines.push(format!("the rail says: {reason}"));
    }
    lines
}

/// One sentence on where the intent is and why.
pub(super) fn conclusion(steps: &[Step]) -> String {
    let state = steps.last().and_then(|step| step.to.as_deref()).unwrap_or("unknown");
    let last = |name: &str| {
        steps.iter().rev().flat_map(|step| step.records.iter().rev()).find(|record| record["type"] == name)
    };
    let data = |name: &str, field: &str| last(name).map_or("?", |record| text(&record["data"], field));
    let why = match state {
        "created" => {
            let until = match last("payment_intent.login_requested") {
                Some(asked) => format!(
                    "nobody has logged in, and it is open until {}",
                    text(&asked["data"], "expires_at")
                ),
                None => format!(
                    "nobody has paid, and it is open until {}",
                    data("payment_intent.created", "expires_at")
                ),
            };
            match steps.iter().rev().find_map(|step| step.guard.as_ref()) {
                Some(guard) => format!("{until}; the last payment was refused by {}", guard.code),
                None => until,
            }
        }
        "scheduled" => match last_attempt(steps) {
            Some("settlement.attempt_indeterminate") => {
                "its payment was accepted, and the rail does not say what became of it".into()
            }
            _ => "its payment was accepted, and the rail has not said that it is final".into(),
        },
        "confirmed" if last("payment_intent.logged_in").is_some() => "somebody logged in".into(),
        "confirmed" => format!("every transaction of its payment is final{}", given_back(steps)),
        "canceled" => {
            format!("the {} called it off before anybody paid", data("payment_intent.canceled", "by"))
        }
        "expired" => match last("payment_intent.login_requested") {
            Some(asked) => format!("nobody logged in until {}", text(&asked["data"], "expires_at")),
            None => format!("nobody paid until {}", data("payment_intent.created", "expires_at")),
        },
        "rejected" => {
            let guard = steps.iter().find(|step| step.to.as_deref() == Some("rejected"));
            let code = guard.and_then(|step| step.guard.as_ref()).map_or("?", |guard| guard.code.as_str());
            format!("no payment for it can pass {code}")
        }
        "failed" => {
            let reason = data("payment_intent.transaction_failed", "reason");
            format!("the rail says that its payment will never happen: {reason}")
        }
        _ => "its records do not follow each other".into(),
    };
    format!("It is {state}: {why}.")
}

/// What the rail said last of an attempt.
fn last_attempt(steps: &[Step]) -> Option<&str> {
    let names = steps.iter().rev().flat_map(|step| step.records.iter().rev());
    names.filter_map(|record| record["type"].as_str()).find(|name| name.starts_with("settlement.attempt_"))
}

fn given_back(steps: &[Step]) -> String {
    let (mut ordered, mut returned) = (BTreeMap::new(), 0u64);
    for record in steps.iter().flat_map(|step| &step.records) {
        let data = &record["data"];
        let transaction = text(data, "transaction");
        match record["type"].as_str().unwrap_or_default() {
            "payment_intent.refund_scheduled" => {
                ordered.insert(transaction, number(data, "quarks"));
            }
            "payment_intent.refund_confirmed" => {
                returned = returned.saturating_add(ordered.remove(transaction).unwrap_or(0));
            }
            "payment_intent.refund_failed" => {
                ordered.remove(transaction);
            }
            _ => {}
        }
    }
    let under_way = ordered.into_values().fold(0, u64::saturating_add);
    [(returned, "were given back"), (under_way, "are being given back")]
        .into_iter()
        .filter(|(quarks, _)| *quarks > 0)
        .map(|(quarks, how)| format!(", and {quarks} quarks {how}"))
        .collect()
}
