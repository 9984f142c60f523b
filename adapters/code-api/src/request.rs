//! What a merchant's SDK builds: from a price to signed bytes, with nothing but the merchant's own options.
//!
//! The same options always give the same bytes, so a merchant's server, its browser page and this crate agree on one
//! intent id without talking to each other.

use core::str::FromStr;

use prost::Message as _;
use serde::Serialize;
use thiserror::Error;

use crate::call::SignedMessage;
use crate::currency_index::{Currency, UnknownCurrency};
use crate::drawn_code::{self, CODE_LEN};
use crate::key::{Base58Error, KeyPair, PublicKey, base58};
use crate::login_domain::{self, LoginDomainError};
use crate::nonce::{ClientSecretError, Nonce};
use crate::number::{MAX_HUNDREDTHS, hundredths_to_double};
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::messaging::v1::message::Kind;
use crate::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use crate::proto::code::transaction::v2 as transaction;
use crate::scan_code::{PAYLOAD_LEN, ScanCode, ScanCodeError};

/// One kin is 100 000 quarks, so one hundredth of a kin is this many.
pub const QUARKS_PER_HUNDREDTH_KIN: u64 = 1_000;

/// What a merchant passes to its SDK to be paid. Options may be missing here as they may there; [`build`](Self::build) says
/// which.
#[derive(Debug, Clone, Default)]
pub struct PaymentOptions<'a> {
    /// The token account to pay to, in base58. Required.
    pub destination: Option<&'a str>,
    /// The amount times 100, above zero. [`Rounding`](crate::number::Rounding) makes it from a floating point amount.
    pub hundredths: Option<u64>,
    /// The currency's three letters, in either case. Required.
    pub currency: Option<&'a str>,
    /// Who else gets a share. An empty list is not the same as none: it makes another kind of code, hence another intent.
    pub fees: Option<&'a [Fee]>,
    /// Where the nonce comes from. Exactly one source is required.
    pub nonce: NonceOptions<'a>,
    /// Asks the payer to log in as well.
    pub login: Option<LoginOptions<'a>>,
}

/// A share of the payment for somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    /// The token account the share goes to.
    pub destination: PublicKey,
    /// Hundredths of a percent of the total.
    pub basis_points: u32,
}

/// The merchant's identity on its own domain.
#[derive(Debug, Clone, Copy)]
pub struct LoginOptions<'a> {
    /// Two labels: `example.com`.
    pub domain: &'a str,
    /// A key whose public half the domain publishes.
    pub verifier: &'a KeyPair,
}

/// Where a nonce comes from. This crate has no randomness: a merchant without either text brings 11 random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NonceOptions<'a> {
    /// The merchant's own name for the payment. The same key gives the same nonce.
    pub idempotency_key: Option<&'a str>,
    /// The client secret of a request built before.
    pub client_secret: Option<&'a str>,
    /// The bytes themselves.
    pub given: Option<Nonce>,
}

/// Why a request cannot be built. The texts are the JavaScript SDK's where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// No destination.
    #[error("destination is required")]
    DestinationMissing,
    /// A destination that is not 32 bytes of base58.
    #[error("destination: {0}")]
    Destination(Base58Error),
    /// No amount, or one that rounds to zero.
    #[error("amount is required")]
    AmountMissing,
    /// Not every amount of that size has a double of its own.
    #[error("amount: expected at most {MAX_HUNDREDTHS} hundredths, got {0}")]
    AmountTooLarge(u64),
    /// No currency.
    #[error("currency is required")]
    CurrencyMissing,
    /// A currency that no scan code can carry.
    #[error(transparent)]
    Currency(#[from] UnknownCurrency),
    /// Two sources.
    #[error("cannot derive nonce from both clientSecret and idempotencyKey")]
    NonceAmbiguous,
    /// No source.
    #[error("one of idempotencyKey, clientSecret and nonce is required")]
    NonceMissing,
    /// A client secret that is none.
    #[error(transparent)]
    ClientSecret(#[from] ClientSecretError),
    /// A domain that cannot be logged in to.
    #[error(transparent)]
    LoginDomain(#[from] LoginDomainError),
    /// The code cannot be written.
    #[error(transparent)]
    ScanCode(#[from] ScanCodeError),
}

/// A request, ready to be sent and shown.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    nonce: Nonce,
    payload: [u8; PAYLOAD_LEN],
    key: KeyPair,
    inner: Vec<u8>,
    signed: SignedMessage,
}

impl PaymentOptions<'_> {
    /// Builds and signs the request for a payment, or for a payment with login.
    ///
    /// # Errors
    ///
    /// When an option is missing or is not what it has to be.
    pub fn build(&self) -> Result<SignedRequest, RequestError> {
        let destination = self.destination.ok_or(RequestError::DestinationMissing)?;
        let hundredths = self.hundredths.filter(|amount| *amount > 0).ok_or(RequestError::AmountMissing)?;
        if hundredths > MAX_HUNDREDTHS {
            return Err(RequestError::AmountTooLarge(hundredths));
        }
        let currency = self.currency.ok_or(RequestError::CurrencyMissing)?;
        let currency = Currency::from_str(&currency.to_lowercase())?;
        let destination = destination.parse().map_err(RequestError::Destination)?;
        if let Some(login) = self.login {
            login_domain::check(login.domain)?;
        }
        let nonce = self.nonce.nonce()?;
        let code = if self.fees.is_some() {
            ScanCode::PaymentRequestWithFees { currency, hundredths, nonce }
        } else {
            ScanCode::PaymentRequest { currency, hundredths, nonce }
        };
        SignedRequest::new(&code, nonce, |rendezvous| {
            let fees = self.fees.unwrap_or_default();
            let request = payment_message(destination, currency, hundredths, fees, self.login, rendezvous);
            (request.encode_to_vec(), Kind::RequestToReceiveBill(request))
        })
    }
}

impl LoginOptions<'_> {
    /// Builds and signs the request for a login without a payment.
    ///
    /// # Errors
    ///
    /// When the domain cannot be logged in to or the nonce has not exactly one source.
    pub fn build(&self, nonce: NonceOptions<'_>) -> Result<SignedRequest, RequestError> {
        login_domain::check(self.domain)?;
        let nonce = nonce.nonce()?;
        SignedRequest::new(&ScanCode::LoginRequest { nonce }, nonce, |rendezvous| {
            let request = login_message(*self, rendezvous);
            (request.encode_to_vec(), Kind::RequestToLogin(request))
        })
    }
}

impl<'a> NonceOptions<'a> {
    /// The usual case: the merchant's own name for the payment.
    pub fn idempotency_key(key: &'a str) -> Self {
        Self { idempotency_key: Some(key), ..Self::default() }
    }

    /// Takes the nonce from its one source.
    ///
    /// # Errors
    ///
    /// When there is no source, or more than one, or the client secret is none.
    pub fn nonce(&self) -> Result<Nonce, RequestError> {
        match (self.idempotency_key, self.client_secret, self.given) {
            (Some(key), None, None) => Ok(Nonce::from_idempotency_key(key)),
            (None, Some(secret), None) => Ok(Nonce::from_client_secret(secret)?),
            (None, None, Some(nonce)) => Ok(nonce),
            (None, None, None) => Err(RequestError::NonceMissing),
            _ => Err(RequestError::NonceAmbiguous),
        }
    }
}

impl SignedRequest {
    fn new(
        code: &ScanCode,
        nonce: Nonce,
        build: impl FnOnce(PublicKey) -> (Vec<u8>, Kind),
    ) -> Result<Self, RequestError> {
        let payload = code.encode()?;
        let key = KeyPair::rendezvous(&payload);
        let (inner, kind) = build(key.public_key());
        let signed = SignedMessage::new(&key, kind);
        Ok(Self { nonce, payload, key, inner, signed })
    }

    /// The rendezvous key's public half, in base58 the id every SDK returns.
    pub fn intent_id(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The text that lets a browser rebuild the same request.
    pub fn client_secret(&self) -> String {
        self.nonce.client_secret()
    }

    /// The 20 bytes to be shown to a phone.
    pub fn payload(&self) -> &[u8; PAYLOAD_LEN] {
        &self.payload
    }

    /// The 35 bytes to be drawn.
    pub fn drawn_code(&self) -> [u8; CODE_LEN] {
        drawn_code::encode(&self.payload)
    }

    /// The key that everyone who sees the code has too.
    pub fn rendezvous_key(&self) -> &KeyPair {
        &self.key
    }

    /// The serialized `RequestToReceiveBill` or `RequestToLogin`.
    pub fn inner_message(&self) -> &[u8] {
        &self.inner
    }

    /// The serialized `Message` around it, its signature, and the ways to send it.
    pub fn signed_message(&self) -> &SignedMessage {
        &self.signed
    }

    /// The body of `POST /v1/createIntent` (protocol b.1), without white space. The key `webhook` is left out when there is
    /// none.
    pub fn create_intent_json(&self, webhook: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Body<'a> {
            intent: String,
            message: String,
            signature: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            webhook: Option<&'a str>,
        }
        let body = Body {
            intent: self.intent_id().to_string(),
            message: data_encoding::BASE64URL_NOPAD.encode(&self.inner),
            signature: base58(self.signed.signature()),
            webhook,
        };
        serde_json::to_string(&body).expect("four strings are always JSON")
    }
}

/// The terms of a payment, signed by the verifier if there is a login. `hundredths` is at most [`MAX_HUNDREDTHS`].
pub fn payment_message(
    destination: PublicKey,
    currency: Currency,
    hundredths: u64,
    fees: &[Fee],
    login: Option<LoginOptions<'_>>,
    rendezvous: PublicKey,
) -> messaging::RequestToReceiveBill {
    let native_amount = hundredths_to_double(hundredths);
    let exchange_data = if currency == Currency::KIN {
        ExchangeData::Exact(transaction::ExchangeData {
            currency: currency.to_string(),
            exchange_rate: 1.0,
            native_amount,
            quarks: hundredths.saturating_mul(QUARKS_PER_HUNDREDTH_KIN),
        })
    } else {
        ExchangeData::Partial(transaction::ExchangeDataWithoutRate {
            currency: currency.to_string(),
            native_amount,
        })
    };
    let additional_fees = fees.iter().map(|fee| transaction::AdditionalFeePayment {
        destination: Some(fee.destination.into()),
        fee_bps: fee.basis_points,
    });
    let mut request = messaging::RequestToReceiveBill {
        requestor_account: Some(destination.into()),
        exchange_data: Some(exchange_data),
        additional_fees: additional_fees.collect(),
        ..messaging::RequestToReceiveBill::default()
    };
    if let Some(login) = login {
        request.domain = Some(common::Domain { value: login.domain.to_owned() });
        request.verifier = Some(login.verifier.public_key().into());
        request.rendezvous_key = Some(rendezvous.into());
        request.signature = Some(login.verifier.sign(&request.encode_to_vec()).into());
    }
    request
}

/// The wish for a login, signed by the verifier.
pub fn login_message(login: LoginOptions<'_>, rendezvous: PublicKey) -> messaging::RequestToLogin {
    let mut request = messaging::RequestToLogin {
        domain: Some(common::Domain { value: login.domain.to_owned() }),
        verifier: Some(login.verifier.public_key().into()),
        signature: None,
        rendezvous_key: Some(rendezvous.into()),
    };
    request.signature = Some(login.verifier.sign(&request.encode_to_vec()).into());
    request
}
