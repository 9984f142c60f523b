//! What a payer's app checks before it signs: the terms are the merchant's, not the sequencer's.

use data_encoding::BASE64;
use prost::Message as _;
use quittance_code_api::base_domain::base_domain;
use quittance_code_api::number::hundredths_from_double;
use quittance_code_api::proto::code::common::v1::SolanaAccountId;
use quittance_code_api::proto::code::messaging::v1::message::Kind;
use quittance_code_api::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use quittance_code_api::proto::code::messaging::v1::{Message, RequestToReceiveBill};
use quittance_code_api::submission::agreement;
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::{Event, PaymentForm, Record, SignedForm};
use quittance_core::ids::{AccountId, IntentId, Signature};
use quittance_core::metadata::Metadata;
use quittance_core::money::{BasisPoints, NativeAmount};
use quittance_core::payment::{Payment, Purpose};
use quittance_core::site::Site;
use quittance_core::terms::{Fee, Terms};
use quittance_core::verify::is_signed_by;
use quittance_http_api::document;

use crate::error::{CliError, Kind as Blame};

/// The terms that the rendezvous key signed, after checking that the sequencer shows the same ones.
///
/// # Errors
/// The signature is not the rendezvous key's, or covers other terms than those shown.
pub(crate) fn signed_terms(id: &IntentId, intent: &document::Intent) -> Result<Terms, CliError> {
    let authorization = &intent.authorization;
    let signed = BASE64
        .decode(authorization.signed.as_bytes())
        .map_err(|_| forged("its signed bytes are not base64"))?;
    let signature: Signature =
        authorization.signature.parse().map_err(|error| forged(&format!("its signature: {error}")))?;
    if !is_signed_by(&id.0, &signed, &signature) {
        return Err(forged("the rendezvous key did not sign them"));
    }
    let terms = match authorization.form.as_str() {
        "code_message" => from_message(&signed)?,
        // The engine's own form has no reader: the terms shown give the same bytes or are not the terms signed.
        "native" => {
            let shown = intent.terms.as_ref().ok_or_else(|| forged("it shows none"))?;
            let shown = Terms::try_from(shown).map_err(|error| forged(&error.to_string()))?;
            if shown.signing_bytes(*id) != signed {
                return Err(forged("the terms shown are not the terms signed"));
            }
            shown
        }
        form => {
            let message = format!(
                "the terms are signed in a form that this program cannot read: {form}. Nothing was signed"
            );
            return Err(CliError::new(Blame::Misuse, message));
        }
    };
    if Some(document::Terms::from(&terms)) != intent.terms {
        return Err(forged("the terms shown are not the terms signed"));
    }
    Ok(terms)
}

/// Checks that a quoted payment is what the terms ask for, and nothing more. The service fee is the sequencer's to set; the
/// caller shows it.
///
/// # Errors
/// It pays somebody else, another amount, or another intent.
pub(crate) fn check_quote(
    payment: &Payment,
    id: &IntentId,
    payer: AccountId,
    terms: &Terms,
) -> Result<(), CliError> {
    let wrong = |what: &str| {
        let message =
            format!("the sequencer's quote is not what the merchant asked for: {what}. Nothing was signed");
        Err(CliError::new(Blame::Refused, message))
    };
    if (payment.intent, payment.payer) != (*id, payer) {
        return wrong("it is for another intent or payer");
    }
    if (payment.currency, payment.amount) != (terms.currency, terms.amount) {
        return wrong("its amount or currency differs");
    }
    if terms.currency == Currency::KIN && payment.rate != Rate::ONE {
        return wrong("a kin is not worth a kin in it");
    }
    let Some(total) = payment.total() else { return wrong("its transfers do not add up") };
    if payment.rate.quarks(terms.amount) != Some(total) {
        return wrong("its transfers are not worth the amount at its rate");
    }
    // One cent of the smallest request, five cents, is a fifth of it; more than half is no fee.
    let service: Vec<_> = payment.transfers.iter().filter(|t| t.purpose == Purpose::ServiceFee).collect();
    if service.len() > 1 || service.iter().any(|fee| fee.quarks.get() > total.get() / 2) {
        return wrong("it takes more than one service fee, or more than half of the payment for it");
    }
    let fees: Vec<_> = payment.transfers.iter().filter(|transfer| transfer.purpose == Purpose::Fee).collect();
    let asked: Vec<_> = terms.fees.iter().filter(|fee| total.share(fee.basis_points).get() > 0).collect();
    let same = fees.len() == asked.len()
        && fees.iter().zip(&asked).all(|(transfer, fee)| {
            transfer.destination == fee.destination && transfer.quarks == total.share(fee.basis_points)
        });
    if !same {
        return wrong("its fees differ");
    }
    let mut rest = payment.transfers.iter().filter(|transfer| transfer.purpose == Purpose::Destination);
    match (rest.next(), rest.next()) {
        (Some(transfer), None) if transfer.destination == terms.destination => Ok(()),
        _ => wrong("the rest does not go to the destination"),
    }
}

/// Whether what a record says is what its signature covers, for signatures over the official protocol's messages. The
/// engine keeps both and leaves reading the one to the adapter that brought it.
///
/// # Errors
/// What the signed message says instead.
pub(crate) fn check_record(record: &Record) -> Result<(), String> {
    match &record.event {
        Event::IntentSubmitted { payment, form: PaymentForm::CodeSubmitActions(signed), .. }
        | Event::LateSubmissionRefused { payment, form: PaymentForm::CodeSubmitActions(signed), .. } => {
            return agreement::payment(signed, payment);
        }
        Event::LoggedIn { user, authorization } if authorization.form == SignedForm::CodeLogin => {
            let intent = record.subject.ok_or("it says of no intent whose it is")?.intent;
            return agreement::login(&authorization.signed, intent, *user);
        }
        Event::RelationshipEstablished { owner, domain, authority, authorization, consent } => {
            if consent.form == SignedForm::CodeOpenAccount {
                agreement::consent(&consent.signed, *owner, *authority)?;
            }
            if authorization.form == SignedForm::CodeSubmitActions {
                agreement::relationship(&authorization.signed, *owner, domain.as_str(), *authority)?;
            }
            return Ok(());
        }
        _ => {}
    }
    let (authorization, said) = match &record.event {
        Event::IntentCreated { authorization, .. } => (authorization, "request_to_receive_bill"),
        Event::CodeScanned { authorization } => (authorization, "code_scanned"),
        Event::IntentCanceled { authorization, .. } => (authorization, "client_rejected_payment"),
        Event::LoginRequested { authorization, .. } => (authorization, "request_to_login"),
        _ => return Ok(()),
    };
    if authorization.form != SignedForm::CodeMessage {
        return Ok(());
    }
    let message = Message::decode(authorization.signed.as_slice()).map_err(|error| error.to_string())?;
    let intent = record.subject.map(|subject| subject.intent.0.to_vec());
    let same = match (&record.event, &message.kind) {
        (Event::IntentCreated { terms, .. }, Some(Kind::RequestToReceiveBill(bill))) => {
            from_bill(bill).is_some_and(|signed| signed == Terms { expires_at: None, ..(**terms).clone() })
        }
        (Event::LoginRequested { login, .. }, Some(Kind::RequestToLogin(signed))) => {
            let verifier = signed.verifier.as_ref().map(|key| key.value.as_slice());
            let domain = signed.domain.as_ref().and_then(|domain| base_domain(&domain.value).ok());
            verifier == Some(login.verifier.0.as_slice())
                && domain.is_some_and(|base| base.domain == login.domain)
        }
        (Event::IntentCanceled { .. }, Some(Kind::ClientRejectedLogin(_))) => true,
        (Event::CodeScanned { .. }, Some(Kind::CodeScanned(_))) => true,
        (Event::IntentCanceled { .. }, Some(Kind::ClientRejectedPayment(rejected))) => {
            rejected.intent_id.as_ref().map(|id| &id.value) == intent.as_ref()
        }
        _ => false,
    };
    if same { Ok(()) } else { Err(format!("the signed message is not the {said} that the record states")) }
}

/// The terms in a signed `Message`.
pub(crate) fn from_message(signed: &[u8]) -> Result<Terms, CliError> {
    let message = Message::decode(signed).map_err(|_| forged("they are not a message of the protocol"))?;
    let Some(Kind::RequestToReceiveBill(bill)) = message.kind else {
        return Err(forged("the message is not a request for a payment"));
    };
    from_bill(&bill).ok_or_else(|| forged("the message lacks a part of the terms"))
}

fn from_bill(bill: &RequestToReceiveBill) -> Option<Terms> {
    let (currency, amount) = match bill.exchange_data.as_ref()? {
        ExchangeData::Exact(exact) => (&exact.currency, exact.native_amount),
        ExchangeData::Partial(partial) => (&partial.currency, partial.native_amount),
    };
    let account = |id: Option<&SolanaAccountId>| Some(AccountId(id?.value.as_slice().try_into().ok()?));
    let fees = bill.additional_fees.iter().map(|fee| {
        Some(Fee {
            destination: account(fee.destination.as_ref())?,
            basis_points: BasisPoints::new(fee.fee_bps)?,
        })
    });
    Some(Terms {
        destination: account(bill.requestor_account.as_ref())?,
        currency: currency.parse::<Currency>().ok()?,
        amount: NativeAmount::from_hundredths(hundredths_from_double(amount).ok()?)?,
        fees: fees.collect::<Option<_>>()?,
        expires_at: None,
        metadata: Metadata::default(),
        site: site(bill)?,
    })
}

/// The site that a request names: `None` when it names one wrongly.
#[expect(clippy::option_option, reason = "no site, and a wrong one, are two things")]
fn site(bill: &RequestToReceiveBill) -> Option<Option<Box<Site>>> {
    let Some(domain) = &bill.domain else { return Some(None) };
    let verifier = match &bill.verifier {
        None => None,
        Some(key) => Some(AccountId(key.value.as_slice().try_into().ok()?)),
    };
    Some(Some(Box::new(Site { domain: base_domain(&domain.value).ok()?.domain, verifier })))
}

fn forged(why: &str) -> CliError {
    let message = format!("the terms cannot be trusted: {why}. Nothing was signed");
    CliError::new(Blame::Refused, message)
        .hint("ask the merchant; the sequencer, or somebody between, altered them")
}
