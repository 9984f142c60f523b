//! What the fuzzer does with bytes, for the core. The core's own tests replay the corpus through the same functions.

use quittance_core::event::Event;
use quittance_core::frame::{self, FrameBuilder, Tip};
use quittance_core::ids::Position;
use quittance_core::payment::Payment;
use quittance_core::record;

use crate::support::actions::run;

/// A record that decodes can be written again, and what was written then reads as the same record.
pub(crate) fn record_decode(bytes: &[u8]) {
    let Ok(decoded) = record::decode(bytes, Position(7)) else { return };
    let mut again = Vec::new();
    record::encode(&decoded, &mut again);
    assert!(again.len() <= bytes.len(), "an encoding longer than one that was accepted");
    assert_eq!(record::decode(&again, Position(7)), Ok(decoded));
}

/// A frame that decodes is its records and its header, and nothing else fits its hash. The fuzzer cannot guess a hash, so
/// bytes that are no frame are wrapped into one: header and lengths are then its to choose.
pub(crate) fn frame_decode(bytes: &[u8]) {
    for candidate in [bytes.to_vec(), with_hash(bytes)] {
        let Ok(frame) = frame::decode(&candidate) else { continue };
        assert!(!frame.records.is_empty() && frame.records.len() <= frame::MAX_FRAME_RECORDS);
        let first = frame.records[0].position;
        for (record, expected) in frame.records.iter().zip(first.0..) {
            assert_eq!(record.position.0, expected);
        }
        let Some(before) = first.0.checked_sub(1) else { continue };
        let tip = Tip { position: Position(before), hash: frame.previous, epoch: frame.epoch };
        let (followed, end) = tip.follow(&candidate).expect("it follows what it names");
        assert_eq!((&followed, end.hash, end.epoch), (&frame, frame.hash, frame.epoch));
        let mut builder = FrameBuilder::new(tip, frame.epoch);
        builder.push(&frame.records);
        let again = builder.finish().0.remove(0);
        assert_eq!(frame::decode(&again.bytes).map(|frame| frame.records), Ok(frame.records));
    }
}

/// The same rule that seals frames: a change here would mean that the format has changed.
fn with_hash(bytes: &[u8]) -> Vec<u8> {
    let hash = blake3::derive_key("quittance 2026-11 log frame v1", bytes);
    [bytes, &hash].concat()
}

/// Bytes that are a payment are its only encoding.
pub(crate) fn payment_decode(bytes: &[u8]) {
    let Ok(payment) = Payment::from_bytes(bytes) else { return };
    assert_eq!(payment.to_bytes(), bytes, "two encodings of one payment");
    assert!(!payment.transfers.is_empty());
    assert_ne!(Payment::from_bytes(&bytes[..bytes.len() - 1]), Ok(payment.clone()));
    let _ = (payment.total(), payment.rate.quarks(payment.amount), payment.rate.to_string());
}

/// Any sequence of inputs keeps every invariant and replays to the same state; at its end nothing is stuck.
pub(crate) fn commands(bytes: &[u8]) {
    let healed = [bytes, &[255]].concat();
    let run = run(&healed);
    assert!(run.records().iter().any(|record| matches!(record.event, Event::NodeInitialized { .. })));
}
