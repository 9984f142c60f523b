//! How an intent came to be where it is: [`quittance_core::why`] as JSON, and the same for people.

mod words;

use quittance_core::event::{EventKind, Record};
use quittance_core::lifecycle::CommandKind;
use quittance_core::rejection::Rejection;
use quittance_core::state::Status;
use quittance_core::why;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{public_record, time};

/// The most records of one intent that are explained. The rules keep intents far below it.
pub const MAX_RECORDS: usize = 10_000;

/// One input and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was asked: `create`, `mark_scanned`, `cancel`, `submit`, `refund` or `report_settlement`; `tick` when nobody asked
    /// and the deadline passed.
    pub cause: String,
    /// The input, as every record of it names it.
    pub causation: String,
    /// When it was decided.
    pub at: String,
    /// Where its records are in the log.
    pub positions: Vec<u64>,
    /// The state it met; absent when the intent did not exist.
    #[serde(default)]
    pub from: Option<String>,
    /// The state it left.
    #[serde(default)]
    pub to: Option<String>,
    /// The rule that refused, if one did.
    #[serde(default)]
    pub guard: Option<Guard>,
    /// What it made true, in order.
    pub records: Vec<Value>,
}

/// A rule that refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Its name, such as `funds_insufficient`.
    pub code: String,
    /// Its number.
    pub number: u16,
    /// The field at fault.
    pub field: String,
    /// What the rule wants.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl From<&Rejection> for Guard {
    fn from(rejection: &Rejection) -> Self {
        let Rejection { code, field, expected, got } = rejection.clone();
        Self { code: code.name().into(), number: code.number(), field, expected, got }
    }
}

impl From<&why::Step<'_>> for Step {
    fn from(step: &why::Step<'_>) -> Self {
        let state = |status: Option<Status>| status.map(|status| status.name().into());
        Self {
            cause: step.cause.name().into(),
            causation: format!("{:032x}", step.causation.0),
            at: time(step.at),
            positions: step.records.iter().map(|record| record.position.0).collect(),
            from: state(step.from),
            to: state(step.to),
            guard: step.guard().map(Guard::from),
            records: step.records.iter().map(|known| public_record(known)).collect(),
        }
    }
}

/// The steps that an intent's records tell of; all of them, in order.
#[must_use]
pub fn steps(records: &[Record]) -> Vec<Step> {
    why::explain(records).iter().map(Step::from).collect()
}

/// The steps for people, and at the end where the intent is now and why.
#[must_use]
pub fn text(id: &str, steps: &[Step]) -> String {
    let mut lines = vec![id.to_owned()];
    for step in steps {
        let at = match step.positions.as_slice() {
            [first, .., last] => format!("{first}-{last}"),
            [only] => only.to_string(),
            [] => String::new(),
        };
        let (from, to) = (step.from.as_deref().unwrap_or("nothing"), step.to.as_deref().unwrap_or("?"));
        let state = if from == to { format!("stays {to}") } else { format!("{from} -> {to}") };
        lines.push(String::new());
        lines.push(format!("{at}  {}  {}  [{state}]", step.at, asked(&step.cause)));
        for record in &step.records {
            let name = record["type"].as_str().unwrap_or_default();
            let label =
                EventKind::ALL.iter().find(|kind| kind.name() == name).map_or("", |kind| kind.label());
            lines.push(format!("    {name}: {label}"));
            lines.extend(words::of(name, &record["data"]).into_iter().map(|words| format!("      {words}")));
        }
        if let Some(guard) = &step.guard {
            lines.push(format!("    refused by {}, rule {}", guard.code, guard.number));
            let parts = [("field", &guard.field), ("expected", &guard.expected), ("got", &guard.got)];
            let said = parts.into_iter().filter(|(_, part)| !part.is_empty());
            lines.extend(said.map(|(name, part)| format!("      {name:<8}  {part}")));
        }
    }
    lines.push(String::new());
    lines.push(words::conclusion(steps));
    lines.join("\n")
}

/// What was asked, for people.
fn asked(cause: &str) -> &'static str {
    match CommandKind::ALL.into_iter().find(|kind| kind.name() == cause) {
        Some(CommandKind::Create) => "create: a merchant asked for a payment",
        Some(CommandKind::MarkScanned) => "mark_scanned: a payer's app saw the code",
        Some(CommandKind::Cancel) => "cancel: payer or merchant called it off",
        Some(CommandKind::Submit) => "submit: a payer submitted a signed payment",
        Some(CommandKind::Refund) => "refund: the destination asked to give back",
        Some(CommandKind::ReportSettlement) => "report_settlement: the rail reported",
        Some(CommandKind::RequestLogin) => "request_login: a site asked who somebody is",
        Some(CommandKind::Login) => "login: a payer logged in",
        Some(CommandKind::RegisterWebhook) => "register_webhook: somebody wants to be told",
        Some(CommandKind::ReportDelivery) => "report_delivery: the webhook was called",
        Some(CommandKind::Redeliver) => "redeliver: the operator ordered the webhook again",
        Some(CommandKind::GiveUpDelivery) => "give_up_delivery: the webhook is not called any more",
        Some(CommandKind::Tick) => "nobody asked: the deadline passed",
        None => "asked in a way this program does not know",
    }
}
