//! Whoever looks for frames among other bytes finds where each begins and ends, and never reads past what is there.

use quittance_core::event::{Event, Record};
use quittance_core::frame::{FrameBuilder, MAX_FRAME_BYTES, Tip, decode, extent, header};
use quittance_core::ids::{AccountId, CausationId, DepositKey, Position, Timestamp};
use quittance_core::money::Quarks;

fn record(position: u64) -> Record {
    let quarks = Quarks::new(position);
    let event = Event::FundsDeposited { key: DepositKey([3; 32]), account: AccountId([5; 32]), quarks };
    Record {
        position: Position(position),
        recorded_at: Timestamp(position),
        causation: CausationId(u128::from(position)),
        subject: None,
        event,
    }
}

#[test]
fn a_frame_says_where_it_ends_and_a_cut_or_lying_one_says_nothing() {
    let mut builder = FrameBuilder::new(Tip::EMPTY, 7);
    (1..=300).for_each(|position| builder.push(&[record(position)]));
    let (frames, _) = builder.finish();
    assert_eq!(frames.len(), 3);
    for frame in &frames {
        let behind = [&frame.bytes[..], &[0xFF; 100]].concat();
        for bytes in [&frame.bytes, &behind] {
            assert_eq!(extent(bytes), Some(frame.bytes.len()));
            let found = header(bytes).expect("a header");
            let records = frame.last.0 - frame.first.0 + 1;
            assert_eq!((found.epoch, found.first, u64::from(found.count)), (7, frame.first, records));
            assert_eq!(found.previous, frame.previous);
        }
        for cut in [0, 3, 57, 58, 61, 200, frame.bytes.len() - 1] {
            assert_eq!(extent(&frame.bytes[..cut]), None, "cut to {cut} bytes");
            assert_eq!(header(&frame.bytes[..cut]).is_some(), cut >= 58, "cut to {cut} bytes");
        }
        // The first record's length.
        for lie in [u32::MAX, u32::try_from(MAX_FRAME_BYTES).expect("it fits"), 1 << 31] {
            let mut bytes = frame.bytes.clone();
            bytes[58..62].copy_from_slice(&lie.to_le_bytes());
            assert_eq!(extent(&bytes), None, "a record of {lie} bytes");
            assert!(decode(&bytes).is_err());
        }
        for at in [0, 4, 22] {
            let mut bytes = frame.bytes.clone();
            bytes[at] = 0;
            bytes[at + 1] = 0xFF;
            assert_eq!((header(&bytes), extent(&bytes)), (None, None), "byte {at}");
        }
    }
}
