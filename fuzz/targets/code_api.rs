//! What the fuzzer does with bytes, for the official protocol.

use prost::Message;
use quittance_code_api::envelope::{self, Method};
use quittance_code_api::proto::code::messaging::v1 as messaging;
use quittance_code_api::{schema, wire};

/// An envelope, the request in it, and the signed parts of that: an answer to any bytes, in time and space that follow
/// from their length.
pub(crate) fn envelope_decode(bytes: &[u8]) {
    if let Ok(call) = envelope::decode_request(bytes) {
        body(call.method, &call.body);
        let again = envelope::encode_request(call.method, call.body.clone());
        assert_eq!(envelope::decode_request(&again), Ok(call));
    }
    if let Ok(Ok(answer)) = envelope::decode_response(bytes) {
        let _ = wire::fields(&answer);
    }
    // The envelope is in the way of what lies in it: the first byte may name the method instead.
    if let Some((_, rest)) = bytes.split_first() {
        body(Method::SendMessage, rest);
    }
}

fn body(method: Method, body: &[u8]) {
    if let Ok(fields) = wire::fields(body) {
        assert!(fields.len() <= wire::MAX_FIELDS);
        let raw: Vec<u8> = fields.iter().flat_map(|field| field.raw).copied().collect();
        assert_eq!(raw, body, "fields that do not add up to the message");
        for field in fields {
            let without = wire::without_field(body, field.number).expect("it was split before");
            assert!(without.len() < body.len());
            let _ = wire::sub_message(body, field.number);
        }
    }
    if let Ok(candidates) = wire::signed_candidates(body, &schema::MESSAGE, Some(3)) {
        assert!((1..=3).contains(&candidates.len()));
        assert!(candidates.iter().all(|candidate| wire::fields(candidate).is_ok()));
    }
    if method == Method::SendMessage
        && let Ok(request) = envelope::decode_body::<messaging::SendMessageRequest>(body)
    {
        // As bytes: an amount that is not a number equals nothing, not even itself.
        let once = request.encode_to_vec();
        let again =
            envelope::decode_body::<messaging::SendMessageRequest>(&once).expect("it was read before");
        assert_eq!(again.encode_to_vec(), once);
    }
}
