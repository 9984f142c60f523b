//! The 20 bytes behind a drawn code (protocol a.1).

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::currency_index::{Currency, UnknownCurrency};
use crate::key::KeyPair;
use crate::nonce::{NONCE_LEN, Nonce};

/// Bytes in a payload.
pub const PAYLOAD_LEN: usize = 20;

/// The largest amount that fits a payment request, in hundredths: 56 bits.
pub const MAX_REQUEST_HUNDREDTHS: u64 = (1 << 56) - 1;

/// The longest user name of a tip code, in bytes of UTF-8.
pub const MAX_USERNAME_LEN: usize = 15;

/// What a phone learns from a code. Neither the destination nor the fees are in it: two requests that differ only in those
/// have one rendezvous key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanCode {
    /// Kind 0: cash, to be grabbed by the phone that reads it.
    Cash {
        /// Above zero.
        quarks: u64,
        /// Tells two pieces of the same worth apart.
        nonce: Nonce,
    },
    /// Kind 1: a gift card.
    GiftCard {
        /// Above zero.
        quarks: u64,
        /// Tells two cards of the same worth apart.
        nonce: Nonce,
    },
    /// Kind 2: a merchant asks for money.
    PaymentRequest {
        /// What the amount is in.
        currency: Currency,
        /// The amount times 100, for every currency. Above zero when written.
        hundredths: u64,
        /// Tells two requests for the same price apart.
        nonce: Nonce,
    },
    /// Kind 3: a merchant asks who the payer is.
    LoginRequest {
        /// Tells two logins apart.
        nonce: Nonce,
    },
    /// Kind 4: a payment request whose merchant passed a list of fees, even an empty one.
    PaymentRequestWithFees {
        /// What the amount is in.
        currency: Currency,
        /// The amount times 100. The JavaScript SDK writes zero without complaint, so zero is accepted here.
        hundredths: u64,
        /// Tells two requests for the same price apart.
        nonce: Nonce,
    },
    /// Kind 5: a tip for a user of a social platform. A name has one code for ever.
    Tip {
        /// 1 to 15 bytes, without a dot.
        username: String,
    },
}

/// Why a code cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanCodeError {
    /// Not 20 bytes.
    #[error("invalid payload: expected {PAYLOAD_LEN} bytes, got {0}")]
    Length(usize),
    /// Byte 0 is not 0 to 5.
    #[error("invalid kind: expected 0 to 5 in byte 0, got {0}")]
    Kind(u8),
    /// An amount of nothing.
    #[error("invalid value: expected an amount above zero")]
    ZeroAmount,
    /// More than 56 bits of hundredths.
    #[error("invalid value: expected at most {MAX_REQUEST_HUNDREDTHS} hundredths, got {0}")]
    AmountTooLarge(u64),
    /// An index past the table.
    #[error(transparent)]
    Currency(#[from] UnknownCurrency),
    /// Empty, too long, with a dot, or not UTF-8.
    #[error("invalid username: expected 1 to {MAX_USERNAME_LEN} bytes of UTF-8 without a dot, got {0}")]
    Username(String),
    /// Bytes that are always zero, or always follow from the name, are something else.
    #[error("invalid {0}: the bytes do not follow the code's layout")]
    Padding(&'static str),
}

impl ScanCode {
    /// What the JavaScript SDK makes of kind 4 without a currency: the amount is forgotten and bytes 1 to 8 are zero.
    pub fn fees_request_without_currency(nonce: Nonce) -> Self {
        Self::PaymentRequestWithFees { currency: Currency::KIN, hundredths: 0, nonce }
    }

    /// Writes the payload.
    ///
    /// # Errors
    ///
    /// When the amount is zero (except in kind 4) or does not fit, or a user name cannot be written.
    pub fn encode(&self) -> Result<[u8; PAYLOAD_LEN], ScanCodeError> {
        match self {
            Self::PaymentRequest { hundredths, .. } | Self::PaymentRequestWithFees { hundredths, .. }
                if *hundredths > MAX_REQUEST_HUNDREDTHS =>
            {
                Err(ScanCodeError::AmountTooLarge(*hundredths))
            }
            _ => self.encode_dropping_high_bits(),
        }
    }

    /// Writes the payload as the JavaScript SDK does, which silently drops the amount's bits above 56. Only good for
    /// finding out what that SDK would have shown.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode), except for amounts that do not fit.
    pub fn encode_dropping_high_bits(&self) -> Result<[u8; PAYLOAD_LEN], ScanCodeError> {
        let mut payload = [0; PAYLOAD_LEN];
        payload[0] = self.kind();
        match self {
            Self::Cash { quarks, nonce } | Self::GiftCard { quarks, nonce } => {
                payload[1..9].copy_from_slice(&above_zero(*quarks)?.to_le_bytes());
                payload[9..].copy_from_slice(&nonce.0);
            }
            Self::PaymentRequest { currency, hundredths, nonce } => {
                put_price(&mut payload, *currency, above_zero(*hundredths)?, *nonce);
            }
            Self::PaymentRequestWithFees { currency, hundredths, nonce } => {
                put_price(&mut payload, *currency, *hundredths, *nonce);
            }
            Self::LoginRequest { nonce } => payload[9..].copy_from_slice(&nonce.0),
            Self::Tip { username } => payload[5..].copy_from_slice(&username_field(username)?),
        }
        Ok(payload)
    }

    /// Reads a payload. Everything that `encode` could not have written is refused, with one exception: a payment request
    /// over zero, which the JavaScript SDK can show.
    ///
    /// # Errors
    ///
    /// When the length, the kind, the currency, a user name or the bytes in between are not as the layout says.
    pub fn decode(bytes: &[u8]) -> Result<Self, ScanCodeError> {
        let payload: &[u8; PAYLOAD_LEN] = bytes.try_into().map_err(|_| ScanCodeError::Length(bytes.len()))?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&payload[9..]);
        let nonce = Nonce(nonce);
        let mut number = [0; 8];
        number.copy_from_slice(&payload[1..9]);
        let quarks = u64::from_le_bytes(number);
        // In a payment request the first of these eight bytes is the currency.
        let hundredths = quarks >> 8;
        match payload[0] {
            0 => Ok(Self::Cash { quarks: above_zero(quarks)?, nonce }),
            1 => Ok(Self::GiftCard { quarks: above_zero(quarks)?, nonce }),
            2 => Ok(Self::PaymentRequest { currency: Currency::from_index(payload[1])?, hundredths, nonce }),
            3 if quarks == 0 => Ok(Self::LoginRequest { nonce }),
            3 => Err(ScanCodeError::Padding("login request")),
            4 => Ok(Self::PaymentRequestWithFees {
                currency: Currency::from_index(payload[1])?,
                hundredths,
                nonce,
            }),
            5 => decode_tip(payload),
            other => Err(ScanCodeError::Kind(other)),
        }
    }

    /// Byte 0.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Cash { .. } => 0,
            Self::GiftCard { .. } => 1,
            Self::PaymentRequest { .. } => 2,
            Self::LoginRequest { .. } => 3,
            Self::PaymentRequestWithFees { .. } => 4,
            Self::Tip { .. } => 5,
        }
    }

    /// The key everyone who sees the code shares. Its public half is the intent id (protocol a.5).
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn rendezvous_key(&self) -> Result<KeyPair, ScanCodeError> {
        Ok(KeyPair::rendezvous(&self.encode()?))
    }
}

fn above_zero(amount: u64) -> Result<u64, ScanCodeError> {
    if amount == 0 { Err(ScanCodeError::ZeroAmount) } else { Ok(amount) }
}

fn put_price(payload: &mut [u8; PAYLOAD_LEN], currency: Currency, hundredths: u64, nonce: Nonce) {
    payload[1] = currency.index();
    payload[2..9].copy_from_slice(&hundredths.to_le_bytes()[..7]);
    payload[9..].copy_from_slice(&nonce.0);
}

/// The name, then a dot, then as much of the base64 of its SHA-256 as fits.
fn username_field(username: &str) -> Result<[u8; MAX_USERNAME_LEN], ScanCodeError> {
    if username.is_empty() || username.len() > MAX_USERNAME_LEN || username.contains('.') {
        return Err(ScanCodeError::Username(format!("{:?}", username.chars().take(32).collect::<String>())));
    }
    let filler = data_encoding::BASE64.encode(&Sha256::digest(username.as_bytes()));
    let mut field = [0; MAX_USERNAME_LEN];
    let text = username.bytes().chain(*b".").chain(filler.bytes());
    for (place, byte) in field.iter_mut().zip(text) {
        *place = byte;
    }
    Ok(field)
}

fn decode_tip(payload: &[u8; PAYLOAD_LEN]) -> Result<ScanCode, ScanCodeError> {
    if payload[1..5] != [0; 4] {
        return Err(ScanCodeError::Padding("tip flags"));
    }
    let field = &payload[5..];
    let name = field.split(|byte| *byte == b'.').next().unwrap_or_default();
    let username = core::str::from_utf8(name)
        .map_err(|_| ScanCodeError::Username("bytes that are not UTF-8".to_owned()))?;
    if username_field(username)? != field {
        return Err(ScanCodeError::Padding("username filler"));
    }
    Ok(ScanCode::Tip { username: username.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(hundredths: u64) -> ScanCode {
        let currency = "usd".parse().expect("usd is in the table");
        ScanCode::PaymentRequest { currency, hundredths, nonce: Nonce([7; NONCE_LEN]) }
    }

    #[test]
    fn a_price_that_does_not_fit_is_refused_rather_than_shown_as_another_price() {
        assert!(price(MAX_REQUEST_HUNDREDTHS).encode().is_ok());
        let over = MAX_REQUEST_HUNDREDTHS + 1;
        assert_eq!(price(over).encode(), Err(ScanCodeError::AmountTooLarge(over)));
    }

    #[test]
    fn bytes_no_sdk_would_write_are_refused_by_name() {
        let check = |bytes: &[u8], want: ScanCodeError| assert_eq!(ScanCode::decode(bytes), Err(want));
        check(&[0; 19], ScanCodeError::Length(19));
        check(&[0; 21], ScanCodeError::Length(21));
        check(&[6; 20], ScanCodeError::Kind(6));
        check(&[0; 20], ScanCodeError::ZeroAmount);
        let mut login = [0; 20];
        login[0] = 3;
        login[8] = 1;
        check(&login, ScanCodeError::Padding("login request"));
        let mut tip = ScanCode::Tip { username: "getcode".to_owned() }.encode().expect("a valid name");
        tip[19] ^= 1;
        check(&tip, ScanCodeError::Padding("username filler"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_and_what_is_read_is_written_back(
            kind in 0_u8..8, rest in proptest::collection::vec(any::<u8>(), 0..24)
        ) {
            let bytes = [vec![kind], rest].concat();
            if let Ok(code) = ScanCode::decode(&bytes) {
                match code.encode() {
                    Ok(again) => prop_assert_eq!(again.as_slice(), bytes.as_slice()),
                    Err(error) => prop_assert_eq!(error, ScanCodeError::ZeroAmount),
                }
            }
        }

        #[test]
        fn every_name_that_can_be_written_is_read_back(username in "[^.]{0,15}") {
            let code = ScanCode::Tip { username };
            if let Ok(payload) = code.encode() {
                prop_assert_eq!(ScanCode::decode(&payload), Ok(code));
            }
        }
    }
}
