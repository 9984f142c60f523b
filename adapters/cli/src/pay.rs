//! `quittance pay`: what a payer's app does, on the command line.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use ed25519_dalek::{Signer, SigningKey};
use quittance_code_api::call::SignedMessage;
use quittance_code_api::drawn_code;
use quittance_code_api::key::KeyPair;
use quittance_code_api::nonce::Nonce;
use quittance_code_api::scan_code::{PAYLOAD_LEN, ScanCode};
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::payment::Payment;
use quittance_core::terms::Terms;
use quittance_http_api::document;

use crate::args::PayArgs;
use crate::client::{Client, block_on};
use crate::error::{CliError, Kind};
use crate::keys;
use crate::output::Output;
use crate::terms::{check_quote, signed_terms};

/// What a payer has in hand.
pub(crate) enum Seen {
    /// The code itself, hence the rendezvous key.
    Code([u8; PAYLOAD_LEN]),
    /// The id, and what the code's nonce was made into.
    Secret(IntentId, Nonce),
    /// The bare id.
    Id(IntentId),
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
    let paid = block_on(pay(&client, &seen, &key, Duration::from_secs(args.wait), output))?;
    let document::Intent { id, state, position, .. } = &paid.intent;
    let json = serde_json::json!({
        "id": id,
        "state": state,
        "position": position,
        "payer": paid.payment.payer.to_string(),
        "quarks": paid.payment.total().map(|total| total.get()),
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
    wait: Duration,
    output: &Output,
) -> Result<Paid, CliError> {
    let id = seen.id();
    let node = client.node().await?;
    let shown = client.intent(&id).await?;
    let terms = signed_terms(&id, &shown)?;
    if let Some(rendezvous) = seen.rendezvous(&terms)? {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = prost_types::Timestamp {
            seconds: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(now.subsec_nanos()).unwrap_or(0),
        };
        // A scan is a courtesy to the merchant's page; an intent that is past it can still tell how it ended.
        match client.envelope(SignedMessage::code_scanned(&rendezvous, at).envelope()).await {
            Ok(_) => output.note("scanned   the code belongs to the intent and to its terms"),
            Err(refused) => output.note(&format!("not marked as scanned ({refused})")),
        }
    }
    output.note(&format!("terms     {} {} for {}", terms.amount, terms.currency, terms.destination));
    let payer = AccountId(key.verifying_key().to_bytes());
    let (payment, payload) = match already_paid_by(&shown, payer)? {
        Some(earlier) => earlier,
        None => quoted(client, &id, payer, &terms, &node).await?,
    };
    for transfer in &payment.transfers {
        let (purpose, quarks, to) = (transfer.purpose.name(), transfer.quarks, transfer.destination);
        output.note(&format!("          {quarks} to {to} ({purpose})"));
    }
    let signature = bs58::encode(key.sign(&payload).to_bytes()).into_string();
    let submission =
        document::Submission { payer: payer.to_string(), payload: BASE64.encode(&payload), signature };
    let accepted = client.submit(&id, &submission).await?;
    let intent = settled(client, &id, wait).await?;
    Ok(Paid { intent, payment, accepted })
}

async fn quoted(
    client: &Client,
    id: &IntentId,
    payer: AccountId,
    terms: &Terms,
    node: &document::Node,
) -> Result<(Payment, Vec<u8>), CliError> {
    let quote = client.quote(id, payer.to_string()).await?;
    let payload = BASE64
        .decode(quote.payload.as_bytes())
        .map_err(|_| CliError::failed("the quote's payload is not base64"))?;
    // What is signed is what was read: the bytes, not the figures beside them.
    let payment = Payment::from_bytes(&payload).map_err(CliError::failed)?;
    if payment.node.to_string() != node.node {
        return Err(CliError::new(Kind::Refused, "the quote is for another sequencer. Nothing was signed"));
    }
    check_quote(&payment, id, payer, terms)?;
    Ok((payment, payload))
}

/// The payment this payer made for the intent before, so that asking again gives the same answer and not another payment.
fn already_paid_by(
    intent: &document::Intent,
    payer: AccountId,
) -> Result<Option<(Payment, Vec<u8>)>, CliError> {
    let Some(earlier) = intent.payment.as_ref().filter(|earlier| earlier.payer == payer.to_string()) else {
        return Ok(None);
    };
    let payload = BASE64.decode(earlier.payload.as_bytes()).map_err(CliError::failed)?;
    let payment = Payment::from_bytes(&payload).map_err(CliError::failed)?;
    Ok((payment.payer == payer).then_some((payment, payload)))
}

async fn settled(client: &Client, id: &IntentId, wait: Duration) -> Result<document::Intent, CliError> {
    let deadline = Instant::now() + wait;
    let mut intent = client.intent(id).await?;
    while intent.state == "scheduled" {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        intent = client.intent_after(id, intent.revision, left).await?;
    }
    Ok(intent)
}

impl Seen {
    fn id(&self) -> IntentId {
        match self {
            Self::Code(payload) => IntentId(KeyPair::rendezvous(payload).public_key().0),
            Self::Secret(id, _) | Self::Id(id) => *id,
        }
    }

    /// The rendezvous key pair, after checking that the code says what the terms say.
    fn rendezvous(&self, terms: &Terms) -> Result<Option<KeyPair>, CliError> {
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
fn codes(terms: &Terms, nonce: Nonce) -> impl Iterator<Item = [u8; PAYLOAD_LEN]> {
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

/// A code is told from an id by its length: 40 or 70 characters cannot be base58 of 32 bytes.
fn payload(text: &str) -> Result<Option<[u8; PAYLOAD_LEN]>, CliError> {
    if !matches!(text.len(), 40 | 70) {
        return Ok(None);
    }
    let bytes = HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|_| CliError::misuse("a code of 40 or 70 characters must be hex digits"))?;
    match <[u8; PAYLOAD_LEN]>::try_from(bytes.as_slice()) {
        Ok(payload) => Ok(Some(payload)),
        Err(_) => drawn_code::decode(&bytes).map(Some).map_err(CliError::misuse),
    }
}
