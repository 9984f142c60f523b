//! Bytes written by this version, kept for ever. `QUITTANCE_BLESS=1 cargo test -p quittance-core golden` writes files that
//! are missing; a file that exists is never written over.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::event::{CanceledBy, Event, EventKind, PaymentForm, Record};
use quittance_core::frame::{self, FrameBuilder, Tip};
use quittance_core::ids::{AccountId, NodeId, Position};
use quittance_core::invariant;
use quittance_core::metadata::Metadata;
use quittance_core::money::{BasisPoints, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::{Limits, Policy};
use quittance_core::record::{self, DecodeError, MAX_RECORD_BYTES, VERSION};
use quittance_core::site::Site;
use quittance_core::state::State;
use quittance_core::terms::Terms;
use quittance_core::verify::relationship_signing_bytes;

use crate::support::{
    FEES, PARTNER, SHOP_SEED, World, at, cancel, create, deposit, establish, fee, intent, login, login_terms,
    mark_scanned, no_funds, payer, rates, refund, refund_of, register_webhook, report, report_attempt,
    report_withdrawal, request_login, submit, submit_as_actions, usd, withdraw, withdrawal_of,
};

const LOST: &str = "the bytes of a version changed: an auditor could no longer read, or verify the hashes and signatures \
    of, any log, payment or receipt written before. Write a new version beside the old one instead";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits")).collect()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.hex"))
}

fn stored(name: &str) -> Vec<u8> {
    let path = file(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    unhex(&text)
}

/// Compares with the stored bytes; `found` becomes them when the file is missing and that is asked for.
pub(crate) fn check(name: &str, found: &[u8]) {
    let path = file(name);
    if !path.exists() && std::env::var_os("QUITTANCE_BLESS").is_some() {
        fs::write(&path, hex(found) + "\n").expect("the folder can be written");
    }
    assert!(stored(name) == found, "{name}: {LOST}\nfound {}", hex(found));
}

/// The merchant of the histories.
const SHOP: AccountId = AccountId([0x51; 32]);

fn for_shop(hundredths: u64) -> Terms {
    Terms { destination: SHOP, ..usd(hundredths) }
}

/// The history that version 1 was frozen with: every event it had.
fn history_v1() -> World {
    let mut world = World::with_policy(Policy::standard(FEES));
    world.must(rates(&[("usd", "0.00002"), ("eur", "0.000018"), ("kin", "1")]));
    world.must(deposit("golden", payer(100), 60_000_000_000));
    let with_fees = Terms { fees: vec![fee(PARTNER, 250), fee(AccountId([9; 32]), 1)], ..for_shop(500) };
    world.must(create(1, Terms { expires_at: Some(at(7_200)), ..with_fees }));
    world.must(create(2, for_shop(500)));
    world.must(create(3, for_shop(100)));
    world.must(create(4, for_shop(1)));
    world.must(create(5, for_shop(700)));
    world.now = at(10);
    world.must(mark_scanned(1));
    world.refused(submit(101, &world.quote(1, 101)));
    for seed in [1, 2] {
        world.must(submit(100, &world.quote(seed, 100)));
    }
    world.now = at(11);
    world.must(report(1, world.transaction(1), SettlementOutcome::Settled));
    world.must(report(2, world.transaction(2), no_funds()));
    world.must(cancel(3, CanceledBy::Payer));
    let policy = Policy { service_fee: None, max_payment: Quarks::new(1_000), ..Policy::standard(FEES) };
    world.must(Request::SetPolicy { policy });
    world.refused(submit(100, &world.quote(4, 100)));
    world.now = at(3_601);
    world.tick();
    world
}

/// A history with every event of version 2.
fn history() -> World {
    let mut world = World::with_policy(Policy {
        rate_tolerance: BasisPoints::new(10),
        payer_limits: Limits { per_day: Some(Quarks::new(60_000_000_000)), per_five_minutes: Some(9) },
        merchant_limits: Limits { per_day: None, per_five_minutes: Some(1_000) },
        withdrawal_limits: Limits { per_day: Some(Quarks::new(1_000_000)), per_five_minutes: None },
        ..Policy::standard(FEES)
    });
    world.must(rates(&[("usd", "0.00002"), ("eur", "0.000018"), ("kin", "1")]));
    world.must(deposit("golden", payer(100), 60_000_000_000));
    let metadata = Metadata::new([("order", "42"), ("customer", "äöü")]).expect("short");
    let with_fees = Terms { fees: vec![fee(PARTNER, 250), fee(AccountId([9; 32]), 1)], metadata, ..usd(500) };
    world.must(create(1, Terms { expires_at: Some(at(7_200)), ..with_fees }));
    for (seed, hundredths) in [(2, 500), (3, 100), (4, 1), (5, 700)] {
        world.must(create(seed, usd(hundredths)));
    }
    world.now = at(10);
    world.must(mark_scanned(1));
    world.refused(submit(101, &world.quote(1, 101)));
    let late = submit(101, &world.quote(1, 101));
    for seed in [1, 2] {
        world.must(submit(100, &world.quote(seed, 100)));
    }
    world.refused(late);
    world.now = at(11);
    let (first, second) = (world.transaction(1), world.transaction(2));
    let reason = || String::from("no answer within 30 s");
    world.must(report_attempt(1, first, 1, SettlementOutcome::Sent));
    world.must(report_attempt(1, first, 1, SettlementOutcome::Indeterminate { reason: reason() }));
    world.must(report_attempt(1, first, 1, SettlementOutcome::FailedRetryable { reason: "busy".into() }));
    world.must(report_attempt(1, first, 2, SettlementOutcome::Settled));
    world.refused(report_attempt(1, first, 2, no_funds()));
    world.must(report(2, second, no_funds()));
    for (key, outcome) in [("part", SettlementOutcome::Settled), ("more", no_funds())] {
        let order = refund_of(1, SHOP_SEED, key, 1_000);
        world.must(refund(SHOP_SEED, order));
        world.must(report(1, order.transaction(), outcome.clone()));
        let order = withdrawal_of(SHOP_SEED, key, 200_000, "a bank");
        world.must(withdraw(SHOP_SEED, order.clone()));
        world.must(report_withdrawal(order.transaction(), 1, outcome));
    }
    world.must(cancel(3, CanceledBy::Payer));
    let policy = Policy { service_fee: None, max_payment: Quarks::new(1_000), ..Policy::standard(FEES) };
    world.must(Request::SetPolicy { policy });
    world.refused(submit(100, &world.quote(4, 100)));
    world.now = at(3_601);
    world.tick();
    world
}

/// A history with everything that version 3 has words for.
fn history_v3() -> World {
    let mut world = World::with_policy(Policy::standard(FEES));
    world.must(rates(&[("usd", "0.00002")]));
    world.must(deposit("golden", payer(100), 60_000_000_000));
    let site =
        |verifier| Some(Box::new(Site { domain: "shop.example".parse().expect("a domain"), verifier }));
    world.must(create(1, Terms { site: site(Some(payer(150))), ..usd(500) }));
    world.must(create(2, Terms { site: site(None), ..usd(100) }));
    world.must(request_login(3, login_terms("shop.example", 150)));
    world.must(establish(100, "shop.example", 160));
    world.must(register_webhook(1, "https://shop.example/paid"));
    world.must(register_webhook(3, "https://shop.example/known"));
    world.now = at(10);
    for seed in [1, 2] {
        let payment = world.quote(seed, 100);
        world.must(submit_as_actions(100, &payment));
        world.refused(submit_as_actions(100, &Payment { valid_until: at(11), ..payment }));
    }
    world.must(report(1, world.transaction(1), SettlementOutcome::Settled));
    world.must(login(3, 160));
    world.tell(1, 1, None, Duration::from_millis(3_000));
    world.now = at(12);
    world.tell(1, 2, Some(503), Duration::from_micros(81_234));
    world.tell(1, 3, Some(200), Duration::from_micros(1));
    world.must(Request::Redeliver { intent: intent(1) });
    world.tell(3, 1, Some(200), Duration::from_micros(7));
    world
}

fn bytes(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    record::encode(record, &mut bytes);
    bytes
}

/// The first record of each kind of event.
fn one_of_each(history: &World) -> BTreeMap<EventKind, &Record> {
    let mut seen = BTreeMap::new();
    for record in &history.records {
        seen.entry(record.event.kind()).or_insert(record);
    }
    seen
}

/// How many kinds of event version 1 had, and version 2.
const V1_EVENTS: usize = 17;
const V2_EVENTS: usize = 28;
/// How many of the kinds of event say something in version 3: seven that are new, and three with more to say.
const V3_EVENTS: usize = 10;

#[test]
fn every_event_of_version_1_is_read_as_it_ever_was() {
    let history = history_v1();
    let seen = one_of_each(&history);
    assert_eq!(seen.len(), V1_EVENTS, "an event without golden bytes: {:?}", seen.keys());
    for (kind, record) in &seen {
        // What was renamed since is still in the file of its first name.
        let stored = stored(&format!("record-v1-{}", kind.name()));
        assert_eq!(&stored[..2], [1, 0], "{kind:?}: written by version 1");
        assert_eq!(record::decode(&stored, record.position).as_ref(), Ok(*record), "{kind:?}: {LOST}");
    }
}

#[test]
fn every_event_of_version_2_is_read_and_written_as_it_ever_was() {
    let history = history();
    let seen = one_of_each(&history);
    assert_eq!(seen.len(), V2_EVENTS, "an event without golden bytes: {:?}", seen.keys());
    for (kind, record) in &seen {
        let file = format!("record-v2-{}", kind.name());
        check(&file, &bytes(record));
        assert_eq!(record::decode(&stored(&file), record.position).as_ref(), Ok(*record), "{kind:?}: {LOST}");
    }
}

#[test]
fn every_event_of_version_3_is_read_and_written_as_it_ever_was() {
    let history = history_v3();
    let new = history.records.iter().filter(|record| bytes(record)[..2] == [3, 0]);
    let mut seen = BTreeMap::new();
    for record in new {
        seen.entry(record.event.kind()).or_insert(record);
    }
    assert_eq!(seen.len(), V3_EVENTS, "an event without golden bytes: {:?}", seen.keys());
    for (kind, record) in &seen {
        let file = format!("record-v3-{}", kind.name());
        check(&file, &bytes(record));
        assert_eq!(record::decode(&stored(&file), record.position).as_ref(), Ok(*record), "{kind:?}: {LOST}");
    }
    // What the version before can say is said in it, so that its programs read on.
    for record in &history.records {
        assert_eq!(
            bytes(record)[..2] == [3, 0],
            seen.values().any(|new| is_of_v3(record, new)),
            "{record:?}"
        );
    }
}

/// Whether a record is of the kind of `new` and says what only version 3 can.
fn is_of_v3(record: &Record, new: &Record) -> bool {
    let more = match &record.event {
        Event::IntentCreated { terms, .. } => terms.site.is_some(),
        Event::IntentSubmitted { form, .. } | Event::LateSubmissionRefused { form, .. } => {
            *form != PaymentForm::Native
        }
        _ => true,
    };
    more && record.event.kind() == new.event.kind()
}

#[test]
fn no_golden_file_is_orphaned() {
    // A file for an event that was renamed would otherwise rest unread while its bytes are still in logs.
    let folder = file("x");
    let count = folder.parent().expect("a folder").read_dir().expect("it is there").count();
    let others = ["frame-v1", "frame-v1-of-records-v2", "frame-v1-of-records-v3", "payment-v1", "refund-v1"];
    let signed = ["terms-v1", "terms-v2", "terms-v3", "withdrawal-v1", "login-v1", "relationship-v1"];
    let states = ["digest-v5-of-records-v1", "digest-v5-of-records-v2", "digest-v5", "snapshot-v3-hash"];
    let more = others.len() + signed.len() + states.len();
    assert_eq!(count, V1_EVENTS + V2_EVENTS + V3_EVENTS + more);
}

/// A stored log replays to the state that `history` lived, and to the digest that is stored with it.
fn replays(frame: &str, digest: &str, history: &World) {
    let (decoded, _) = Tip::EMPTY.follow(&stored(frame)).expect(LOST);
    let mut state = State::default();
    for record in &decoded.records {
        state.apply(record).expect(LOST);
    }
    assert_eq!(state.digest(), history.core.state().digest(), "{frame}: {LOST}");
    invariant::check_all(&state).expect(LOST);
    invariant::check_history(&decoded.records, &state).expect(LOST);
    check(digest, &state.digest().0);
}

#[test]
fn a_log_of_any_version_replays_to_the_state_it_ever_did() {
    replays("frame-v1", "digest-v5-of-records-v1", &history_v1());
    let history = history();
    let mut builder = FrameBuilder::new(Tip::EMPTY, 7);
    builder.push(&history.records);
    let (frames, end) = builder.finish();
    assert_eq!(frames.len(), 1);
    check("frame-v1-of-records-v2", &frames[0].bytes);
    let (decoded, tip) = Tip::EMPTY.follow(&stored("frame-v1-of-records-v2")).expect(LOST);
    assert_eq!((tip, decoded.epoch), (end, 7));
    replays("frame-v1-of-records-v2", "digest-v5-of-records-v2", &history);
    let history = history_v3();
    let mut builder = FrameBuilder::new(Tip::EMPTY, 7);
    builder.push(&history.records);
    check("frame-v1-of-records-v3", &builder.finish().0[0].bytes);
    replays("frame-v1-of-records-v3", "digest-v5", &history);
}

#[test]
fn an_old_log_goes_on_in_the_new_version_without_a_break() {
    // Half a log of version 1, half of today: what a node has that was updated in between.
    let (old, history) = (stored("frame-v1"), history_v1());
    let (decoded, tip) = Tip::EMPTY.follow(&old).expect(LOST);
    let mut world = World { records: decoded.records, ..history };
    world.must(create(6, for_shop(100)));
    let mut builder = FrameBuilder::new(tip, tip.epoch + 1);
    builder.push(&world.records[world.records.len() - 1..]);
    let (frames, _) = builder.finish();
    let (next, _) = tip.follow(&frames[0].bytes).expect("it follows");
    assert_eq!(next.records, world.records[world.records.len() - 1..]);
    invariant::check_history(&world.records, world.core.state()).expect("one history");
}

#[test]
fn what_payers_and_merchants_signed_stays_what_they_signed() {
    let history = history_v1();
    let payment = history.core.state().intent(&intent(1)).and_then(|known| known.submission()).expect("paid");
    check("payment-v1", &payment.payment.to_bytes());
    assert_eq!(Payment::from_bytes(&stored("payment-v1")).as_ref(), Ok(&payment.payment), "{LOST}");
    let known = history.core.state().intent(&intent(1)).expect("created");
    let terms = known.terms().expect("a payment");
    check("terms-v1", &terms.signing_bytes(intent(1)));
    let metadata = Metadata::new([("order", "42"), ("customer", "äöü")]).expect("short");
    check("terms-v2", &Terms { metadata, ..terms.clone() }.signing_bytes(intent(1)));
    let site = Some(Box::new(Site { domain: "shop.example".parse().expect("a domain"), verifier: None }));
    check("terms-v3", &Terms { site, ..terms.clone() }.signing_bytes(intent(1)));
    check("login-v1", &login_terms("shop.example", 150).signing_bytes(intent(1)));
    let domain = "shop.example".parse().expect("a domain");
    check("relationship-v1", &relationship_signing_bytes(payer(100), &domain, payer(160)));
    check("refund-v1", &refund_of(1, SHOP_SEED, "part", 1_000).signing_bytes());
    check("withdrawal-v1", &withdrawal_of(SHOP_SEED, "part", 200_000, "a bank").signing_bytes());
}

#[test]
fn a_record_that_is_not_exactly_one_of_a_known_version_is_refused_by_name() {
    let record = Record {
        event: Event::NodeInitialized { node: NodeId([1; 32]), policy: Policy::standard(FEES).into() },
        ..history().records[0].clone()
    };
    let good = bytes(&record);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        record::decode(&bytes, Position(1)).map(|_| ())
    };
    assert_eq!(with(&|_| {}), Ok(()));
    assert_eq!(with(&|b| b.push(0)), Err(DecodeError::TrailingBytes { count: 1 }));
    // What a later program adds behind what this one knows is never dropped without a word.
    assert_eq!(with(&|b| b.extend([1, 2, 3])), Err(DecodeError::TrailingBytes { count: 3 }));
    assert_eq!(with(&|b| b[0] = 0), Err(DecodeError::NoSuchVersion { got: 0 }));
    assert_eq!(with(&|b| b.truncate(1)), Err(DecodeError::Size { got: 1 }));
    assert_eq!(
        with(&|b| b.resize(MAX_RECORD_BYTES + 1, 0)),
        Err(DecodeError::Size { got: MAX_RECORD_BYTES + 1 })
    );
    let newer = with(&|b| b[0] = 4).expect_err("written by tomorrow's program");
    assert_eq!(newer, DecodeError::NewerVersion { got: VERSION + 1 });
    let text = newer.to_string();
    assert!(text.contains("version 4") && text.contains("up to 3"), "names both versions: {text}");
    for cut in 2..good.len() {
        let error = record::decode(&good[..cut], Position(1));
        assert!(matches!(error, Err(DecodeError::Malformed(_))), "cut at {cut}: {error:?}");
    }
    // A length of 2^36 in front of a text: refused before anything is allocated for it.
    let mut claims = bytes(&Record {
        event: Event::RatesPublished { source: String::new(), rates: Vec::new() },
        ..record
    });
    claims.truncate(claims.len() - 2);
    claims.extend([253, 0, 0, 0, 0, 16, 0, 0, 0]);
    assert!(matches!(record::decode(&claims, Position(1)), Err(DecodeError::Malformed(_))));
}

#[test]
fn any_changed_or_missing_byte_of_a_frame_is_noticed() {
    let mut history = FrameBuilder::new(Tip::EMPTY, 1);
    history.push(&self::history().records);
    let stored = history.finish().0.remove(0).bytes;
    for at in 0..stored.len() {
        let mut bytes = stored.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(frame::decode(&bytes).is_err(), "byte {at}");
    }
    for cut in (0..stored.len()).step_by(7) {
        assert!(frame::decode(&stored[..cut]).is_err(), "cut at {cut}");
        assert!(frame::decode(&stored[stored.len() - cut..]).is_err(), "the last {cut} bytes");
    }
    assert!(frame::decode(&[stored.as_slice(), &[0]].concat()).is_err(), "a byte behind it");
    assert!(frame::decode(&[stored.as_slice(), &stored].concat()).is_err(), "twice");
}
