//! The SDK calls that the recorded cases stand for.

mod recorded;

use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::number::Rounding;
use quittance_code_api::request::{
    Fee, LoginOptions, NonceOptions, PaymentOptions, RequestError, SignedRequest,
};
use serde_json::Value;

pub(crate) use recorded::{hex, recorded, text};

pub(crate) fn bytes<const N: usize>(case: &Value, key: &str) -> [u8; N] {
    hex(case, key).try_into().unwrap_or_else(|_| panic!("expected {N} bytes under {key}"))
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

pub(crate) fn address(case: &Value, key: &str) -> PublicKey {
    text(case, key).parse().unwrap_or_else(|error| panic!("{key}: {error}"))
}

pub(crate) fn seed(case: &Value, key: &str) -> KeyPair {
    KeyPair::from_seed(&bytes(case, key))
}

fn fees(input: &Value) -> Option<Vec<Fee>> {
    let fees = input["fees"].as_array()?;
    Some(
        fees.iter()
            .map(|fee| Fee { destination: address(fee, "destination"), basis_points: bps(fee) })
            .collect(),
    )
}

fn bps(fee: &Value) -> u32 {
    fee["basisPoints"].as_u64().and_then(|bps| bps.try_into().ok()).expect("basis points")
}

pub(crate) fn nonce_options(input: &Value) -> NonceOptions<'_> {
    NonceOptions {
        idempotency_key: input["idempotencyKey"].as_str(),
        client_secret: input["clientSecret"].as_str(),
        given: None,
    }
}

/// What the SDK's `create` builds from the recorded options.
pub(crate) fn payment(
    input: &Value,
    rounding: Rounding,
    verifier: Option<&KeyPair>,
    nonce: NonceOptions<'_>,
) -> Result<SignedRequest, RequestError> {
    let amount = input["amount"].as_f64().map(|amount| rounding.hundredths(amount).expect("an amount"));
    let fees = fees(input);
    let login = input.get("login").map(|login| LoginOptions {
        domain: text(login, "domain"),
        verifier: verifier.expect("a login has a verifier"),
    });
    let options = PaymentOptions {
        destination: input["destination"].as_str(),
        hundredths: amount,
        currency: input["currency"].as_str(),
        fees: fees.as_deref(),
        nonce,
        login,
    };
    options.build()
}
