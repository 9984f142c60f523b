//! `quittance pay`: what a payer's app does, on the command line.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signer, SigningKey};
use quittance_code_api::call::SignedMessage;
use quittance_code_api::drawn_code;
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::{PAYLOAD_LEN, ScanCode};
use quittance_core::ids::{AccountId, IntentId, NodeId, Timestamp};
use quittance_core::money::Quarks;
use quittance_core::payment::Payment;
use quittance_core::terms::Terms;
use quittance_core::verify::is_signed_by;
use quittance_http_api::document;

use crate::args::PayArgs;
use crate::client::{Client, PAUSE, block_on};
use crate::error::{CliError, Kind};
use crate::keys;
use crate::output::Output;
use crate::pay_grpc;
use crate::terms::{check_quote, signed_terms};

/// The longest that a quote may stay valid: after that nobody can take the signed payment out of a drawer.
const MAX_VALIDITY: Duration = Duration::from_secs(10 * 60);

/// How to ask again after a failure.
pub(crate) const AGAIN: &str = "the same command again: it cannot pay twice";

/// What a payer has in hand.
pub(crate) enum Seen {
    /// The code itself, hence the rendezvous key.
    Code([u8; PAYLOAD_LEN]),
    /// The id, and what the code's nonce was made into.
    Secret(IntentId, Nonce),
    /// The bare id.
    Id(IntentId),
}

/// What the payer will not go beyond, whatever the sequencer says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    /// The most quarks that may be signed away.
    pub(crate) max_quarks: Option<u64>,
    /// The sequencer it has to be.
    pub(crate) node: Option<NodeId>,
}

/// How a payment went.
pub(crate) struct Paid {
    pub(crate) intent: document::Intent,
    pub(crate) payment: Payment,
    pub(crate) accepted: document::Accepted,
}

pub(crate) fn run(args: &PayArgs, output: &Output) -> Result<(), CliError> {
    let seen = parse(&args.intent, args.client_secret.as_deref())?;
    let key = keys::read(&args.key)?;
    let client = Client::new(&args.server)?;
    let node = args.node.as_deref().map(str::parse).transpose().map_err(CliError::misuse)?;
    let bounds = Bounds { max_quarks: args.max_quarks, node };
    let wait = Duration::from_secs(args.wait);
    let paid = match args.grpc {
        true => block_on(pay_grpc::pay(&client, &seen, &key, &bounds, wait, output))?,
        false => block_on(pay(&client, &seen, &key, &bounds, wait, output))?,
    };
    let document::Intent { id, state, position, .. } = &paid.intent;
    let json = serde_json::json!({
        "id": id,
        "state": state,
        "position": position,
        "payer": paid.payment.payer.to_string(),
        "quarks": paid.payment.total().map(Quarks::get),
        "rate": paid.payment.rate.to_string(),
        "submitted_at_position": paid.accepted.position,
        "repeated": paid.accepted.repeated,
    });
    output.result(&json, || format!("{id}  {state}  at position {position}"));
    match state.as_str() {
        "scheduled" | "confirmed" => Ok(()),
        other => Err(CliError::new(Kind::Refused, format!("the payment ended as {other}"))),
    }
}

/// Scans (with the code in hand), checks the terms, gets a quote, checks it, signs what it read, submits, waits.
pub(crate) async fn pay(
    client: &Client,
    seen: &Seen,
    key: &SigningKey,
    bounds: &Bounds,
    wait: Duration,
    output: &Output,
) -> Result<Paid, CliError> {
    let id = seen.id();
    let node = check_node(client, bounds).await?;
    let shown = client.intent(&id).await?;
    let terms = signed_terms(&id, &shown)?;
    if let Some(rendezvous) = seen.rendezvous(&terms)? {
        // A scan is a courtesy to the merchant's page; an intent that is past it can still tell how it ended.
        match client.envelope(SignedMessage::code_scanned(&rendezvous, now()).envelope()).await {
            Ok(_) => output.note("scanned   the code belongs to the intent and to its terms"),
            Err(refused) => output.note(&format!("not marked as scanned ({refused})")),
        }
    }
    let amount = document::amount(terms.currency, terms.amount);
    output.note(&format!("terms     {amount} {} for {}", terms.currency, terms.destination));
    note_site(&terms, output);
    let payer = AccountId(key.verifying_key().to_bytes());
    let (payment, submission) = match already_paid_by(&shown, payer) {
        // Said again as it was signed then; nothing is signed now.
        Some(submission) => (check(&submission.payload, &id, payer, node, &terms, None)?, submission),
        None => {
            let quote = client.quote(&id, payer.to_string()).await?;
            let payment = check(&quote.payload, &id, payer, node, &terms, Some(bounds))?;
            // What is signed is what was read, in the one encoding it has: not the server's bytes, nor its figures.
            let payload = payment.to_bytes();
            let signature = bs58::encode(key.sign(&payload).to_bytes()).into_string();
            let payload = BASE64.encode(&payload);
            let payer = payer.to_string();
            (payment, document::Submission { payer, payload, signature, expected_revision: None })
        }
    };
    for transfer in &payment.transfers {
        let (purpose, quarks, to) = (transfer.purpose.name(), transfer.quarks, transfer.destination);
        output.note(&format!("          {quarks} to {to} ({purpose})"));
    }
    let accepted =
        client.submit(&id, &submission).await.map_err(|error| error.outcome_unknown("payment", AGAIN))?;
    let intent = settled(client, &id, wait).await.map_err(|error| {
        let message = format!(
            "the payment was accepted at position {}, but not how it ended: {}",
            accepted.position,
            error.message()
        );
        CliError::new(Kind::Unreachable, message).hint(AGAIN)
    })?;
    Ok(Paid { intent, payment, accepted })
}

/// The sequencer, if it is the one it has to be.
pub(crate) async fn check_node(client: &Client, bounds: &Bounds) -> Result<NodeId, CliError> {
    let node: NodeId = client.node().await?.node.parse().map_err(CliError::failed)?;
    if bounds.node.is_some_and(|expected| expected != node) {
        let message =
            format!("{} is node {node}, not the one asked for. Nothing was signed", client.server());
        return Err(CliError::new(Kind::Refused, message));
    }
    Ok(node)
}

/// By this machine's clock.
pub(crate) fn now() -> prost_types::Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    prost_types::Timestamp {
        seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(now.subsec_nanos()).unwrap_or(0),
    }
}

/// Who asks, where the request says so.
pub(crate) fn note_site(terms: &Terms, output: &Output) {
    let Some(site) = &terms.site else { return };
    let domain = &site.domain;
    output.note(&match site.verifier {
        Some(verifier) => {
            format!("site      {domain}, by its key {verifier}; whoever pays may be known there")
        }
        None => format!("site      {domain}, by the merchant's word alone"),
    });
}

/// The payment in `payload`, after checking that it is this payer's for this intent on this node, worth what the terms say and
/// within the bounds of what is signed anew.
fn check(
    payload: &str,
    id: &IntentId,
    payer: AccountId,
    node: NodeId,
    terms: &Terms,
    bounds: Option<&Bounds>,
) -> Result<Payment, CliError> {
    let payload =
        BASE64.decode(payload.as_bytes()).map_err(|_| CliError::failed("the payload is not base64"))?;
    let payment = Payment::from_bytes(&payload).map_err(CliError::failed)?;
    let refuse = |what: String| Err(CliError::new(Kind::Refused, format!("{what}. Nothing was signed")));
    if payment.node != node {
        return refuse(format!("the payment is for node {}, this is {node}", payment.node));
    }
    check_quote(&payment, id, payer, terms)?;
    let Some(Bounds { max_quarks, .. }) = bounds else { return Ok(payment) };
    let total = payment.total().map_or(u64::MAX, Quarks::get);
    if let Some(max) = max_quarks.filter(|max| total > *max) {
        return refuse(format!("the payment takes {total} quarks, --max-quarks allows {max}"));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let latest = Timestamp(0).saturating_add(now).saturating_add(MAX_VALIDITY);
    if payment.valid_until > latest {
        return refuse(format!("the quote would stay valid until {}", document::time(payment.valid_until)));
    }
    Ok(payment)
}

/// What this payer signed and submitted for the intent before, so that asking again gives the same answer.
fn already_paid_by(intent: &document::Intent, payer: AccountId) -> Option<document::Submission> {
    let earlier = intent.payment.as_ref()?;
    let payload = BASE64.decode(earlier.payload.as_bytes()).ok()?;
    let signature = earlier.signature.parse().ok()?;
    // Only what carries this payer's own signature counts as this payer's.
    is_signed_by(&payer.0, &payload, &signature).then(|| document::Submission {
        payer: payer.to_string(),
        payload: earlier.payload.clone(),
        signature: earlier.signature.clone(),
        expected_revision: None,
    })
}

pub(crate) async fn settled(
    client: &Client,
    id: &IntentId,
    wait: Duration,
) -> Result<document::Intent, CliError> {
    let deadline = Instant::now() + wait;
    let mut intent = client.intent(id).await?;
    while intent.state == "scheduled" {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        intent = client.intent_after(id, intent.revision, left).await?;
        // A server that answers before there is news must not be asked without a pause.
        tokio::time::sleep(PAUSE.min(left)).await;
    }
    if intent.id != id.to_string() {
        return Err(CliError::failed(format!(
            "{} answered for another intent: {}",
            client.server(),
            intent.id
        )));
    }
    Ok(intent)
}

impl Seen {
    pub(crate) fn id(&self) -> IntentId {
        match self {
            Self::Code(payload) => IntentId(KeyPair::rendezvous(payload).public_key().0),
            Self::Secret(id, _) | Self::Id(id) => *id,
        }
    }

    /// The rendezvous key pair, after checking that the code says what the terms say.
    pub(crate) fn rendezvous(&self, terms: &Terms) -> Result<Option<KeyPair>, CliError> {
        let id = self.id();
        let nonce = match self {
            Self::Id(_) => return Ok(None),
            Self::Secret(_, nonce) => *nonce,
            Self::Code(payload) => match ScanCode::decode(payload).map_err(CliError::misuse)? {
                ScanCode::PaymentRequest { nonce, .. } | ScanCode::PaymentRequestWithFees { nonce, .. } => {
                    nonce
                }
                other => {
                    let message =
                        format!("the code is not a request for a payment but of kind {}", other.kind());
                    return Err(CliError::misuse(message));
                }
            },
        };
        let pair = codes(terms, nonce).map(|payload| KeyPair::rendezvous(&payload));
        let found = pair.into_iter().find(|pair| pair.public_key().0 == id.0);
        found.map(Some).ok_or_else(|| {
            let message = "the code does not belong to these terms: another amount or currency, or a wrong client secret. \
                           Nothing was signed";
            CliError::new(Kind::Refused, message)
        })
    }
}

/// The codes an SDK can have made for these terms: with and without a list of fees, and one hundredth low for the Go SDK,
/// which truncates where the others round (protocol a.3).
pub(crate) fn codes(terms: &Terms, nonce: Nonce) -> impl Iterator<Item = [u8; PAYLOAD_LEN]> {
    let currency = terms.currency.as_str().parse().ok();
    let hundredths = terms.amount.hundredths();
    let amounts = [hundredths, hundredths.saturating_sub(1)];
    amounts.into_iter().flat_map(move |hundredths| {
        let plain = currency.map(|currency| ScanCode::PaymentRequest { currency, hundredths, nonce });
        let fees = currency.map(|currency| ScanCode::PaymentRequestWithFees { currency, hundredths, nonce });
        plain.into_iter().chain(fees).filter_map(|code| code.encode().ok())
    })
}

/// Reads what the payer was given.
pub(crate) fn parse(text: &str, client_secret: Option<&str>) -> Result<Seen, CliError> {
    if let Some(payload) = payload(text)? {
        return Ok(Seen::Code(payload));
    }
    let id: IntentId =
        text.parse().map_err(|error| CliError::misuse(format!("{error}; a code is 40 or 70 hex digits")))?;
    match client_secret {
        None => Ok(Seen::Id(id)),
        Some(secret) => Ok(Seen::Secret(id, Nonce::from_client_secret(secret).map_err(CliError::misuse)?)),
    }
}

/// A code is told from an id by its length and its digits.
fn payload(text: &str) -> Result<Option<[u8; PAYLOAD_LEN]>, CliError> {
    if !matches!(text.len(), 40 | 70) {
        return Ok(None);
    }
    // About one id in three million has 40 characters; none of those is likely to be of hex digits alone.
    let Ok(bytes) = HEXLOWER_PERMISSIVE.decode(text.as_bytes()) else { return Ok(None) };
    match <[u8; PAYLOAD_LEN]>::try_from(bytes.as_slice()) {
        Ok(payload) => Ok(Some(payload)),
        Err(_) => drawn_code::correct(&bytes).map(|read| Some(read.payload)).map_err(CliError::misuse),
    }
}
