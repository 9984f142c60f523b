//! What can be asked about payments: one that was made, how much may be paid, and to whom (protocol d.7).

use std::collections::BTreeMap;

use quittance_core::currency::Rate;
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::money::{QUARKS_PER_KIN, Quarks};
use quittance_core::payment::Payment;
use quittance_core::state::{Key, Side, State};

use super::messaging::malformed;
use super::{Api, Destinations, refusal};
use crate::envelope::decode_body;
use crate::key::PublicKey;
use crate::limits;
use crate::number::hundredths_to_double;
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::can_withdraw_to_account_response::AccountType;
use crate::proto::code::transaction::v2::get_intent_metadata_response::Result as Found;
use crate::proto::code::transaction::v2::metadata::Type;
use crate::schema::{GET_LIMITS, INTENT_KEY_AND_SIGNATURE, Schema};
use crate::solana::instruction::Locked;
use crate::status::Status;
use crate::submission::payment::rate_to_double;
use crate::validate::Validate as _;
use crate::wire;

/// `GetIntentMetadata`: a payment, for its payer, its receiver, or whoever has seen the code. A relationship has no intent here
/// and is never found.
pub(super) async fn get_intent_metadata(
    api: &Api,
    body: &[u8],
) -> Result<transaction::GetIntentMetadataResponse, Status> {
    let request: transaction::GetIntentMetadataRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let intent = request.intent_id.as_ref().and_then(|id| PublicKey::from_slice(&id.value));
    let intent = intent.ok_or_else(|| Status::invalid_argument("intent_id must be set"))?;
    let owner = request.owner.as_ref().and_then(|owner| PublicKey::from_slice(&owner.value));
    let fields = (&INTENT_KEY_AND_SIGNATURE, 3);
    authenticate(owner.unwrap_or(intent), body, fields, request.signature.as_ref())?;
    let (id, asker) = (IntentId(intent.0), owner.map(|owner| AccountId(owner.0)));
    let look = move |state: &State| {
        let payment = state.intent(&id)?.submission()?.payment.clone();
        let destination = payment.transfers.last().map(|transfer| transfer.destination);
        let may_ask = asker.is_none_or(|asker| asker == payment.payer || Some(asker) == destination);
        may_ask.then_some(payment)
    };
    let payment = api.engine.query_about(Key::Intent(id), look).await;
    let payment = payment.map_err(|error| refusal::failed(error, id))?;
    let metadata = payment.as_ref().map(metadata);
    let result = if metadata.is_some() { Found::Ok } else { Found::NotFound };
    Ok(transaction::GetIntentMetadataResponse { result: result.into(), metadata })
}

/// A payment as the protocol tells it: its native amount follows from whole kin.
fn metadata(payment: &Payment) -> transaction::Metadata {
    let destination = payment.transfers.last().map(|transfer| PublicKey(transfer.destination.0).into());
    let source = Locked::of(PublicKey(payment.payer.0), PublicKey(payment.node.0)).vault();
    let (rate, total) = (rate_to_double(payment.rate), payment.total().unwrap_or_default());
    let exchange_data = transaction::ExchangeData {
        currency: payment.currency.to_string(),
        exchange_rate: rate,
        native_amount: rate * double(total.get() / QUARKS_PER_KIN),
        quarks: total.get(),
    };
    let payment = transaction::SendPublicPaymentMetadata {
        destination,
        exchange_data: Some(exchange_data),
        is_withdrawal: true,
        source: Some(source.into()),
    };
    transaction::Metadata { r#type: Some(Type::SendPublicPayment(payment)) }
}

/// `GetLimits`: what the policy lets this payer pay, in every currency that has a price, and the bounds of requests. The
/// node's day is the last 24 hours, whatever `consumed_since` says.
pub(super) async fn get_limits(api: &Api, body: &[u8]) -> Result<transaction::GetLimitsResponse, Status> {
    let request: transaction::GetLimitsRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let owner = request.owner.as_ref().and_then(|owner| PublicKey::from_slice(&owner.value));
    let owner = owner.ok_or_else(|| Status::invalid_argument("owner must be set"))?;
    authenticate(owner, body, (&GET_LIMITS, 2), request.signature.as_ref())?;
    let (payer, now) = (AccountId(owner.0), api.engine.now());
    let look = move |state: &State| {
        let policy = state.policy();
        let spent = state.usage().day(Side::Payer, &payer, now.max(state.time()));
        let rates: Vec<_> =
            state.rates().latest().map(|table| table.rates.clone()).into_iter().flatten().collect();
        (policy.max_payment, policy.payer_limits.per_day.unwrap_or(Quarks::MAX), spent, rates)
    };
    let (once, day, spent, rates) =
        api.engine.query(look).await.map_err(|error| refusal::failed(error, IntentId(owner.0)))?;
    let left = once.min(day.checked_sub(spent).unwrap_or_default());
    let kin = (quittance_core::currency::Currency::KIN, Rate::ONE);
    let send_limits_by_currency = rates.into_iter().chain([kin]).map(|(currency, rate)| {
        let limit = transaction::SendLimit {
            next_transaction: native(rate, left),
            max_per_transaction: native(rate, once.min(day)),
            max_per_day: native(rate, day),
        };
        (currency.to_string(), limit)
    });
    Ok(transaction::GetLimitsResponse {
        result: transaction::get_limits_response::Result::Ok.into(),
        send_limits_by_currency: send_limits_by_currency.collect(),
        deposit_limit: None,
        micro_payment_limits_by_currency: micro_payment_limits(),
        buy_module_limits_by_currency: BTreeMap::new(),
    })
}

fn micro_payment_limits() -> BTreeMap<String, transaction::MicroPaymentLimit> {
    let limits = limits::all().map(|(code, limit)| {
        let limit = transaction::MicroPaymentLimit {
            max_per_transaction: float(hundredths_to_double(limit.max_hundredths)),
            min_per_transaction: float(hundredths_to_double(limit.min_hundredths)),
        };
        (code.to_owned(), limit)
    });
    limits.collect()
}

/// `CanWithdrawToAccount`: whether a merchant could name the account as its destination.
pub(super) async fn can_withdraw_to_account(
    api: &Api,
    body: &[u8],
) -> Result<transaction::CanWithdrawToAccountResponse, Status> {
    let request: transaction::CanWithdrawToAccountRequest = decode_body(body)?;
    request.validate().map_err(Status::invalid_argument)?;
    let account = request.account.as_ref().and_then(|account| PublicKey::from_slice(&account.value));
    let account = account.ok_or_else(|| Status::invalid_argument("account must be set"))?;
    let id = AccountId(account.0);
    let is_valid_payment_destination = match &api.options.destinations {
        Destinations::Any => true,
        Destinations::Known(known) if known.contains(&id) => true,
        Destinations::Known(_) => {
            let look = move |state: &State| state.ledger().contains(&id);
            api.engine.query(look).await.map_err(|error| refusal::failed(error, IntentId(account.0)))?
        }
    };
    // An account here takes quarks as it stands; there is none to be made for it first.
    let account_type =
        if is_valid_payment_destination { AccountType::TokenAccount } else { AccountType::Unknown };
    Ok(transaction::CanWithdrawToAccountResponse {
        is_valid_payment_destination,
        account_type: account_type.into(),
        requires_initialization: false,
    })
}

/// Checks a request that carries its own signature, in the field of that number.
fn authenticate(
    key: PublicKey,
    body: &[u8],
    (schema, field): (&Schema, u32),
    signature: Option<&common::Signature>,
) -> Result<(), Status> {
    // A request with two readings: a signature could cover the one and the other be answered.
    if wire::reordered(body, schema, wire::Order::Ascending).map_err(malformed)?.is_none() {
        return Err(Status::invalid_argument("expected each field once"));
    }
    let signature = signature.and_then(|signature| signature.value.as_slice().try_into().ok());
    let signature = signature.ok_or_else(|| Status::invalid_argument("signature must be set"))?;
    let candidates = wire::signed_candidates(body, schema, Some(field)).map_err(malformed)?;
    let valid = candidates.iter().any(|signed| key.verifies(signed, &signature));
    if valid { Ok(()) } else { Err(Status::unauthenticated()) }
}

/// For a client's display alone: nothing is decided by it.
fn native(rate: Rate, quarks: Quarks) -> f32 {
    float(rate_to_double(rate) * double(quarks.get()) / double(QUARKS_PER_KIN))
}

#[expect(clippy::cast_precision_loss, reason = "the protocol has floating point here")]
fn double(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "the protocol has single precision here")]
fn float(number: f64) -> f32 {
    number as f32
}
