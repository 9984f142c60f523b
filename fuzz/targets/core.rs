//! What the fuzzer does with bytes, for the core. The core's own tests replay the corpus through the same functions.

use quittance_core::event::{Event, Record};
use quittance_core::frame::{self, FrameBuilder, Tip};
use quittance_core::ids::Position;
use quittance_core::invariant;
use quittance_core::payment::Payment;
use quittance_core::record;
use quittance_core::snapshot;
use quittance_core::state::State;

use crate::support::actions::{BEGUN, run};

/// A record that decodes can be written again, and what was written then reads as the same record.
pub(crate) fn record_decode(bytes: &[u8]) {
    let Ok(decoded) = record::decode(bytes, Position(7)) else { return };
    let mut again = Vec::new();
    record::encode(&decoded, &mut again);
    // What an older version wrote becomes this one's, which says more.
    let older = !bytes.starts_with(&record::VERSION.to_le_bytes());
    assert!(older || again.len() <= bytes.len(), "an encoding longer than one that was accepted");
    assert_eq!(record::decode(&again, Position(7)), Ok(decoded));
}

/// A frame that decodes is its records and its header, and nothing else fits its hash. The fuzzer cannot guess a hash, so
/// bytes that are no frame are wrapped into one: header and lengths are then its to choose.
pub(crate) fn frame_decode(bytes: &[u8]) {
    for candidate in [bytes.to_vec(), with_hash(bytes)] {
        let Ok(frame) = frame::decode(&candidate) else { continue };
        assert!(!frame.records.is_empty() && frame.records.len() <= frame::MAX_FRAME_RECORDS);
        let first = frame.records[0].position;
        for (index, record) in (0..).zip(&frame.records) {
            assert_eq!(record.position.0 - first.0, index);
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

/// What version 1 wrote is read as what version 2 can write, and says the same there.
pub(crate) fn upcast(bytes: &[u8]) {
    let old = [&[1, 0], bytes].concat();
    let Ok(decoded) = record::decode(&old, Position(7)) else { return };
    let mut new = Vec::new();
    record::encode(&decoded, &mut new);
    assert!(new.starts_with(&[2, 0]), "version 2 has words for all that version 1 had");
    assert_eq!(record::decode(&new, Position(7)).as_ref(), Ok(&decoded));
    // Nothing behind it is dropped without a word, and nothing missing is made up.
    assert!(record::decode(&[&old[..], &[0]].concat(), Position(7)).is_err());
    assert!(record::decode(&old[..old.len() - 1], Position(7)).is_err());
}

/// Items of a snapshot, each behind its length (two bytes, little endian). What loads can be kept again, and loads as the same
/// state.
pub(crate) fn snapshot_decode(bytes: &[u8]) {
    let (mut rest, mut items) = (bytes, Vec::new());
    while let Some((length, behind)) = rest.split_first_chunk() {
        let (item, behind) = behind.split_at(behind.len().min(usize::from(u16::from_le_bytes(*length))));
        items.push(item);
        rest = behind;
    }
    let Some(state) = load(items) else { return };
    // What has ended is left out of what is kept; its digest is then another.
    let whole = state.ended().next().is_none();
    let again: Vec<_> = snapshot::items(&state.freeze()).collect();
    let loaded = load(again.iter().map(Vec::as_slice)).expect("what was kept loads");
    assert!(!whole || loaded.digest() == state.digest(), "kept and loaded, it is another state");
}

fn load<'a>(items: impl IntoIterator<Item = &'a [u8]>) -> Option<State> {
    let mut loader = snapshot::Loader::default();
    items.into_iter().try_for_each(|item| loader.item(item)).ok()?;
    loader.finish().ok()
}

/// Any sequence of inputs keeps every invariant and replays to the same state; at its end nothing is stuck. Core and model
/// agree about every input.
pub(crate) fn lifecycle(bytes: &[u8]) {
    let healed = [bytes, &[255]].concat();
    let run = run(&healed);
    assert!(run.records().iter().any(|record| matches!(record.event, Event::NodeInitialized { .. })));
}

/// A log that somebody changed: cut, doubled, swapped, edited and sealed again. Whoever knows where the log ended notices, and
/// what can be read of it makes or loses no quark.
pub(crate) fn replay(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let (story, changes) = rest.split_at(rest.len().min(usize::from(*length)));
    let begun = [BEGUN, story].concat();
    let lived = run(&begun);
    let (frames, end) = lived.frames();
    let mut stored: Vec<Vec<u8>> = frames.into_iter().map(|frame| frame.bytes).collect();
    let mut records = lived.records().to_vec();
    let mut resealed = false;
    for change in changes.chunks_exact(4) {
        let &[what, place, at, bits] = change else { continue };
        let place = usize::from(place);
        match what % 8 {
            0 if !stored.is_empty() => drop(stored.remove(place % stored.len())),
            1 if !stored.is_empty() => stored.push(stored[place % stored.len()].clone()),
            2 if !stored.is_empty() => {
                let (a, b) = (place % stored.len(), usize::from(at) % stored.len());
                stored.swap(a, b);
            }
            3 if !stored.is_empty() => {
                let index = place % stored.len();
                let keep = usize::from(at) * stored[index].len() / 256;
                stored[index].truncate(keep);
            }
            4 if !stored.is_empty() => {
                let index = place % stored.len();
                let byte = usize::from(at) * stored[index].len() / 256;
                if let Some(byte) = stored[index].get_mut(byte) {
                    *byte ^= bits;
                }
            }
            // Whoever edits a record can seal its frame again, and all behind it.
            5 if !records.is_empty() => {
                records.remove(place % records.len());
                resealed = true;
            }
            6 if !records.is_empty() => {
                let (a, b) = (place % records.len(), usize::from(at) % records.len());
                records.swap(a, b);
                resealed |= a != b;
            }
            7 if !records.is_empty() => {
                let index = place % records.len();
                let mut encoded = Vec::new();
                record::encode(&records[index], &mut encoded);
                let byte = usize::from(at) * encoded.len() / 256;
                encoded[byte] ^= bits;
                if let Ok(edited) = record::decode(&encoded, records[index].position) {
                    records[index] = edited;
                    resealed = true;
                }
            }
            _ => {}
        }
    }
    if resealed {
        let mut builder = FrameBuilder::new(Tip::EMPTY, end.epoch);
        for (record, position) in records.iter_mut().zip(1..) {
            record.position = Position(position);
            builder.push(core::slice::from_ref(record));
        }
        stored = builder.finish().0.into_iter().map(|frame| frame.bytes).collect();
    }
    let (read, tip, state) = read(&stored);
    if tip == end {
        assert_eq!(read, lived.records(), "another history under the same end");
    }
    if let Some(state) = state {
        invariant::conservation(&state).expect("quarks appeared or vanished");
        invariant::reservations(&state).expect("something is set aside for nobody");
        invariant::refunds(&state).expect("more given back than paid");
        invariant::ended(&state).expect("an end that was not one");
        invariant::gapless(&read).expect("a gap");
    }
}

/// As much of a log as follows: its records, where it ends, and the state unless a record was refused.
fn read(stored: &[Vec<u8>]) -> (Vec<Record>, Tip, Option<State>) {
    let (mut tip, mut state, mut records) = (Tip::EMPTY, State::default(), Vec::new());
    for bytes in stored {
        let Ok((frame, next)) = tip.follow(bytes) else { break };
        for record in frame.records {
            if state.apply(&record).is_err() {
                return (records, tip, None);
            }
            records.push(record);
        }
        tip = next;
    }
    (records, tip, Some(state))
}
