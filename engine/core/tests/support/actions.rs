//! Bytes as a sequence of inputs: one byte says what happens, the ones behind it how. Any bytes are a sequence.
//!
//! After every input everything that has to hold is checked; at the end the records go through frames and back, and the
//! replayed state has to be the live one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::currency::Currency;
use quittance_core::decide::decide;
use quittance_core::digest::Digest;
use quittance_core::event::{CanceledBy, Event, Record};
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::{AccountId, IntentId, Position, Timestamp, TransactionId};
use quittance_core::invariant::check_all;
use quittance_core::machine::Input;
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::state::{State, Status, TransactionState};
use quittance_core::terms::Terms;
use quittance_core::verify::recheck;

use super::{
    FEES, PARTNER, SHOP, World, cancel, create, deposit, fee, intent, mark_scanned, payer, rate, rates,
    report, submit,
};

const PAYERS: u8 = 4;
const INTENTS: u8 = 8;
const PRICES: [&str; 4] = ["0.00002", "0.00003", "1", "0.000000000000000001"];
const DEPOSITS: [u64; 5] = [0, 250_000_000, 50_000_000_000, 5_000_000_000_000, u64::MAX / 2];

/// A sequence under way.
pub(crate) struct Run<'a> {
    bytes: &'a [u8],
    world: World,
    payments: Vec<(u8, Payment)>,
    /// Every request sent, for whoever wants to ask again.
    pub(crate) requests: Vec<Request>,
    ended: BTreeMap<IntentId, Status>,
    /// As it was after the last input.
    digest: Digest,
    /// How many records each input made: they belong into one frame.
    portions: Vec<usize>,
}

/// Carries out the whole sequence and everything that is checked at its end.
pub(crate) fn run(bytes: &[u8]) -> Run<'_> {
    let world = World::with_policy(Policy::standard(FEES));
    let (payments, requests, ended) = (Vec::new(), Vec::new(), BTreeMap::new());
    let digest = world.core.state().digest();
    let mut run = Run { bytes, world, payments, requests, ended, digest, portions: vec![1] };
    while let Some(what) = run.byte() {
        run.step(what);
    }
    run.account_for_every_quark();
    run.replay();
    run
}

impl Run<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// The next byte, below `end`; zero behind the last.
    fn below(&mut self, end: u8) -> u8 {
        self.byte().unwrap_or(0) % end
    }

    fn step(&mut self, what: u8) {
        match what {
            0..20 => {
                let (seed, terms) = (1 + self.below(INTENTS), self.terms());
                self.send(create(seed, terms));
            }
            20..40 => {
                let seed = 1 + self.below(INTENTS);
                self.send(mark_scanned(seed));
            }
            40..50 => {
                let by = if self.below(2) == 0 { CanceledBy::Payer } else { CanceledBy::Merchant };
                let seed = 1 + self.below(INTENTS);
                self.send(cancel(seed, by));
            }
            50..110 => self.pay(what % 3),
            110..125 if !self.payments.is_empty() => {
                let index = usize::from(self.below(255)) % self.payments.len();
                let (seed, payment) = self.payments[index].clone();
                self.send(submit(seed, &payment));
            }
            125..170 => self.settle(),
            170..190 => {
                let (key, whom) = (self.below(6), payer(100 + self.below(PAYERS)));
                let quarks = DEPOSITS[usize::from(self.below(5))];
                self.send(deposit(&key.to_string(), whom, quarks));
            }
            190..200 => {
                let (dollar, euro) = (PRICES[usize::from(self.below(4))], PRICES[usize::from(self.below(4))]);
                self.send(rates(&[("usd", dollar), ("eur", euro), ("kin", "1")]));
            }
            200..206 => self.policy(),
            206..230 => {
                // Up to two minutes, now and then up to twelve days; one in eight goes back.
                let step = Duration::from_millis(1 << self.below(if what < 226 { 17 } else { 30 }));
                let now = self.world.now;
                self.world.now =
                    if self.below(8) == 0 { now.saturating_sub(step) } else { now.saturating_add(step) };
            }
            230..240 => self.input(Input::Tick),
            255 => self.heal(),
            _ => {
                if let Some(last) = self.requests.last().cloned() {
                    self.send(last);
                }
            }
        }
    }

    fn terms(&mut self) -> Terms {
        let currency =
            ["usd", "kin", "eur", "jpy"][usize::from(self.below(4))].parse().unwrap_or(Currency::KIN);
        let hundredths = [500, 1, 12_345, NativeAmount::MAX.hundredths()][usize::from(self.below(4))];
        let fees = match self.below(4) {
            0 | 1 => Vec::new(),
            2 => vec![fee(PARTNER, 333), fee(payer(100 + self.below(PAYERS)), 1)],
            _ => vec![fee(PARTNER, 4_999), fee(if self.below(2) == 0 { SHOP } else { FEES }, 2)],
        };
        let destination = if self.below(5) == 0 { payer(100 + self.below(PAYERS)) } else { SHOP };
        let lifetime = Duration::from_secs(1 << self.below(24));
        let expires_at = (self.below(2) == 0).then(|| self.world.now.saturating_add(lifetime));
        let amount = NativeAmount::from_hundredths(hundredths).expect("every one is in range");
        Terms { destination, currency, amount, fees, expires_at }
    }

    fn pay(&mut self, how: u8) {
        let (seed, payer_seed) = (self.one_that_is(Status::Created), 100 + self.below(PAYERS));
        let Ok(mut payment) = self.world.priced(seed, payer_seed) else {
            return;
        };
        assert!(payment.total().is_some() && !payment.transfers.is_empty(), "a quote that nobody can sign");
        if how == 1 {
            // Signed all the same: what a dishonest payer would like to pay.
            match self.below(6) {
                0 => payment.transfers[0].quarks = Quarks::new(1),
                1 => payment.transfers.reverse(),
                2 => payment.rate = rate("0.00003"),
                3 => payment.valid_until = payment.valid_until.saturating_add(Duration::from_secs(1)),
                4 => payment.intent = intent(1 + seed % INTENTS),
                _ => payment.transfers.extend(payment.transfers.first().copied()),
            }
        }
        let mut request = submit(payer_seed, &payment);
        if how == 2
            && let Request::Submit { payload, signature, .. } = &mut request
        {
            // Not signed: any change of the bytes or the signature has to be noticed.
            let (at, bit) = (usize::from(self.below(255)), 1 << self.below(8));
            match at.checked_sub(payload.len().min(191)) {
                Some(at) => signature.0[at % 64] ^= bit,
                None => payload[at] ^= bit,
            }
            let rejection = request.clone().verify().expect_err("a changed submission verified");
            assert!(rejection.code.number() < 20, "{rejection}");
        } else {
            self.payments.push((payer_seed, payment));
        }
        self.send(request);
    }

    /// The seed of an intent in this status if there is one, else of any.
    fn one_that_is(&mut self, status: Status) -> u8 {
        let any = self.below(INTENTS);
        let state = self.world.core.state();
        let is = |seed: &u8| state.intent(&intent(*seed)).is_some_and(|known| known.status() == status);
        (0..INTENTS).map(|offset| 1 + (any + offset) % INTENTS).find(is).unwrap_or(1 + any)
    }

    fn settle(&mut self) {
        // One in four about an intent that may never have been paid.
        let seed =
            if self.below(4) == 0 { 1 + self.below(INTENTS) } else { self.one_that_is(Status::Scheduled) };
        let settlement = self.world.core.state().intent(&intent(seed)).and_then(|known| known.settlement());
        let known = settlement.map(|settlement| settlement.transactions[0].transaction.id);
        let outcome = match self.below(3) {
            0 => SettlementOutcome::Failed { reason: "no".repeat(usize::from(self.below(200))) },
            _ => SettlementOutcome::Settled,
        };
        self.send(report(seed, known.unwrap_or(TransactionId([0; 32])), outcome));
    }

    fn policy(&mut self) {
        let mut policy = self.world.core.state().policy().clone();
        match self.below(7) {
            0 => policy.service_fee = None,
            1 => policy.service_fee = NativeAmount::from_hundredths(5),
            2 => {
                policy.fee_cap =
                    BasisPoints::new(1 + u32::from(self.below(255)) * 39).unwrap_or(policy.fee_cap);
            }
            3 => policy.max_payment = Quarks::new(u64::from(self.below(255)) * 250_000_000),
            4 => policy.max_refusals = self.below(3),
            5 => policy.quote_lifetime = Duration::from_secs(u64::from(self.below(255))),
            _ => policy.rate_window = Duration::from_secs(u64::from(self.below(255))),
        }
        self.send(Request::SetPolicy { policy });
    }

    fn send(&mut self, request: Request) {
        self.requests.push(request.clone());
        if let Ok(command) = request.verify() {
            let (state, now) = (self.world.core.state(), self.world.now.max(self.world.core.state().time()));
            assert_eq!(
                decide(state, &command, now),
                decide(state, &command, now),
                "asked twice, decided twice"
            );
            self.input(Input::Command(command));
        }
    }

    fn input(&mut self, input: Input) {
        let first = self.world.records.len();
        let last = self.world.records.last().cloned();
        let (events, answer) = self.world.input(input);
        let state = self.world.core.state();
        if let Err(violation) = check_all(state) {
            panic!("{violation}\nafter {events:?}");
        }
        if events.is_empty() {
            assert_eq!(state.digest(), self.digest, "state that is not in the log");
        } else {
            self.digest = state.digest();
        }
        if let Some(Ok(accepted)) = &answer {
            assert!(accepted.position <= state.position() && accepted.position > Position::START);
            assert_eq!(accepted.repeated, events.is_empty(), "done, or done before");
        }
        let new = &self.world.records[first..];
        for (record, before) in new.iter().zip(last.iter().chain(new)) {
            assert_eq!(record.position, before.position.next(), "a gap in the log");
            assert!(record.recorded_at >= before.recorded_at, "the log runs backwards");
            assert_eq!(record.causation, new[0].causation, "records of one input belong together");
            assert_ne!(
                recheck(record),
                Some(false),
                "a signature on record that does not verify: {record:?}"
            );
        }
        for record in new {
            let Some(subject) = record.subject else { continue };
            let status = state.intent(&subject.intent).expect("it has a record").status();
            let ended = self.ended.get(&subject.intent);
            assert_eq!(ended, None, "{} after the end: {:?}", subject.intent, record.event);
            if status.is_terminal() && record.position == state.position() {
                self.ended.insert(subject.intent, status);
            }
        }
        if !new.is_empty() {
            self.portions.push(new.len());
        }
    }

    /// Lets every deadline pass and every rail answer: nothing may be left open, and nothing set aside.
    fn heal(&mut self) {
        self.world.now = self.world.now.max(self.world.core.state().time());
        while let Some(deadline) = self.world.core.state().next_deadline() {
            self.world.now = deadline;
            let before = self.world.core.state().position();
            self.input(Input::Tick);
            assert_ne!(self.world.core.state().position(), before, "a deadline that nothing comes of");
        }
        for seed in 1..=INTENTS {
            let state = self.world.core.state();
            let Some(settlement) = state.intent(&intent(seed)).and_then(|known| known.settlement()) else {
                continue;
            };
            let open = settlement.transactions.iter().find(|known| known.state == TransactionState::Ordered);
            if let Some(id) = open.map(|open| open.transaction.id) {
                self.send(report(seed, id, SettlementOutcome::Settled));
            }
        }
        let state = self.world.core.state();
        assert_eq!(state.scheduled().count(), 0, "a payment is stuck");
        for (id, known) in state.intents() {
            assert!(known.status().is_terminal(), "{id} is stuck: {}", known.status().name());
        }
        for (id, account) in state.ledger().accounts() {
            assert_eq!(account.reserved, Quarks::ZERO, "{id}: funds are stuck");
        }
    }

    /// Every balance, counted again from the facts: what was deposited, and what confirmed payments moved.
    fn account_for_every_quark(&self) {
        let mut balances: BTreeMap<AccountId, i128> = BTreeMap::new();
        for record in &self.world.records {
            if let Event::FundsDeposited { account, quarks, .. } = &record.event {
                *balances.entry(*account).or_default() += i128::from(quarks.get());
            }
        }
        let mut paid = BTreeSet::new();
        for (id, known) in self.world.core.state().intents() {
            let (Status::Confirmed, Some(submission)) = (known.status(), known.submission()) else {
                continue;
            };
            assert!(
                paid.insert(submission.payment.to_bytes()),
                "{id} was paid with another intent's payment"
            );
            for transfer in &submission.payment.transfers {
                *balances.entry(transfer.destination).or_default() += i128::from(transfer.quarks.get());
                *balances.entry(submission.payment.payer).or_default() -= i128::from(transfer.quarks.get());
            }
        }
        for (id, account) in self.world.core.state().ledger().accounts() {
            let counted = balances.remove(id).unwrap_or_default();
            assert_eq!(i128::from(account.balance.get()), counted, "{id}: quarks appeared or vanished");
        }
        assert!(balances.values().all(|balance| *balance == 0), "an account is missing");
    }

    fn replay(&self) {
        let (frames, end) = self.frames();
        let (mut tip, mut state, mut decoded) = (Tip::EMPTY, State::default(), Vec::new());
        for frame in &frames {
            let (whole, next) = tip.follow(&frame.bytes).expect("a frame that was just written");
            assert_eq!((frame.last, frame.hash), (next.position, next.hash));
            tip = next;
            for record in whole.records {
                state.apply(&record).expect("a record that was just decided");
                decoded.push(record);
            }
        }
        assert_eq!(tip, end);
        assert_eq!(decoded, self.world.records, "the log does not say what was decided");
        let live = self.world.core.state();
        assert_eq!(state.digest(), live.digest(), "a restart would know another state");
        assert_eq!(
            format!("{state:?}"),
            format!("{live:?}"),
            "a restart would know what the digest leaves out"
        );
        assert_eq!(rebuild(&decoded, &self.portions).0, frames, "the same records, other bytes");
    }

    /// The records as frames.
    pub(crate) fn frames(&self) -> (Vec<quittance_core::frame::EncodedFrame>, Tip) {
        rebuild(&self.world.records, &self.portions)
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.world.records
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.world.core.state().time()
    }
}

fn rebuild(mut records: &[Record], portions: &[usize]) -> (Vec<quittance_core::frame::EncodedFrame>, Tip) {
    let mut builder = FrameBuilder::new(Tip::EMPTY, 1);
    for portion in portions {
        let (together, rest) = records.split_at(*portion);
        builder.push(together);
        records = rest;
    }
    assert_eq!(records, [], "every record belongs to an input");
    builder.finish()
}
