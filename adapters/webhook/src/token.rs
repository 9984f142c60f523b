//! What a webhook says (protocol e.8): a compact JSON Web Token, signed by the node's key.
//!
//! Written by hand and not by a library for tokens: the bytes are fixed to the last one, claims in alphabetical order and
//! numbers exact, and nothing is ever read.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use quittance_core::ids::{AccountId, IntentId};
use quittance_core::payment::Payment;

/// The content type of a token.
pub const CONTENT_TYPE: &str = "application/jwt";
/// The header of every token.
const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT"}"#;

/// What a token claims. There is no time in it: it says what the log says, whenever it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The intent that was paid, or by which somebody logged in.
    pub intent: IntentId,
    /// What was paid; absent when the intent asks for a login alone.
    pub payment: Option<Paid>,
    /// Who logged in.
    pub user: Option<AccountId>,
}

/// The payment that was accepted for an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// Who receives it.
    pub destination: AccountId,
    /// Every quark and where it goes.
    pub payment: Payment,
}

impl Claims {
    /// The claims as JSON, in alphabetical order, without spaces.
    ///
    /// A token for a login carries `intent` and `state` too: the official one says neither, so that its receiver cannot tell
    /// what it is about.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { intent, payment, user } = self;
        let mut claims = Vec::with_capacity(9);
        if let Some(Paid { destination, payment }) = payment {
            // Checked when the payment was accepted.
            let total = payment.total().unwrap_or_default().get();
            let currency = payment.currency.as_str().to_ascii_uppercase();
            claims.push(format!(r#""amount":{}"#, decimal(payment.amount.hundredths(), 2)));
            claims.push(format!(r#""currency":"{currency}""#));
            claims.push(format!(r#""destination":"{destination}""#));
            claims.push(format!(
                r#""exchangeRate":{}"#,
                decimal(payment.rate.mantissa(), payment.rate.scale())
            ));
            claims.push(format!(r#""fees":{}"#, total - payment.received().get()));
            claims.push(format!(r#""intent":"{intent}""#));
            claims.push(format!(r#""quarks":{total}"#));
        } else {
            claims.push(format!(r#""intent":"{intent}""#));
        }
        claims.push(r#""state":"SUBMITTED""#.to_owned());
        claims.extend(user.map(|user| format!(r#""user":"{user}""#)));
        format!("{{{}}}", claims.join(","))
    }

    /// The token.
    ///
    /// # Determinism
    /// The same claims and key give the same bytes.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let input = format!("{}.{}", encode(HEADER), encode(&self.to_json()));
        let signature = BASE64URL_NOPAD.encode(&key.sign(input.as_bytes()).to_bytes());
        format!("{input}.{signature}")
    }
}

/// The public key that tokens verify with, as a JSON Web Key Set (RFC 7517, RFC 8037).
#[must_use]
pub fn key_set(key: &VerifyingKey) -> String {
    let id = AccountId(key.to_bytes());
    let x = BASE64URL_NOPAD.encode(key.as_bytes());
    format!(
        r#"{{"keys":[{{"alg":"EdDSA","crv":"Ed25519","kid":"{id}","kty":"OKP","use":"sig","x":"{x}"}}]}}"#
    )
}

/// `mantissa / 10^scale`, exactly, as JSON: no exponent, no zeros at the end.
fn decimal(mantissa: u64, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{mantissa:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signature;
    use quittance_core::currency::Rate;
    use quittance_core::ids::{NodeId, Timestamp};
    use quittance_core::money::{NativeAmount, Quarks};
    use quittance_core::payment::{Purpose, Transfer};
    use serde_json::Value;

    use super::*;

    /// The sample in the official documentation, from the recorded cases.
    fn sample() -> (VerifyingKey, String, String, String) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/protocol/vectors.json");
        let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        let case = cases.iter().find(|case| case["id"] == "webhook/docs-jwt").unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let key: [u8; 32] =
            bs58::decode(text(&case["input"]["public_key"])).into_vec().unwrap().try_into().unwrap();
        let input = &case["input"];
        let key = VerifyingKey::from_bytes(&key).unwrap();
        (key, text(&input["header"]), text(&input["payload"]), text(&case["output"]["jwt"]))
    }

    /// The payment of that sample, which names no fee.
    fn claims(fee: u64) -> Claims {
        let destination: AccountId = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR".parse().unwrap();
        let intent = "9joz92rMXnS8NuK9Y3PnukdVi1W7S9cs388CTQxxg6r6".parse().unwrap();
        let transfer = |purpose, quarks| Transfer { purpose, destination, quarks: Quarks::new(quarks) };
        let payment = Payment {
            node: NodeId([1; 32]),
            intent,
            payer: AccountId([2; 32]),
            currency: "usd".parse().unwrap(),
            amount: NativeAmount::from_hundredths(1).unwrap(),
            rate: "0.00000893".parse::<Rate>().unwrap(),
            valid_until: Timestamp(0),
            transfers: vec![
                transfer(Purpose::ServiceFee, fee),
                transfer(Purpose::Destination, 112_000_000 - fee),
            ],
        };
        Claims { intent, payment: Some(Paid { destination, payment }), user: None }
    }

    #[test]
    fn a_token_is_to_the_byte_what_merchants_of_the_official_service_verify() {
        let (key, header, payload, jwt) = sample();
        assert_eq!(header, HEADER);
        assert_eq!(claims(1_000).to_json().replace(r#""fees":1000,"#, ""), payload);
        // Signed by us, it differs in the signature alone, and that verifies by the same rule.
        let ours = SigningKey::from_bytes(&[7; 32]);
        let token = claims(1_000).sign(&ours);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let verify = |key: &VerifyingKey, input: &str, signature: &str| {
            let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
            key.verify_strict(input.as_bytes(), &Signature::from_slice(&bytes).unwrap())
        };
        assert!(verify(&ours.verifying_key(), input, signature).is_ok());
        let (official, signature) = jwt.rsplit_once('.').unwrap();
        assert!(verify(&key, official, signature).is_ok());
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        assert_eq!(official, format!("{}.{}", encode(&header), encode(&payload)));
    }

    #[test]
    fn a_token_for_a_login_says_which_intent_it_is_about() {
        let (intent, user) = (claims(0).intent, AccountId([3; 32]));
        let login = Claims { intent, payment: None, user: Some(user) };
        let want = format!(r#"{{"intent":"{intent}","state":"SUBMITTED","user":"{user}"}}"#);
        assert_eq!(login.to_json(), want);
        let both = Claims { user: Some(user), ..claims(5) };
        assert!(
            both.to_json().ends_with(&format!(r#""quarks":112000000,"state":"SUBMITTED","user":"{user}"}}"#))
        );
        assert!(both.to_json().contains(r#""fees":5,"#));
    }

    #[test]
    fn a_number_is_exact_and_no_reader_needs_an_exponent() {
        for (mantissa, scale, want) in [
            (1, 0, "1"),
            (10, 0, "10"),
            (1, 2, "0.01"),
            (50, 2, "0.5"),
            (500, 2, "5"),
            (893, 8, "0.00000893"),
            (1, 27, "0.000000000000000000000000001"),
            (u64::MAX, 2, "184467440737095516.15"),
        ] {
            assert_eq!(decimal(mantissa, scale), want);
            assert!(serde_json::from_str::<f64>(want).is_ok());
        }
    }

    #[test]
    fn the_key_set_holds_the_key_that_tokens_verify_with() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let set: Value = serde_json::from_str(&key_set(&key)).unwrap();
        let x = set["keys"][0]["x"].as_str().unwrap();
        assert_eq!(BASE64URL_NOPAD.decode(x.as_bytes()).unwrap(), key.to_bytes());
    }
}
