//! `quittance pay --grpc`: the same as an official payer's app does it, message by message (protocol d.8).

use std::time::Duration;

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use quittance_code_api::call::{self, SignedMessage};
use quittance_code_api::envelope::Method;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::number::Decimal;
use quittance_code_api::payer::{Draft, Order};
use quittance_code_api::proto::code::currency::v1 as currency;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::proto::code::transaction::v2 as transaction;
use quittance_code_api::proto::code::transaction::v2::error_details::Type;
use quittance_code_api::proto::code::transaction::v2::submit_intent_response::{Error, Response};
use quittance_code_api::solana::instruction::Locked;
use quittance_code_api::submission::agreement;
use quittance_code_api::wire;
use quittance_core::currency::{Currency, Rate};
use quittance_core::ids::{AccountId, IntentId, NodeId, Signature};
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::terms::Terms;
use quittance_core::verify::is_signed_by;
use quittance_http_api::document;

use crate::client::Client;
use crate::error::{CliError, Kind};
use crate::grpc::Grpc;
use crate::output::Output;
use crate::pay::{AGAIN, Bounds, Paid, Seen, check_node, note_site, now, settled};
use crate::terms::{from_message, signed_terms};

/// The service's own fee: a cent (protocol a.7).
const SERVICE_CENTS: u64 = 1;

/// What a node that charges no fee of its own says to a payment with one (protocol e.6).
const NO_FEE: &str = "intent doesn't require a fee payment";

/// Reads the merchant's own request from the mailbox of the code, checks it, signs the actions, then each transaction, and
/// waits.
pub(crate) async fn pay(
    client: &Client,
    seen: &Seen,
    key: &SigningKey,
    bounds: &Bounds,
    wait: Duration,
    output: &Output,
) -> Result<Paid, CliError> {
    let (id, grpc, owner) = (seen.id(), Grpc::new(client.server())?, KeyPair::from_seed(&key.to_bytes()));
    let node = check_node(client, bounds).await?;
    let rendezvous = rendezvous(client, seen).await?;
    let terms = request(&grpc, id, &rendezvous).await?;
    // The code that was scanned has to say what the request says.
    seen.rendezvous(&terms)?;
    let scanned = SignedMessage::code_scanned(&rendezvous, now()).to_request();
    match grpc.call::<messaging::SendMessageResponse>(Method::SendMessage, &scanned).await {
        Ok(_) => output.note("scanned   the code belongs to the intent and to its terms"),
        Err(refused) => output.note(&format!("not marked as scanned ({refused})")),
    }
    let amount = document::amount(terms.currency, terms.amount);
    output.note(&format!("terms     {amount} {} for {}", terms.currency, terms.destination));
    note_site(&terms, output);
    let made = match paid_before(&grpc, id, &owner, node).await? {
        true => None,
        false => Some(submit(&grpc, id, node, &owner, &terms, bounds, output).await?),
    };
    paid(client, id, &owner, &terms, wait, made.as_deref()).await
}

/// The key pair that whoever has seen the code shares.
async fn rendezvous(client: &Client, seen: &Seen) -> Result<KeyPair, CliError> {
    match seen {
        Seen::Code(payload) => Ok(KeyPair::rendezvous(payload)),
        // An app has the amount from the page that shows the code; here the sequencer says it, and the code's key proves it.
        Seen::Secret(id, _) => {
            let terms = signed_terms(id, &client.intent(id).await?)?;
            let pair = seen.rendezvous(&terms)?;
            pair.ok_or_else(|| CliError::failed("a client secret gives no code"))
        }
        Seen::Id(_) => Err(CliError::misuse(
            "--grpc reads the request from the mailbox of its code, and an id is no code",
        )
        .hint("give the code instead of the id, or --client-secret too")),
    }
}

/// The merchant's request, with its signature checked over the bytes that came.
async fn request(grpc: &Grpc, id: IntentId, rendezvous: &KeyPair) -> Result<Terms, CliError> {
    let answer = grpc.call_raw(Method::PollMessages, &call::poll_messages(rendezvous)).await?;
    genuine(&answer, id)?.ok_or_else(|| {
        let message =
            "the mailbox of this code has no request for a payment that its key has signed. Nothing was signed";
        CliError::new(Kind::Refused, message).hint("pay without --grpc, if the merchant used the native API")
    })
}

/// The terms of the first request in a `PollMessagesResponse` that the code's key has signed.
fn genuine(answer: &[u8], id: IntentId) -> Result<Option<Terms>, CliError> {
    let strange = |error| CliError::failed(format!("the messages cannot be read: {error}"));
    for message in wire::fields(answer).map_err(strange)?.iter().filter(|field| field.number == 1) {
        let wire::Value::Delimited(message) = message.value else { continue };
        // Neither the id nor the signature is covered by the signature.
        let signed = wire::without_field(message, 1).and_then(|rest| wire::without_field(&rest, 3));
        let signed = signed.map_err(strange)?;
        let signature = wire::sub_message(message, 3).and_then(|signature| wire::sub_message(signature, 1));
        let signature = signature.ok().and_then(|bytes| bytes.try_into().ok()).map(Signature);
        let genuine = signature.is_some_and(|signature| is_signed_by(&id.0, &signed, &signature));
        if genuine && let Ok(terms) = from_message(&signed) {
            return Ok(Some(terms));
        }
    }
    Ok(None)
}

/// Whether this payer's payment is in already.
async fn paid_before(grpc: &Grpc, id: IntentId, owner: &KeyPair, node: NodeId) -> Result<bool, CliError> {
    let request = call::get_own_intent_metadata(PublicKey(id.0), owner);
    let answer: transaction::GetIntentMetadataResponse =
        grpc.call(Method::GetIntentMetadata, &request).await?;
    let vault = Locked::of(owner.public_key(), PublicKey(node.0)).vault();
    let source = match answer.metadata.and_then(|metadata| metadata.r#type) {
        Some(transaction::metadata::Type::SendPublicPayment(payment)) => payment.source,
        _ => None,
    };
    Ok(source.is_some_and(|source| source.value == vault.0))
}

/// What was signed and accepted: the actions.
async fn submit(
    grpc: &Grpc,
    id: IntentId,
    node: NodeId,
    owner: &KeyPair,
    terms: &Terms,
    bounds: &Bounds,
    output: &Output,
) -> Result<Vec<u8>, CliError> {
    let rates: currency::GetAllRatesResponse =
        grpc.call(Method::GetAllRates, &currency::GetAllRatesRequest { timestamp: None }).await?;
    let rate = |currency: Currency| {
        let Decimal { mantissa, scale } = Decimal::from_double(*rates.rates.get(currency.as_str())?).ok()?;
        Rate::new(mantissa, scale)
    };
    let known = if terms.currency == Currency::KIN { Some(Rate::ONE) } else { rate(terms.currency) };
    let known = known.ok_or_else(|| {
        CliError::new(Kind::Refused, format!("{} has no exchange rate for {}", grpc.server(), terms.currency))
    })?;
    let cent = NativeAmount::from_hundredths(SERVICE_CENTS);
    let service_fee = rate(Currency::USD).zip(cent).and_then(|(rate, cent)| rate.quarks(cent));
    let mut order = Order {
        intent: PublicKey(id.0),
        node: PublicKey(node.0),
        destination: terms.destination,
        currency: terms.currency,
        amount: terms.amount,
        fees: &terms.fees,
        rate: known,
        service_fee,
    };
    let refuse = |what: String| CliError::new(Kind::Refused, format!("{what}. Nothing was signed"));
    let total = order.total().map_err(|error| refuse(error.to_string()))?;
    if let Some(max) = bounds.max_quarks.filter(|max| total.get() > *max) {
        return Err(refuse(format!("the payment takes {} quarks, --max-quarks allows {max}", total.get())));
    }
    // More than half is no fee, whatever a sequencer's exchange rate for the dollar makes of a cent.
    if let Some(fee) = service_fee.filter(|fee| fee.get() > total.get() / 2) {
        return Err(refuse(format!(
            "the service fee of {} quarks is more than half of the payment",
            fee.get()
        )));
    }
    output.note(&format!("          {} quarks at {} {} a kin", total.get(), order.rate, order.currency));
    loop {
        let draft = order.draft(owner).map_err(|error| refuse(error.to_string()))?;
        match exchange(grpc, &draft, owner).await? {
            None => return Ok(draft.signed().to_vec()),
            Some(error) if order.service_fee.is_some() && reason(&error) == NO_FEE => {
                order.service_fee = None;
            }
            Some(error) => {
                let message = format!("{} refuses the payment: {}", grpc.server(), reason(&error));
                return Err(CliError::new(Kind::Refused, message));
            }
        }
    }
}

/// One call: the actions, the nonces, the signatures. The error that the node answers with, if it does.
async fn exchange(grpc: &Grpc, draft: &Draft, owner: &KeyPair) -> Result<Option<Error>, CliError> {
    let mut call = grpc.open(Method::SubmitIntent);
    call.send(&draft.first_message()).await?;
    let parameters = match response(call.next().await?)? {
        Response::ServerParameters(parameters) => parameters,
        Response::Error(error) => return Ok(Some(error)),
        Response::Success(_) => {
            return Err(CliError::failed("the node took a payment without its signatures"));
        }
    };
    let signatures = draft.second_message(owner, &parameters).map_err(CliError::failed)?;
    let unknown = |error: CliError| error.outcome_unknown("payment", AGAIN);
    call.send(&signatures).await.map_err(unknown)?;
    match response(call.next().await.map_err(unknown)?)? {
        Response::Success(_) => Ok(None),
        Response::Error(error) => Ok(Some(error)),
        Response::ServerParameters(_) => Err(CliError::failed("the node sent its parameters twice")),
    }
}

pub(crate) fn response(message: Option<Vec<u8>>) -> Result<Response, CliError> {
    use prost::Message as _;
    let message = message.unwrap_or_default();
    let response = transaction::SubmitIntentResponse::decode(message.as_slice()).map_err(CliError::failed)?;
    response.response.ok_or_else(|| CliError::failed("the node ended the submission without an answer"))
}

/// The first reason of an error, or what kind it is.
pub(crate) fn reason(error: &Error) -> &str {
    let reasons = error.error_details.iter().map(|detail| match &detail.r#type {
        Some(Type::ReasonString(reason)) => reason.reason.as_str(),
        Some(Type::InvalidSignature(_)) => "a signature over a transaction does not verify",
        None => "no reason given",
    });
    reasons.into_iter().next().unwrap_or("no reason given")
}

/// How it ended, after checking that the payment which the sequencer shows is the one that was made: now, or before.
async fn paid(
    client: &Client,
    id: IntentId,
    owner: &KeyPair,
    terms: &Terms,
    wait: Duration,
    made: Option<&[u8]>,
) -> Result<Paid, CliError> {
    let unknown = |error: CliError| {
        let message = format!("the payment was accepted, but not how it ended: {}", error.message());
        CliError::new(Kind::Unreachable, message).hint(AGAIN)
    };
    let intent = settled(client, &id, wait).await.map_err(unknown)?;
    let steps = client.why(&id).await.map_err(unknown)?;
    let submitted = steps.iter().rev().find(|step| step.cause == "submit" && step.guard.is_none());
    let position = submitted.and_then(|step| step.positions.last()).copied();
    let payment = intent.payment.as_ref().and_then(|shown| own(shown, id, owner.public_key(), terms, made));
    let (Some(payment), Some(position)) = (payment, position) else {
        return Err(CliError::failed(format!("{} shows another payment than the one made", client.server())));
    };
    let repeated = made.is_none();
    let accepted = document::Accepted { id: id.to_string(), state: intent.state.clone(), position, repeated };
    Ok(Paid { intent, payment, accepted })
}

/// The payment that is shown, if the payer has signed it: these very actions, where they were made now.
fn own(
    shown: &document::Payment,
    id: IntentId,
    owner: PublicKey,
    terms: &Terms,
    made: Option<&[u8]>,
) -> Option<Payment> {
    let payload = BASE64.decode(shown.payload.as_bytes()).ok()?;
    let payment = Payment::from_bytes(&payload).ok()?;
    let is_of_these_terms = (payment.intent, payment.payer) == (id, AccountId(owner.0))
        && (payment.currency, payment.amount) == (terms.currency, terms.amount)
        && payment.transfers.last().map(|last| last.destination) == Some(terms.destination)
        && payment.total().is_some_and(|total| total > Quarks::ZERO);
    let signed = match &shown.submit_actions {
        Some(actions) => {
            let actions = BASE64.decode(actions.as_bytes()).ok()?;
            agreement::payment(&actions, &payment).ok()?;
            actions
        }
        // One that was made before may have been made with the native API.
        None => payload,
    };
    let signature: Signature = shown.signature.parse().ok()?;
    let is_the_one = made.is_none_or(|made| made == signed);
    (is_of_these_terms && is_the_one && is_signed_by(&owner.0, &signed, &signature)).then_some(payment)
}

#[cfg(test)]
mod tests {
    use quittance_code_api::request::{NonceOptions, PaymentOptions};
    use quittance_code_api::wire::delimited;
    use quittance_core::ids::Timestamp;
    use quittance_core::metadata::Metadata;
    use quittance_core::payment::{Purpose, Transfer};

    use super::*;

    /// A message as a server relays it: an id, the signature, what was signed.
    fn relayed(signed: &[u8], signature: &[u8]) -> Vec<u8> {
        let parts = [&delimited(1, &delimited(1, &[7; 16])), &delimited(3, &delimited(1, signature)), signed];
        delimited(1, &parts.concat())
    }

    /// Lost if this fails: a server that has never seen the code changes what is asked for, and the payer pays that.
    #[test]
    fn only_what_the_codes_key_has_signed_is_read() {
        let options = PaymentOptions {
            destination: Some("E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR"),
            hundredths: Some(25),
            currency: Some("usd"),
            nonce: NonceOptions::idempotency_key("order-1"),
            ..PaymentOptions::default()
        };
        let request = options.build().unwrap();
        let id = IntentId(request.intent_id().0);
        let (signed, signature) =
            (request.signed_message().message(), request.signed_message().signature().to_vec());
        let scan = SignedMessage::code_scanned(request.rendezvous_key(), prost_types::Timestamp::default());
        let scan = relayed(&scan.message(), scan.signature());
        let honest = [scan.clone(), relayed(&signed, &signature)].concat();
        let terms = genuine(&honest, id).unwrap().unwrap();
        assert_eq!((terms.amount.hundredths(), terms.currency), (25, Currency::USD));
        let dearer = PaymentOptions { hundredths: Some(26), ..options }.build().unwrap();
        let forged = [
            relayed(&dearer.signed_message().message(), &signature),
            relayed(&dearer.signed_message().message(), dearer.signed_message().signature()),
            relayed(&signed, &[0; 64]),
            delimited(1, &signed),
            scan,
            Vec::new(),
        ];
        for answer in forged {
            assert_eq!(genuine(&answer, id).unwrap(), None);
        }
        assert!(genuine(b"no messages", id).is_err());
    }

    /// Lost if this fails: a sequencer takes another payment than the one that was signed, and the payer is told that all is well.
    #[test]
    fn a_payment_is_ones_own_when_one_has_signed_it() {
        let owner = KeyPair::from_seed(&[7; 32]);
        let (id, node, key) = (IntentId([3; 32]), PublicKey([4; 32]), owner.public_key());
        let (destination, amount) = (AccountId([5; 32]), NativeAmount::from_hundredths(250_000).unwrap());
        let terms = Terms {
            destination,
            currency: Currency::KIN,
            amount,
            fees: Vec::new(),
            expires_at: None,
            metadata: Metadata::default(),
            site: None,
        };
        let actions = |destination| {
            let order = Order {
                intent: PublicKey(id.0),
                node,
                destination,
                currency: Currency::KIN,
                amount,
                fees: &[],
                rate: Rate::ONE,
                service_fee: None,
            };
            order.draft(&owner).unwrap().signed().to_vec()
        };
        let payment = Payment {
            node: NodeId(node.0),
            intent: id,
            payer: AccountId(key.0),
            currency: Currency::KIN,
            amount,
            rate: Rate::ONE,
            transfers: vec![Transfer {
                purpose: Purpose::Destination,
                destination,
                quarks: Quarks::new(250_000_000),
            }],
            valid_until: Timestamp(9),
        };
        let shown = |payment: &Payment, actions: &[u8], signature: [u8; 64]| document::Payment {
            payer: payment.payer.to_string(),
            rate: "1".into(),
            quarks: 250_000_000,
            transfers: Vec::new(),
            payload: BASE64.encode(&payment.to_bytes()),
            submit_actions: Some(BASE64.encode(actions)),
            signature: Signature(signature).to_string(),
            transactions: Vec::new(),
        };
        let (made, other) = (actions(destination), actions(AccountId([6; 32])));
        let honest = shown(&payment, &made, owner.sign(&made));
        for made in [None, Some(made.as_slice())] {
            assert_eq!(own(&honest, id, key, &terms, made).as_ref(), Some(&payment));
        }
        let native = document::Payment {
            submit_actions: None,
            signature: Signature(owner.sign(&payment.to_bytes())).to_string(),
            ..honest.clone()
        };
        assert_eq!(own(&native, id, key, &terms, None).as_ref(), Some(&payment));
        let mut dearer = payment.clone();
        dearer.transfers[0].quarks = Quarks::new(250_000_001);
        let stranger = KeyPair::from_seed(&[8; 32]);
        for (shown, made) in [
            (shown(&dearer, &made, owner.sign(&made)), None),
            (shown(&payment, &made, [1; 64]), None),
            (shown(&payment, &made, stranger.sign(&made)), None),
            (shown(&payment, &other, owner.sign(&other)), None),
            (honest.clone(), Some(other.as_slice())),
            (native, Some(made.as_slice())),
            (document::Payment { submit_actions: None, ..honest.clone() }, None),
        ] {
            assert_eq!(own(&shown, id, key, &terms, made), None, "{shown:?}");
        }
        assert_eq!(own(&honest, IntentId([9; 32]), key, &terms, None), None);
    }
}
