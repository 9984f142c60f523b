//! `quittance refund`: a merchant gives back what was paid.

use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey};
use quittance_core::ids::{AccountId, IdempotencyKey, IntentId, NodeId};
use quittance_core::money::Quarks;
use quittance_core::payment::Payment;
use quittance_core::refund::Refund;
use quittance_core::verify::is_signed_by;
use quittance_http_api::document;

use crate::args::RefundArgs;
use crate::client::{Client, PAUSE, block_on};
use crate::error::{CliError, Kind};
use crate::keys;
use crate::output::Output;
use crate::show::attempts;

/// How a refund went.
struct Refunded {
    refund: document::Refund,
    accepted: document::Accepted,
}

pub(crate) fn run(args: &RefundArgs, output: &Output) -> Result<(), CliError> {
    let id: IntentId = args.id.parse().map_err(CliError::misuse)?;
    let key = keys::read(&args.key)?;
    let client = Client::new(&args.server)?;
    let words = keys::words(args.refund_key.as_deref())?;
    let again = format!("the same command with --refund-key {words:?}: it cannot give back twice");
    let wanted = Wanted { id, quarks: args.quarks, key: IdempotencyKey::from_text(&words) };
    let Refunded { refund, accepted } =
        block_on(give_back(&client, &wanted, &key, Duration::from_secs(args.wait), &again))?;
    let json = serde_json::json!({
        "id": accepted.id,
        "refund": refund,
        "refund_key": words,
        "scheduled_at_position": accepted.position,
        "repeated": accepted.repeated,
    });
    output.result(&json, || {
        let document::Refund { quarks, state, transaction, .. } = &refund;
        let mut lines = vec![format!("{id}  {quarks} quarks given back: {state}, transaction {transaction}")];
        lines.extend(attempts(&refund.attempts, refund.contradictions));
        lines.join("\n")
    });
    Ok(())
}

/// What is to be given back.
struct Wanted {
    id: IntentId,
    quarks: Option<u64>,
    key: IdempotencyKey,
}

async fn give_back(
    client: &Client,
    wanted: &Wanted,
    key: &SigningKey,
    wait: Duration,
    again: &str,
) -> Result<Refunded, CliError> {
    let Wanted { id, key: once, .. } = *wanted;
    let node: NodeId = client.node().await?.node.parse().map_err(CliError::failed)?;
    let intent = client.intent(&id).await?;
    let quarks = Quarks::new(quarks(wanted, &intent)?);
    let merchant = AccountId(key.verifying_key().to_bytes());
    let refund = Refund { node, intent: id, merchant, key: once, quarks };
    let request = document::RefundRequest {
        merchant: merchant.to_string(),
        key: once.to_string(),
        quarks: quarks.get(),
        signature: bs58::encode(key.sign(&refund.signing_bytes()).to_bytes()).into_string(),
        // Its key already makes it happen once, whatever else happens to the intent meanwhile.
        expected_revision: None,
    };
    let accepted =
        client.refund(&id, &request).await.map_err(|error| error.outcome_unknown("refund", again))?;
    let refund = settled(client, &id, &once, wait).await.map_err(|error| {
        let message = format!(
            "the refund was accepted at position {}, but not how it ended: {}",
            accepted.position,
            error.message()
        );
        CliError::new(Kind::Unreachable, message).hint(again)
    })?;
    Ok(Refunded { refund, accepted })
}

/// How many quarks: as asked, or as the refund with this key has, or all that is left of what the payer signed.
fn quarks(wanted: &Wanted, intent: &document::Intent) -> Result<u64, CliError> {
    if let Some(quarks) = wanted.quarks {
        return Ok(quarks);
    }
    if let Some(earlier) = intent.refunds.iter().find(|refund| refund.key == wanted.key.to_string()) {
        return Ok(earlier.quarks);
    }
    let nothing = |why: &str| CliError::new(Kind::Refused, format!("there is nothing to give back: {why}"));
    let payment = intent.payment.as_ref().ok_or_else(|| nothing("nobody has paid"))?;
    let paid = paid(payment, wanted.id)
        .ok_or_else(|| CliError::new(Kind::Refused, "the payment shown was not signed by its payer"))?;
    let given = intent.refunds.iter().filter(|refund| refund.state != "failed").map(|refund| refund.quarks);
    match paid.saturating_sub(given.fold(0, u64::saturating_add)) {
        0 => Err(nothing("all of it was given back")),
        left => Ok(left),
    }
}

/// What the payer paid, by the payer's own signature: a sequencer cannot make the merchant give back more.
fn paid(payment: &document::Payment, id: IntentId) -> Option<u64> {
    let payload = BASE64.decode(payment.payload.as_bytes()).ok()?;
    let signed = Payment::from_bytes(&payload).ok()?;
    let signature = payment.signature.parse().ok()?;
    let right = signed.intent == id && is_signed_by(&signed.payer.0, &payload, &signature);
    signed.total().filter(|_| right).map(Quarks::get)
}

async fn settled(
    client: &Client,
    id: &IntentId,
    key: &IdempotencyKey,
    wait: Duration,
) -> Result<document::Refund, CliError> {
    let (deadline, key) = (Instant::now() + wait, key.to_string());
    let mut intent = client.intent(id).await?;
    loop {
        let refund = intent.refunds.iter().find(|refund| refund.key == key);
        let refund = refund.ok_or_else(|| CliError::failed("the server does not know the refund"))?;
        let left = deadline.saturating_duration_since(Instant::now());
        if refund.state != "ordered" || left.is_zero() {
            return Ok(refund.clone());
        }
        intent = client.intent_after(id, intent.revision, left).await?;
        // A server that answers before there is news must not be asked without a pause.
        tokio::time::sleep(PAUSE.min(left)).await;
    }
}
