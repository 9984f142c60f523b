use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::proto::code::messaging::v1 as messaging;
use crate::schema;

/// A request with a login, its fields in an order no encoder uses.
fn shuffled_request() -> Vec<u8> {
    let value = |number: u32, byte: u8| delimited(number, &delimited(1, &[byte; 32]));
    let price = [delimited(1, b"usd"), tagged(2, 1, &0.25_f64.to_le_bytes())].concat();
    [value(7, 7), delimited(3, &price), delimited(4, &delimited(1, b"example.com")), value(1, 1), value(5, 5)]
        .concat()
}

fn numbers(message: &[u8]) -> Vec<u32> {
    fields(message).expect("a message").iter().map(|field| field.number).collect()
}

#[test]
fn a_signature_in_any_encoders_order_is_found() {
    let raw = shuffled_request();
    let candidates = signed_candidates(&raw, &schema::REQUEST_TO_RECEIVE_BILL, Some(6)).expect("a message");
    assert_eq!(candidates[0], raw, "what arrived comes first");
    let orders: Vec<_> = candidates.iter().map(|bytes| numbers(bytes)).collect();
    assert_eq!(orders, [vec![7, 3, 4, 1, 5], vec![1, 3, 4, 5, 7], vec![1, 4, 5, 7, 3]]);
    let read: Vec<_> =
        candidates.iter().map(|bytes| messaging::RequestToReceiveBill::decode(bytes.as_slice())).collect();
    assert!(read.iter().all(|request| *request == read[0] && request.is_ok()), "all mean the same");
}

#[test]
fn go_order_reaches_into_the_message_within_the_message() {
    let inner = shuffled_request();
    let message = delimited(5, &inner);
    let go = reordered(&message, &schema::MESSAGE, Order::Go).expect("a message").expect("one meaning");
    assert_eq!(numbers(sub_message(&go, 5).expect("the request")), [1, 4, 5, 7, 3]);
}

#[test]
fn a_message_with_two_meanings_is_only_taken_as_it_arrived() {
    let price = delimited(1, b"usd");
    let check_in = |message: Vec<u8>, schema: &Schema| {
        assert_eq!(signed_candidates(&message, schema, None), Ok(vec![message]));
    };
    let check = |message: Vec<u8>| check_in(message, &schema::REQUEST_TO_RECEIVE_BILL);
    // The last of two counts, and sorting would make the other one the last.
    check([delimited(3, &price), delimited(2, &price)].concat());
    check([delimited(1, &[]), delimited(1, &[])].concat());
    // Kinds that only the server writes exclude the others just as well.
    check_in([delimited(5, &[]), delimited(4, &[])].concat(), &schema::MESSAGE);
}

#[test]
fn long_forms_become_short_and_unknown_fields_go_last() {
    let fee = [vec![0x10, 0x81, 0x00], delimited(1, &[])].concat();
    let message = [delimited(99, b"new"), vec![0xc2, 0x00, 0x85, 0x00], fee].concat();
    let want = [delimited(8, &[delimited(1, &[]), vec![0x10, 1]].concat()), delimited(99, b"new")].concat();
    assert_eq!(reordered(&message, &schema::REQUEST_TO_RECEIVE_BILL, Order::Ascending), Ok(Some(want)));
}

#[test]
fn a_part_that_is_missing_or_there_twice_has_no_signed_bytes() {
    let part = delimited(1, b"a");
    let check = |message: Vec<u8>, want: Result<&[u8], WireError>| assert_eq!(sub_message(&message, 1), want);
    check(part.clone(), Ok(b"a"));
    check(Vec::new(), Err(WireError::Missing(1)));
    check([part.clone(), part.clone()].concat(), Err(WireError::Repeated(1)));
    check(vec![0x08, 0x01], Err(WireError::NotDelimited(1)));
    assert_eq!(without_field(&[part.clone(), delimited(2, b"b"), part].concat(), 1), Ok(delimited(2, b"b")));
}

#[test]
fn broken_bytes_are_named() {
    let check = |message: &[u8], want: WireError| assert_eq!(fields(message), Err(want), "{message:02x?}");
    check(&[0x0a, 0x02, 0x00], WireError::Truncated);
    check(&[0x09, 1, 2, 3], WireError::Truncated);
    check(&[0x80], WireError::Truncated);
    check(&[0xff; 10], WireError::Varint);
    check(&[0xff; 11], WireError::Varint);
    check(&[0x00, 0x00], WireError::FieldNumber);
    check(&[0x0b], WireError::WireType { field: 1, got: 3 });
    check(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], WireError::Truncated);
    check(&[0x08, 0x00].repeat(MAX_FIELDS + 1), WireError::TooManyFields);
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(parts) = fields(&message) {
            let raw: Vec<u8> = parts.iter().flat_map(|field| field.raw).copied().collect();
            prop_assert_eq!(&raw, &message, "nothing is lost between the fields");
        }
        let _ = sub_message(&message, 1);
        if let Ok(candidates) = signed_candidates(&message, &schema::MESSAGE, None) {
            prop_assert_eq!(&candidates[0], &message);
            prop_assert!(candidates.len() <= 3);
        }
    }

    #[test]
    fn whatever_decodes_means_the_same_in_every_order(
        picks in proptest::collection::vec((1_u32..14, proptest::collection::vec(any::<u8>(), 0..12)), 0..8)
    ) {
        let message: Vec<u8> = picks.iter().flat_map(|(number, value)| delimited(*number, value)).collect();
        if let (Ok(want), Ok(candidates)) =
            (messaging::Message::decode(message.as_slice()), signed_candidates(&message, &schema::MESSAGE, None))
        {
            for bytes in candidates {
                let read = messaging::Message::decode(bytes.as_slice());
                prop_assert_eq!(read.as_ref(), Ok(&want));
            }
        }
    }
}
