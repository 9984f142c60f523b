//! Keys, currencies, nonces, payloads and drawn codes.

use quittance_code_api::currency_index::Currency;
use quittance_code_api::drawn_code;
use quittance_code_api::key::{KeyPair, PublicKey, base58_exact};
use quittance_code_api::nonce::Nonce;
use quittance_code_api::number::quarks_from_kin;
use quittance_code_api::scan_code::{MAX_REQUEST_HUNDREDTHS, PAYLOAD_LEN, ScanCode};
use quittance_code_api::solana::address::{Derived, Timelock, commitment_vault, derive, pool, pool_vault};
use serde_json::{Value, json};

use crate::common::{address, bytes, hex, seed, text, to_hex};
use crate::refused;

pub(crate) fn keys(id: &str, input: &Value, output: &Value) {
    if let Some(encoded) = input["base58"].as_str() {
        match output.get("error") {
            Some(_) => refused(encoded.parse::<PublicKey>(), output),
            None => {
                let key: PublicKey = encoded.parse().expect("a key");
                assert_eq!((key.0, key.to_string().as_str()), (bytes(output, "public_key"), encoded));
            }
        }
        return;
    }
    if input.get("seeds").is_some() {
        return derived(id, input, output);
    }
    let key = match (input.get("seed"), input.get("secret_key")) {
        (Some(_), _) => seed(input, "seed"),
        (_, Some(_)) => KeyPair::from_secret_key(&bytes(input, "secret_key")).expect("a key pair"),
        _ => {
            let secret = base58_exact(text(input, "secret_key_base58")).expect("64 bytes");
            KeyPair::from_secret_key(&secret).expect("a key pair")
        }
    };
    assert_eq!(key.public_key().to_string(), text(output, "base58"), "{id}");
    if output.get("public_key").is_some() {
        assert_eq!(key.public_key().0, bytes(output, "public_key"));
    }
    if output.get("signature_of_utf8_message1").is_some() {
        let signature = bytes(output, "signature_of_utf8_message1");
        assert_eq!(key.sign(b"message1"), signature);
        assert!(key.public_key().verifies(b"message1", &signature));
        assert!(!key.public_key().verifies(b"message2", &signature));
    }
}

/// An address of the chain, from the recorded seeds and, where the protocol says what they stand for, from those.
fn derived(id: &str, input: &Value, output: &Value) {
    let seeds: Vec<Vec<u8>> = input["seeds"].as_array().expect("seeds").iter().map(seed_bytes).collect();
    let parts: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let have = derive(address(input, "program"), &parts).expect("an address");
    let bump = output["bump"].as_u64().and_then(|bump| bump.try_into().ok()).expect("a byte");
    let want = Derived { address: address(output, "address"), bump };
    assert_eq!(have, want, "{id}");
    let part = |index: usize| PublicKey::from_slice(&seeds[index]).expect("32 bytes");
    let named = match id {
        "keys/timelock-state" => Timelock::of(part(3), part(2)).state,
        "keys/pool-state" => pool(part(2), core::str::from_utf8(&seeds[3]).expect("a name")).expect("short"),
        "keys/pool-vault" => pool_vault(part(1)),
        "keys/commitment-vault" => commitment_vault(part(1), part(2)),
        _ => return,
    };
    assert_eq!(named, want, "{id}");
}

fn seed_bytes(seed: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(seed.as_str().expect("hex").as_bytes()).expect("hex")
}

pub(crate) fn currency(input: &Value, output: &Value) {
    if let Some(kin) = input["kin"].as_f64() {
        assert_eq!(
            quarks_from_kin(kin).map(|quarks| quarks.to_string()),
            Ok(text(output, "quarks").to_owned())
        );
    } else if let Some(index) = input["index"].as_u64() {
        refused(Currency::from_index(index.try_into().expect("a byte")), output);
    } else if output.get("error").is_some() {
        refused(text(input, "code").parse::<Currency>(), output);
    } else {
        let currency: Currency = text(input, "code").parse().expect("a currency");
        assert_eq!(Some(u64::from(currency.index())), output["index"].as_u64());
    }
}

pub(crate) fn nonce(input: &Value, output: &Value) {
    let nonce = match input["seed_utf8"].as_str() {
        Some(key) => Nonce::from_idempotency_key(key),
        None => Nonce::from_client_secret(text(input, "client_secret")).expect("a secret"),
    };
    assert_eq!(nonce.0, bytes(output, "nonce"));
    let secret = output["client_secret"].as_str().or(input["client_secret"].as_str()).expect("a secret");
    assert_eq!(nonce.client_secret(), secret);
    assert_eq!(Nonce::from_client_secret(secret), Ok(nonce));
}

pub(crate) fn payload(input: &Value, output: &Value) {
    if input.get("payload").is_some() {
        return refused(ScanCode::decode(&hex(input, "payload")), output);
    }
    let amount: Option<u64> = input["amount"].as_str().map(|amount| amount.parse().expect("an integer"));
    let nonce = || Nonce(bytes(input, "nonce"));
    let hundredths = amount.unwrap_or_default();
    let Ok(currency) = input["currency"].as_str().unwrap_or_default().parse() else {
        return without_currency(input, output, amount);
    };
    let code = match input["kind"].as_u64() {
        Some(2) => ScanCode::PaymentRequest { currency, hundredths, nonce: nonce() },
        Some(4) => ScanCode::PaymentRequestWithFees { currency, hundredths, nonce: nonce() },
        kind => panic!("kind {kind:?} has no currency"),
    };
    if hundredths > MAX_REQUEST_HUNDREDTHS {
        assert!(code.encode().is_err(), "an amount that does not fit is refused here");
        let payload = code.encode_dropping_high_bits().expect("what the SDK shows");
        return shown(&ScanCode::PaymentRequest { currency, hundredths: 0, nonce: nonce() }, payload, output);
    }
    written_and_read(&code, output);
}

fn without_currency(input: &Value, output: &Value, amount: Option<u64>) {
    let nonce = || Nonce(bytes(input, "nonce"));
    let quarks = amount.unwrap_or_default();
    let code = match input["kind"].as_u64() {
        Some(0) => ScanCode::Cash { quarks, nonce: nonce() },
        Some(1) => ScanCode::GiftCard { quarks, nonce: nonce() },
        // Here a payment request always has a currency; what is left to refuse is its text.
        Some(2) => return refused("".parse::<Currency>(), output),
        Some(3) => ScanCode::LoginRequest { nonce: nonce() },
        Some(4) => ScanCode::fees_request_without_currency(nonce()),
        Some(5) => return tip(input["username"].as_str().unwrap_or_default(), output),
        kind => panic!("unknown kind {kind:?}"),
    };
    written_and_read(&code, output);
}

pub(crate) fn tip(username: &str, output: &Value) {
    written_and_read(&ScanCode::Tip { username: username.to_owned() }, output);
}

fn written_and_read(code: &ScanCode, output: &Value) {
    let payload = match (code.encode(), output.get("error")) {
        (result, Some(_)) => return refused(result, output),
        (result, None) => result.expect("a payload"),
    };
    shown(code, payload, output);
}

/// The payload is the recorded one, reads as `code`, and makes the recorded key and drawing.
fn shown(code: &ScanCode, payload: [u8; PAYLOAD_LEN], output: &Value) {
    assert_eq!(to_hex(&payload), text(output, "payload"));
    assert_eq!(ScanCode::decode(&payload).as_ref(), Ok(code));
    if let Some(decoded) = output.get("decoded") {
        assert_eq!(&as_recorded(code), decoded);
    }
    if output.get("intent_id").is_some() {
        same_key(&KeyPair::rendezvous(&payload), output);
        assert_eq!(to_hex(&drawn_code::encode(&payload)), text(output, "kikcode"));
    }
}

/// What the SDK's own reader says about a code.
fn as_recorded(code: &ScanCode) -> Value {
    let kind = code.kind();
    match code {
        ScanCode::Cash { quarks, nonce } | ScanCode::GiftCard { quarks, nonce } => {
            json!({ "kind": kind, "amount": quarks.to_string(), "nonce": to_hex(&nonce.0) })
        }
        ScanCode::PaymentRequest { currency, hundredths, nonce }
        | ScanCode::PaymentRequestWithFees { currency, hundredths, nonce } => {
            let (currency, amount) = (currency.code(), hundredths.to_string());
            json!({ "kind": kind, "currency": currency, "amount": amount, "nonce": to_hex(&nonce.0) })
        }
        ScanCode::LoginRequest { nonce } => json!({ "kind": kind, "nonce": to_hex(&nonce.0) }),
        ScanCode::Tip { username } => json!({ "kind": kind, "username": username }),
    }
}

pub(crate) fn same_key(key: &KeyPair, output: &Value) {
    assert_eq!(key.public_key().to_string(), text(output, "intent_id"));
    if output.get("rendezvous_seed").is_some() {
        assert_eq!(to_hex(&*key.seed()), text(output, "rendezvous_seed"));
        assert_eq!(to_hex(&key.public_key().0), text(output, "rendezvous_public_key"));
    }
}

pub(crate) fn drawn(input: &Value, output: &Value) {
    let payload = bytes(input, "payload");
    let code = drawn_code::encode(&payload);
    assert_eq!(to_hex(&code), text(output, "encoded"));
    if output.get("drawn_bytes").is_some() {
        assert_eq!(to_hex(&drawn_code::drawn_bytes(&code)), text(output, "drawn_bytes"));
    }
    // The SDK's reader strips zeros from the end.
    let mut read = hex(output, "decoded");
    read.resize(payload.len(), 0);
    assert_eq!(drawn_code::decode(&code).map(|payload| payload.to_vec()), Ok(read));
}
