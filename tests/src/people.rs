//! A merchant and a payer, as threads of a test: the official protocol on one side, the native JSON on the other.

use std::io;

use data_encoding::BASE64;
use ed25519_dalek::{Signer, SigningKey};
use prost::Message as _;
use quittance_code_api::call::get_status;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::key::PublicKey;
use quittance_code_api::proto::code::micropayment::v1::GetStatusResponse;
use quittance_code_api::request::{Fee, NonceOptions, PaymentOptions, SignedRequest};
use quittance_http_api::document;
use serde_json::json;

use crate::http::{self, Answer};

/// The destination that the recorded cases use.
pub const MERCHANT: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";

/// A merchant's request, known to the merchant by `name`.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn order(destination: &str, hundredths: u64, currency: &str, name: &str) -> SignedRequest {
    order_with_fees(destination, hundredths, currency, name, None)
}

/// The same with shares for others.
///
/// # Panics
/// It cannot be built.
#[must_use]
pub fn order_with_fees(
    destination: &str,
    hundredths: u64,
    currency: &str,
    name: &str,
    fees: Option<&[Fee]>,
) -> SignedRequest {
    let options = PaymentOptions {
        destination: Some(destination),
        hundredths: Some(hundredths),
        currency: Some(currency),
        fees,
        nonce: NonceOptions::idempotency_key(name),
        login: None,
    };
    options.build().unwrap_or_else(|error| panic!("a request for {hundredths} {currency}: {error}"))
}

/// Sends one call in its envelope and opens the answer's.
///
/// # Errors
/// No whole answer came.
///
/// # Panics
/// The answer is no envelope.
pub fn call(address: &str, call: &[u8]) -> io::Result<(u16, Result<Vec<u8>, String>)> {
    let answer = http::call(address, "POST", "/v1/api/", "application/octet-stream", call)?;
    let opened = envelope::decode_response(&answer.body)
        .unwrap_or_else(|error| panic!("HTTP {} is no envelope: {error}: {}", answer.status, answer.text()));
    Ok((answer.status, opened.map_err(|refusal| refusal.to_string())))
}

/// Creates an intent as the JavaScript SDK does. The inner result says whether the server acknowledged it.
///
/// # Errors
/// No whole answer came.
pub fn create(address: &str, request: &SignedRequest) -> io::Result<Result<(), String>> {
    let (status, opened) = call(address, &request.signed_message().envelope())?;
    Ok(opened.and_then(|_| if status == 200 { Ok(()) } else { Err(format!("HTTP {status}")) }))
}

/// What the JavaScript SDK asks about an intent.
///
/// # Errors
/// No whole answer came.
///
/// # Panics
/// The answer is a refusal or not the right message.
pub fn status(address: &str, intent: PublicKey) -> io::Result<GetStatusResponse> {
    let body = get_status(intent).encode_to_vec();
    let (_, opened) = call(address, &envelope::encode_request(Method::GetStatus, body))?;
    let body = opened.unwrap_or_else(|refusal| panic!("the status of {intent} is refused: {refusal}"));
    Ok(GetStatusResponse::decode(body.as_slice()).expect("the answer to getStatus"))
}

/// Somebody who pays.
#[derive(Clone, Debug)]
pub struct Payer {
    key: SigningKey,
}

impl Payer {
    /// The payer of that number, always the same.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        let mut seed = *b"a payer of the end-to-end tests.";
        seed[..8].copy_from_slice(&number.to_le_bytes());
        Self { key: SigningKey::from_bytes(&seed) }
    }

    /// Its account.
    #[must_use]
    pub fn account(&self) -> String {
        bs58::encode(self.key.verifying_key().as_bytes()).into_string()
    }

    /// Puts quarks into its account; `key` makes it happen once.
    ///
    /// # Errors
    /// No whole answer came.
    pub fn deposit(&self, address: &str, key: &str, quarks: u64) -> io::Result<Answer> {
        http::post(
            address,
            &format!("/v1/accounts/{}/deposits", self.account()),
            &json!({ "quarks": quarks, "key": key }),
        )
    }

    /// What its account holds.
    ///
    /// # Errors
    /// No whole answer came.
    ///
    /// # Panics
    /// The answer is not an account.
    pub fn holds(&self, address: &str) -> io::Result<document::Account> {
        let answer = http::get(address, &format!("/v1/accounts/{}", self.account()))?;
        Ok(serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text())))
    }

    /// Asks what it would sign to pay `intent`.
    ///
    /// # Errors
    /// No whole answer came.
    pub fn quote(&self, address: &str, intent: &str) -> io::Result<Result<document::Quote, Answer>> {
        let answer =
            http::post(address, &format!("/v1/intents/{intent}/quote"), &json!({ "payer": self.account() }))?;
        Ok(if answer.is_success() { Ok(read(&answer)) } else { Err(answer) })
    }

    /// Signs a quote.
    ///
    /// # Panics
    /// The quote's payload is not base64.
    #[must_use]
    pub fn sign(&self, quote: &document::Quote) -> document::Submission {
        let payload = BASE64.decode(quote.payload.as_bytes()).expect("a payload in base64");
        let signature = bs58::encode(self.key.sign(&payload).to_bytes()).into_string();
        let (payer, payload) = (self.account(), quote.payload.clone());
        document::Submission { payer, payload, signature, expected_revision: None }
    }
}

/// Submits a signed payment.
///
/// # Errors
/// No whole answer came.
pub fn submit(
    address: &str,
    intent: &str,
    submission: &document::Submission,
) -> io::Result<Result<document::Accepted, Answer>> {
    let answer = http::post(address, &format!("/v1/intents/{intent}/submissions"), &json!(submission))?;
    Ok(if answer.is_success() { Ok(read(&answer)) } else { Err(answer) })
}

/// An intent as the native API shows it.
///
/// # Errors
/// No whole answer came.
pub fn intent(address: &str, intent: &str) -> io::Result<Result<document::Intent, Answer>> {
    let answer = http::get(address, &format!("/v1/intents/{intent}"))?;
    Ok(if answer.is_success() { Ok(read(&answer)) } else { Err(answer) })
}

fn read<T: serde::de::DeserializeOwned>(answer: &Answer) -> T {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}
