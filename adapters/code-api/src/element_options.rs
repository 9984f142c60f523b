//! What a merchant's page hands to the pages that draw its code, and to the payer's app: the `p=` of an address
//! (protocol g.1).
//!
//! It is the JSON of the SDK's options in base64, percent-encoded. It stands behind the `#`, so no file server sees it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::currency_index::{Currency, UnknownCurrency};
use crate::nonce::{ClientSecretError, Nonce};
use crate::number::{NumberError, Rounding};
use crate::request::{NonceOptions, RequestError};
use crate::scan_code::{ScanCode, ScanCodeError};

/// The longest text that is read.
pub const MAX_OPTIONS_LEN: usize = 16 * 1024;

/// The options that decide what is drawn, with the names that they have in JavaScript. Reading ignores all others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElementOptions {
    /// Three letters, in either case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The token account to pay to, base58. Not part of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// In the currency's own units. A number as JavaScript has them; it is rounded to hundredths as the SDK rounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<f64>,
    /// What is asked for; a payment when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The language of the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The nonce, base58.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What the nonce is derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// Who else gets a share. An empty list makes another code than none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fees: Option<Vec<ElementFee>>,
}

/// A share of the payment, as the page knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ElementFee {
    /// The token account the share goes to, base58.
    pub destination: String,
    /// Hundredths of a percent of the total.
    pub basis_points: u32,
}

/// What an element asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Money, and perhaps a login with it.
    Payment,
    /// Who the payer is.
    Login,
    /// A tip for a name, which has no request.
    Tip,
}

/// Why a text is not a page's options, or options make no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ElementOptionsError {
    /// Longer than [`MAX_OPTIONS_LEN`].
    #[error("invalid options: expected at most {MAX_OPTIONS_LEN} characters, got {0}")]
    Length(usize),
    /// A `%` without two hex digits behind it, or bytes that are no text.
    #[error("invalid options: expected percent-encoded text")]
    Percent,
    /// Not base64.
    #[error("invalid options: expected base64: {0}")]
    Base64(String),
    /// Not the JSON of an object, or an option of another type.
    #[error("invalid options: expected JSON: {0}")]
    Json(String),
    /// A tip.
    #[error("mode: expected payment or login, got tip")]
    Tip,
    /// No amount.
    #[error("amount is required")]
    AmountMissing,
    /// No amount that an SDK would ask for.
    #[error("amount: {0}")]
    Amount(#[from] NumberError),
    /// No currency.
    #[error("currency is required")]
    CurrencyMissing,
    /// A currency that no code can carry.
    #[error(transparent)]
    Currency(#[from] UnknownCurrency),
    /// Neither a client secret nor an idempotency key, or both.
    #[error(transparent)]
    Nonce(#[from] RequestError),
    /// A client secret that is none.
    #[error(transparent)]
    ClientSecret(#[from] ClientSecretError),
    /// The code cannot be written.
    #[error(transparent)]
    ScanCode(#[from] ScanCodeError),
}

impl ElementOptions {
    /// Reads what [`encode`](Self::encode) or the SDK wrote. Text without an escape is taken as it stands, since base64 needs
    /// none before it is put into an address.
    ///
    /// # Errors
    ///
    /// When one of the three layers is not what it has to be.
    pub fn decode(text: &str) -> Result<Self, ElementOptionsError> {
        if text.len() > MAX_OPTIONS_LEN {
            return Err(ElementOptionsError::Length(text.len()));
        }
        let base64 = unescaped(text)?;
        let json = data_encoding::BASE64
            .decode(&base64)
            .map_err(|error| ElementOptionsError::Base64(error.to_string()))?;
        // By way of a map: a list of the same values is no object.
        serde_json::from_slice(&json)
            .and_then(|object: serde_json::Map<_, _>| serde_json::from_value(object.into()))
            .map_err(|error| ElementOptionsError::Json(error.to_string()))
    }

    /// The text behind `p=`.
    ///
    /// # Errors
    ///
    /// When the amount is not finite: JSON has no way to write it.
    pub fn encode(&self) -> Result<String, ElementOptionsError> {
        if self.amount.is_some_and(|amount| !amount.is_finite()) {
            return Err(NumberError::NotFinite.into());
        }
        let json = serde_json::to_vec(self).map_err(|error| ElementOptionsError::Json(error.to_string()))?;
        let base64 = data_encoding::BASE64.encode(&json);
        // The three of base64's characters that have another meaning in an address.
        Ok(base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"))
    }

    /// The code that the page draws.
    ///
    /// # Errors
    ///
    /// When an option that the code needs is missing or is not what it has to be.
    pub fn scan_code(&self) -> Result<ScanCode, ElementOptionsError> {
        let nonce = || -> Result<Nonce, ElementOptionsError> {
            let (idempotency_key, client_secret) =
                (self.idempotency_key.as_deref(), self.client_secret.as_deref());
            Ok(NonceOptions { idempotency_key, client_secret, given: None }.nonce()?)
        };
        match self.mode.unwrap_or(Mode::Payment) {
            Mode::Tip => Err(ElementOptionsError::Tip),
            Mode::Login => Ok(ScanCode::LoginRequest { nonce: nonce()? }),
            Mode::Payment => {
                let currency = self.currency.as_deref().ok_or(ElementOptionsError::CurrencyMissing)?;
                let currency: Currency = currency.to_lowercase().parse()?;
                let amount = self.amount.ok_or(ElementOptionsError::AmountMissing)?;
                let hundredths = Rounding::JavaScript.hundredths(amount)?;
                let nonce = nonce()?;
                Ok(match self.fees {
                    None => ScanCode::PaymentRequest { currency, hundredths, nonce },
                    Some(_) => ScanCode::PaymentRequestWithFees { currency, hundredths, nonce },
                })
            }
        }
    }
}

fn unescaped(text: &str) -> Result<Vec<u8>, ElementOptionsError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2).ok_or(ElementOptionsError::Percent)?;
        let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(digits);
        bytes.extend(decoded.map_err(|_| ElementOptionsError::Percent)?);
        rest = behind;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_that_is_opened_with_other_options_is_told_which() {
        let check = |json: &str, want: &str| {
            let text = data_encoding::BASE64.encode(json.as_bytes());
            let refused = ElementOptions::decode(&text).and_then(|options| options.scan_code());
            let error = refused.expect_err(json).to_string();
            assert!(error.starts_with(want), "{json}: expected {want:?}, got {error:?}");
        };
        check("[]", "invalid options: expected JSON");
        check(r#"{"amount":"1"}"#, "invalid options: expected JSON");
        check(r#"{"mode":"gift"}"#, "invalid options: expected JSON");
        check(r#"{"mode":"tip"}"#, "mode: expected payment or login");
        check(r#"{"mode":"login"}"#, "one of idempotencyKey, clientSecret");
        check(r#"{"amount":1}"#, "currency is required");
        check(r#"{"currency":"usd"}"#, "amount is required");
        check(r#"{"currency":"xxx","amount":1}"#, "invalid currency");
        check(
            r#"{"currency":"usd","amount":-1,"idempotencyKey":"a"}"#,
            "amount: expected a number above zero",
        );
        check(r#"{"currency":"usd","amount":1,"clientSecret":"0"}"#, "invalid client secret");
        check(
            r#"{"currency":"usd","amount":1,"clientSecret":"uqM86tVJL9rhqS","idempotencyKey":"a"}"#,
            "cannot derive nonce from both",
        );
        for text in ["%", "%3", "%zz", "%3d%"] {
            assert_eq!(ElementOptions::decode(text), Err(ElementOptionsError::Percent), "{text}");
        }
        let long = "a".repeat(MAX_OPTIONS_LEN + 1);
        assert_eq!(ElementOptions::decode(&long), Err(ElementOptionsError::Length(long.len())));
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_and_what_is_written_is_read(
            text in "[A-Za-z0-9+/=%]{0,64}", cents in 1_u32..1_000_000, key in ".{0,32}"
        ) {
            let _ = ElementOptions::decode(&text);
            let options = ElementOptions {
                amount: Some(f64::from(cents) / 100.0),
                currency: Some("usd".to_owned()),
                idempotency_key: Some(key),
                ..ElementOptions::default()
            };
            let written = options.encode().expect("finite");
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%'));
            prop_assert_eq!(ElementOptions::decode(&written), Ok(options.clone()));
            let code = options.scan_code();
            let read_cents = matches!(
                code, Ok(ScanCode::PaymentRequest { hundredths, .. }) if hundredths == u64::from(cents)
            );
            prop_assert!(read_cents);
        }
    }
}
