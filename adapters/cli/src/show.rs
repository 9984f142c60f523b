//! `quittance show`.

use quittance_core::ids::IntentId;
use quittance_http_api::document;

use crate::args::ShowArgs;
use crate::client::{Client, block_on};
use crate::error::CliError;
use crate::output::Output;

pub(crate) fn run(args: &ShowArgs, output: &Output) -> Result<(), CliError> {
    let id: IntentId = args.id.parse().map_err(CliError::misuse)?;
    let client = Client::new(&args.server)?;
    let intent = block_on(client.intent(&id))?;
    output.result(&serde_json::json!(intent), || text(&intent));
    Ok(())
}

/// An intent for people.
pub(crate) fn text(intent: &document::Intent) -> String {
    let document::Intent { id, state, position, revision, created_at, expires_at, .. } = intent;
    let mut lines = vec![format!("{id}  {state}")];
    if let Some(terms) = &intent.terms {
        lines.push(format!("  asks      {} {} for {}", terms.amount, terms.currency, terms.destination));
    }
    if let Some(login) = &intent.login {
        lines.push(format!("  asks      who you are, for {}", login.domain));
    }
    for fee in intent.terms.iter().flat_map(|terms| &terms.fees) {
        lines.push(format!("  of which  {} bps for {}", fee.basis_points, fee.destination));
    }
    lines.push(format!("  created   {created_at}, open until {expires_at}"));
    lines.push(format!("  scanned   {}", if intent.scanned { "yes" } else { "no" }));
    if intent.refusals > 0 {
        lines.push(format!("  refused   {} submissions", intent.refusals));
    }
    if let Some(reason) = &intent.reason {
        lines.push(format!("  because   {reason}"));
    }
    if let Some(payment) = &intent.payment {
        lines.push(format!(
            "  paid by   {}: {} quarks at {} per kin",
            payment.payer, payment.quarks, payment.rate
        ));
        for transfer in &payment.transfers {
            lines.push(format!(
                "            {} quarks to {} ({})",
                transfer.quarks, transfer.destination, transfer.purpose
            ));
        }
    }
    let transactions = intent.payment.iter().flat_map(|payment| &payment.transactions);
    for transaction in transactions {
        lines.push(format!("  rail      transaction {} is {}", transaction.id, transaction.state));
        lines.extend(attempts(&transaction.attempts, transaction.contradictions));
    }
    for refund in &intent.refunds {
        lines.push(format!("  refund    {} quarks, {}, key {}", refund.quarks, refund.state, refund.key));
        lines.extend(attempts(&refund.attempts, refund.contradictions));
    }
    if let Some(site) = intent.terms.as_ref().and_then(|terms| terms.site.as_ref()) {
        let proved = if site.verifier.is_some() { "proved" } else { "not proved" };
        lines.push(format!("  site      {}, {proved}", site.domain));
    }
    if let Some(webhook) = &intent.webhook {
        lines.push(format!("  webhook   {:?} is {}", webhook.url, webhook.state));
        for (number, attempt) in (1..).zip(&webhook.attempts) {
            lines.push(format!("            attempt {number} {}", came(attempt)));
        }
        if let Some(next) = &webhook.next_attempt_at {
            lines.push(format!("            the next is due at {next}"));
        }
    }
    for (key, value) in intent.terms.iter().flat_map(|terms| &terms.metadata) {
        // A stranger's words: escaped, so that they cannot steer a terminal.
        lines.push(format!("  merchant  {key} = {value:?}"));
    }
    lines.push(format!("  position  {position}, revision {revision}"));
    lines.join("\n")
}

/// What came of an attempt at a webhook.
pub(crate) fn came(attempt: &document::DeliveryAttempt) -> String {
    let took = attempt.latency_us / 1_000;
    match (attempt.status, &attempt.error) {
        (Some(status), _) => format!("answered {status} after {took} ms"),
        // With a stranger's words in it: escaped.
        (None, Some(error)) => format!("no answer after {took} ms: {error:?}"),
        (None, None) => format!("no answer after {took} ms"),
    }
}

/// What the rail has said of a transaction, a line for each attempt.
pub(crate) fn attempts(attempts: &[document::Attempt], contradictions: u8) -> Vec<String> {
    let said = |attempt: &document::Attempt| {
        let reason = if attempt.reason.is_empty() { String::new() } else { format!(": {}", attempt.reason) };
        format!("            attempt {} {}{reason}", attempt.number, attempt.state)
    };
    let mut lines: Vec<_> = attempts.iter().map(said).collect();
    if contradictions > 0 {
        lines.push(format!("            the rail contradicted itself {contradictions} times"));
    }
    lines
}
