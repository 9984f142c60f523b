//! What the fuzzer does with bytes, for everything else that a stranger may send: the first byte says what it is taken for.

use prost::Message;
use quittance_code_api::base_domain::base_domain;
use quittance_code_api::drawn_code;
use quittance_code_api::element_options::ElementOptions;
use quittance_code_api::envelope::decode_body;
use quittance_code_api::json_v1::{CreateIntent, GetUserId, parse_status_query};
use quittance_code_api::number;
use quittance_code_api::proto::code::{messaging::v1 as messaging, micropayment::v1 as micropayment};
use quittance_code_api::scan_code::ScanCode;
use quittance_code_api::validate::Validate;

/// An answer to any bytes; what is taken is read the same again.
pub(crate) fn strangers_decode(bytes: &[u8]) {
    let Some((what, rest)) = bytes.split_first() else { return };
    match what % 10 {
        0 => {
            if let Ok(create) = CreateIntent::parse(rest) {
                let request = create.send_message_request();
                let request =
                    messaging::SendMessageRequest::decode(request.as_slice()).expect("what it says");
                assert_eq!(request.rendezvous_key.map(|key| key.value), Some(create.intent.0.to_vec()));
            }
        }
        1 => drop(GetUserId::parse(rest)),
        2 => text(rest, |text| drop(parse_status_query(Some(text)))),
        3 => {
            if let Ok(code) = ScanCode::decode(rest)
                && let Ok(again) = code.encode()
            {
                assert_eq!(ScanCode::decode(&again), Ok(code), "read again, it is another code");
            }
        }
        4 => {
            let exact = drawn_code::decode(rest);
            if let Ok(read) = drawn_code::correct(rest) {
                assert!(read.corrected <= drawn_code::MAX_CORRECTED);
                assert_eq!(drawn_code::decode(&drawn_code::encode(&read.payload)), Ok(read.payload));
            }
            if let Ok(payload) = exact {
                assert_eq!(drawn_code::encode(&payload)[..], *rest, "two drawings of one code");
            }
        }
        5 => text(rest, |text| {
            if let Ok(options) = ElementOptions::decode(text)
                && let Ok(again) = options.encode()
            {
                let _ = options.scan_code();
                assert_eq!(ElementOptions::decode(&again).as_ref(), Ok(&options));
            }
        }),
        6 => text(rest, |text| {
            if let Ok(base) = base_domain(text) {
                let again = base_domain(base.domain.as_str()).expect("a base domain is a domain");
                assert_eq!(again.domain, base.domain, "{text}: reduced twice, it is another site");
            }
        }),
        7 => valid::<messaging::OpenMessageStreamWithKeepAliveRequest>(rest),
        8 => valid::<micropayment::CodifyRequest>(rest),
        _ => {
            if let Some(bits) = rest.first_chunk() {
                let value = f64::from_bits(u64::from_le_bytes(*bits));
                if let Ok(hundredths) = number::hundredths_from_double(value) {
                    let again = number::hundredths_from_double(number::hundredths_to_double(hundredths));
                    assert_eq!(again, Ok(hundredths), "{value}");
                }
                let _ = number::quarks_from_kin(value);
            }
        }
    }
}

fn text(bytes: &[u8], read: impl FnOnce(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        read(text);
    }
}

fn valid<M: Message + Default + Validate>(bytes: &[u8]) {
    if let Ok(message) = decode_body::<M>(bytes) {
        let _ = message.validate();
    }
}
