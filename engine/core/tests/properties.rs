//! What holds for any history, any amount and any bytes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::EventKind;
use quittance_core::frame::{self, FrameBuilder, FrameError, MAX_FRAME_BYTES, MAX_FRAME_RECORDS, Tip};
use quittance_core::ids::{AccountId, IntentId, NodeId, Position, Timestamp};
use quittance_core::lifecycle::{self, CommandKind, Outcome};
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::{MAX_TRANSFERS, Payment, Purpose, Transfer};
use quittance_core::policy::Policy;
use quittance_core::rejection::RejectionCode;
use quittance_core::state::{Intent, Status};
use quittance_core::terms::Terms;
use quittance_core::why::explain;

use crate::support::actions::{BEGUN, Run, run};
use crate::support::{FEES, World, at, create, fee, rates, shop, usd};

/// The intent is paid and its payment settles.
const PAID: &[u8] = &[36, 0, 0, 0, 96, 1, 0, 0, 0, 7, 2, 0, 0];

/// Whether a history got far enough to say something.
fn confirmed(run: &Run<'_>) -> bool {
    run.records().iter().any(|record| record.event.name() == "payment_intent.confirmed")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_every_invariant_and_replays_to_the_same_state(bytes in vec(any::<u8>(), 0..600)) {
        // Funds, rates and an intent first, so that most histories come to a payment.
        let begun = [BEGUN, bytes.as_slice(), &[255]].concat();
        let run = run(&begun);
        prop_assert!(run.time() >= at(0));
        let verdicts = |requests: &mut dyn Iterator<Item = &quittance_core::command::Request>| {
            requests.map(|request| request.clone().verify().map_err(|rejection| rejection.code)).collect::<Vec<_>>()
        };
        let forward = verdicts(&mut run.requests.iter());
        let mut backward = verdicts(&mut run.requests.iter().rev());
        backward.reverse();
        prop_assert_eq!(forward, backward, "a signature's verdict depends on its neighbours");
    }

    #[test]
    fn any_bytes_after_a_good_frame_are_refused_or_are_that_frame(at in 0usize..4000, bit in 0u8..8) {
        let paid = [BEGUN, PAID].concat();
        let run = run(&paid);
        prop_assert!(confirmed(&run));
        let (frames, _) = run.frames();
        let mut bytes = frames[0].bytes.clone();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(Tip::EMPTY.follow(&bytes).is_err(), "byte {} changed unnoticed", at);
    }
}

/// Bytes that look random and are the same everywhere.
pub(crate) fn noise(seed: u32, count: usize) -> impl Iterator<Item = u8> {
    let mut state = seed;
    (0..count).map(move |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
}

#[test]
fn histories_come_to_every_step_of_the_table_so_that_the_properties_above_mean_something() {
    let (mut paid, mut seen, mut taken) = (0, BTreeSet::new(), BTreeSet::new());
    for seed in 0..150 {
        let bytes: Vec<_> = BEGUN.iter().copied().chain(noise(seed, 1_200)).collect();
        let run = run(&bytes);
        paid += u32::from(confirmed(&run));
        seen.extend(run.records().iter().map(|record| record.event.kind()));
        for stream in run.streams() {
            for step in explain(&stream) {
                let kinds: Vec<_> = step.records.iter().map(|record| record.event.kind()).collect();
                taken.insert((step.from, step.cause, kinds));
            }
        }
    }
    assert!(paid > 50, "{paid} of 150 histories confirmed a payment");
    let missed: Vec<_> = EventKind::ALL.iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(missed.is_empty(), "events that no history reaches: {missed:?}");
    for from in [None].into_iter().chain(Status::ALL.map(Some)) {
        // Only a replay that stops within a decision sees these.
        if matches!(from, Some(Status::Submitted | Status::Verified)) {
            continue;
        }
        for command in CommandKind::ALL {
            let (Outcome::Decided(outcomes), noted) = (match lifecycle::edge(from, command).outcome {
                Outcome::Refused(_, []) | Outcome::Nothing => continue,
                Outcome::Refused(_, noted) => (Outcome::Decided(&[]), Some(noted)),
                decided @ Outcome::Decided(_) => (decided, None),
            }) else {
                continue;
            };
            for events in outcomes.iter().copied().chain(noted) {
                // One transaction carries a payment whole; only logs may know more. And a deadline that a late payment finds
                // passed reads like one that a tick found when the refusal is not on record.
                if [&[EventKind::TransactionSettled][..], &[EventKind::IntentExpired]].contains(&events) {
                    continue;
                }
                let what = format!("{:?} + {} = {events:?}", from.map(Status::name), command.name());
                assert!(taken.contains(&(from, command, events.to_vec())), "no history takes {what}");
            }
        }
    }
}

#[test]
fn the_core_and_the_model_agree_on_two_hundred_thousand_inputs() {
    // `QUITTANCE_INPUTS=10000000` for a long run; its own seeds, so that it does not say the same again.
    let wanted: u64 = std::env::var("QUITTANCE_INPUTS").map_or(200_000, |text| text.parse().unwrap());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU32::new(if wanted == 200_000 { 1 << 20 } else { 1 << 24 });
    let done = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while done.load(Relaxed) < wanted {
                    let seed = next.fetch_add(1, Relaxed);
                    // Shown by the test runner only if what follows panics.
                    println!("seed {seed}");
                    let bytes: Vec<_> =
                        BEGUN.iter().copied().chain(noise(seed, 1_500)).chain([255]).collect();
                    let before = done.fetch_add(run(&bytes).inputs, Relaxed);
                    if wanted > 200_000 && before / 1_000_000 != done.load(Relaxed) / 1_000_000 {
                        eprintln!("{} inputs, no difference so far", done.load(Relaxed));
                    }
                }
            });
        }
    });
    println!("{} inputs, no difference", done.load(Relaxed));
}

fn any_payment() -> impl Strategy<Value = Payment> {
    let key = any::<[u8; 32]>;
    let purpose = prop_oneof![Just(Purpose::ServiceFee), Just(Purpose::Fee), Just(Purpose::Destination)];
    let transfer = (purpose, key(), 1..=u64::MAX).prop_map(|(purpose, destination, quarks)| Transfer {
        purpose,
        destination: AccountId(destination),
        quarks: Quarks::new(quarks),
    });
    let names = (key(), key(), key(), "[a-z]{3}");
    let figures = (1..1u64 << 56, 1..=u64::MAX, 0..=Rate::MAX_SCALE, any::<u64>());
    (names, figures, vec(transfer, 1..=MAX_TRANSFERS)).prop_map(
        |((node, intent, payer, currency), (hundredths, mantissa, scale, until), transfers)| Payment {
            node: NodeId(node),
            intent: IntentId(intent),
            payer: AccountId(payer),
            currency: currency.parse().unwrap(),
            amount: NativeAmount::from_hundredths(hundredths).unwrap(),
            rate: Rate::new(mantissa, scale).unwrap(),
            valid_until: Timestamp(until),
            transfers,
        },
    )
}

proptest! {
    #[test]
    fn a_payment_has_one_encoding_so_that_a_signature_covers_one_meaning(
        payment in any_payment(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let mut bytes = payment.to_bytes();
        prop_assert_eq!(Payment::from_bytes(&bytes), Ok(payment.clone()));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Payment::from_bytes(&bytes) {
            prop_assert_eq!(other.to_bytes(), bytes.clone(), "two encodings of one payment");
            prop_assert_ne!(other, payment.clone());
        }
        bytes[at] ^= 1 << bit;
        prop_assert!(Payment::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(0);
        prop_assert!(Payment::from_bytes(&bytes).is_err());
    }

    #[test]
    fn shares_of_an_amount_never_exceed_it(quarks in any::<u64>(), parts in vec(1u32..=10_000, 0..8)) {
        let whole = Quarks::new(quarks);
        let mut left = 10_000;
        let mut sum = 0u128;
        for part in parts {
            if part > left {
                break;
            }
            left -= part;
            let share = whole.share(BasisPoints::new(part).unwrap());
            prop_assert_eq!(u128::from(share.get()), u128::from(quarks) * u128::from(part) / 10_000);
            sum += u128::from(share.get());
        }
        prop_assert!(sum <= u128::from(quarks));
    }

    #[test]
    fn a_price_is_the_nearest_quark_and_grows_with_the_amount(
        hundredths in 1..1u64 << 56, mantissa in 1..=u64::MAX, scale in 0..=Rate::MAX_SCALE,
    ) {
        let rate = Rate::new(mantissa, scale).unwrap();
        let price = |hundredths| NativeAmount::from_hundredths(hundredths).and_then(|amount| rate.quarks(amount));
        let text = rate.to_string();
        prop_assert_eq!(text.parse::<Rate>().ok(), Some(rate), "{} reads as another rate", text);
        if let Some(quarks) = price(hundredths) {
            if let Some(exact) = 10u128.checked_pow(u32::from(rate.scale())).and_then(|n| n.checked_mul(u128::from(hundredths) * 1_000)) {
                let (twice, divisor) = (u128::from(quarks.get()) * 2, u128::from(rate.mantissa()));
                // |quarks − exact| ≤ ½, as integers: 2 × quarks × divisor within divisor of 2 × exact.
                if let (Some(left), Some(right)) = (twice.checked_mul(divisor), exact.checked_mul(2)) {
                    prop_assert!(left.abs_diff(right) <= divisor);
                }
            }
            prop_assert!(price(hundredths + 1).is_none_or(|more| more >= quarks));
        }
    }

    #[test]
    fn a_quote_splits_the_whole_price_and_nothing_else(
        hundredths in 1..1u64 << 40,
        price in 1..1_000_000u64,
        fees in vec((10u8..200, 1u32..1_200), 0..5),
        service in 0..100u64,
    ) {
        let service_fee = NativeAmount::from_hundredths(service);
        let mut world = World::with_policy(Policy { service_fee, ..Policy::standard(FEES) });
        let text = Rate::new(price, 9).unwrap();
        world.must(rates(&[("usd", &text.to_string())]));
        let fees: Vec<_> = fees.into_iter().map(|(tag, bps)| fee(AccountId([tag; 32]), bps)).collect();
        let (events, answer) = world.send(create(1, Terms { fees: fees.clone(), ..usd(hundredths) }));
        prop_assume!(answer.is_ok() && !events.is_empty());
        let state = world.core.state();
        let quoted = quittance_core::quote::quote(state, crate::support::intent(1), crate::support::payer(100), at(0));
        let whole = text.quarks(NativeAmount::from_hundredths(hundredths).unwrap());
        match quoted {
            Ok(payment) => {
                prop_assert_eq!(payment.total(), whole, "a quark more or less than the price");
                let last = payment.transfers.last().unwrap();
                prop_assert_eq!((last.purpose, last.destination), (Purpose::Destination, shop()));
                for (transfer, fee) in payment.transfers.iter().filter(|t| t.purpose == Purpose::Fee).zip(
                    fees.iter().filter(|fee| whole.unwrap().share(fee.basis_points) > Quarks::ZERO),
                ) {
                    prop_assert_eq!(transfer.quarks, whole.unwrap().share(fee.basis_points));
                }
            }
            Err(rejection) => prop_assert!(matches!(
                rejection.code,
                RejectionCode::AmountBelowFees
                    | RejectionCode::AmountOutOfRange
                    | RejectionCode::AmountExceedsLimit
            )),
        }
        prop_assert_eq!(state.intent(&crate::support::intent(1)).map(Intent::status), Some(Status::Created));
    }

    #[test]
    fn any_bytes_are_a_frame_or_an_error_and_never_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(frame::decode(&bytes).is_ok(), false);
        let _ = quittance_core::record::decode(&bytes, Position(1));
        let _ = Currency::new([bytes.first().copied().unwrap_or(0); 3]);
    }
}

#[test]
fn frames_keep_to_their_limits_and_follow_each_other() {
    let run = run(BEGUN);
    let template = run.records()[1].clone();
    let record =
        |position| quittance_core::event::Record { position: Position(position), ..template.clone() };
    let mut builder = FrameBuilder::new(Tip::EMPTY, 1);
    builder.push(&[]);
    for first in [1, 101, 201] {
        let together: Vec<_> = (first..first + 100).map(record).collect();
        builder.push(&together);
        builder.push(&[]);
    }
    let (frames, end) = builder.finish();
    let bounds: Vec<_> = frames.iter().map(|frame| (frame.first.0, frame.last.0)).collect();
    assert_eq!(bounds, [(1, 100), (101, 200), (201, 300)], "records of one input are in one frame");
    assert_eq!(end.position, Position(300));
    let mut tip = Tip::EMPTY;
    for frame in &frames {
        assert!(frame.bytes.len() <= MAX_FRAME_BYTES);
        let (decoded, next) = tip.follow(&frame.bytes).expect("follows");
        assert!(decoded.records.len() <= MAX_FRAME_RECORDS);
        tip = next;
    }
    let stale = FrameBuilder::new(Tip { epoch: 0, ..end }, 0);
    let next = |mut builder: FrameBuilder, position| {
        builder.push(&[record(position)]);
        builder.finish().0.remove(0).bytes
    };
    let forked = FrameBuilder::new(Tip { hash: quittance_core::ids::ChainHash([1; 32]), ..end }, 1);
    let end = Tip { epoch: 1, ..end };
    for (bytes, why) in [
        (next(stale, 301), "an older writer"),
        (next(forked, 301), "another history"),
        (next(FrameBuilder::new(Tip { position: Position(301), ..end }, 1), 302), "a gap"),
        (next(FrameBuilder::new(Tip { position: Position(299), ..end }, 1), 300), "a repetition"),
    ] {
        let error = end.follow(&bytes).expect_err(why);
        let named = matches!(
            (why, &error),
            ("an older writer", FrameError::StaleEpoch { newest: 1, got: 0, .. })
                | ("another history", FrameError::BrokenLink { .. })
                | ("a gap" | "a repetition", FrameError::NotNext { .. })
        );
        assert!(named, "{why}: {error}");
    }
}

#[test]
fn a_rate_that_is_spelled_in_another_way_is_not_what_the_payer_signed() {
    let mut world = World::funded();
    world.must(create(1, usd(500)));
    let payment = world.quote(1, 100);
    let bytes = payment.to_bytes();
    // Mantissa 2 and scale 5 stand behind the amount: 17 + 1 + 3 × 32 + 3 + 8 bytes in.
    assert_eq!(bytes[125..134], [2, 0, 0, 0, 0, 0, 0, 0, 5]);
    for (mantissa, scale, read) in [(2, 5, true), (20, 6, false), (0, 5, false), (2, 28, false)] {
        let mut bytes = bytes.clone();
        (bytes[125], bytes[133]) = (mantissa, scale);
        assert_eq!(Payment::from_bytes(&bytes).is_ok(), read, "{mantissa} × 10^-{scale}");
    }
}
