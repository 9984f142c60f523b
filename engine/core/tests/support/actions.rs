//! Bytes as a sequence of inputs: one byte says what happens, the ones behind it how. Any bytes are a sequence.
//!
//! Every input goes to the core and to the model, which have to say the same. After every input everything that has to hold is
//! checked; at the end the records go through frames and back, and the replayed state has to be the live one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quittance_core::command::{Request, SettlementOutcome};
use quittance_core::currency::Currency;
use quittance_core::decide::decide;
use quittance_core::digest::Digest;
use quittance_core::event::{AttemptState, CanceledBy, Event, Record};
use quittance_core::frame::{FrameBuilder, Tip};
use quittance_core::ids::{AccountId, IntentId, Position, Timestamp, TransactionId};
use quittance_core::invariant::{check_all, check_history, follows};
use quittance_core::machine::{Answer, Input};
use quittance_core::metadata::Metadata;
use quittance_core::money::{BasisPoints, NativeAmount, Quarks};
use quittance_core::payment::Payment;
use quittance_core::policy::Policy;
use quittance_core::refund::Refund;
use quittance_core::site::Site;
use quittance_core::state::{State, Status, TransactionState};
use quittance_core::terms::Terms;
use quittance_core::verify::recheck;
use quittance_core::webhook::DeliveryOutcome;
use quittance_core::withdrawal::Withdrawal;

use super::model::{Model, Said};
use super::{
    FEES, PARTNER, SHOP_SEED, World, cancel, create, deposit, establish, expecting, fee, give_up, intent,
    login, login_terms, mark_scanned, outcome, payer, rate, rates, refund, refund_of, register_webhook,
    report_attempt, report_delivery, report_withdrawal, request_login, shop, submit, submit_as_actions,
    withdraw, withdrawal_of,
};

const SITES: [&str; 2] = ["shop.example", "news.example"];
/// The seed of the key that the sites publish; the next one's is published nowhere.
const VERIFIER: u8 = 150;
/// The seed of the first account that a site may know somebody by.
const KNOWN_AS: u8 = 160;
const PAYERS: u8 = 4;
const INTENTS: u8 = 8;
const PRICES: [&str; 6] = ["0.00002", "0.00002002", "0.00003", "1", "0.000000000000000001", "0.00001999"];
const DEPOSITS: [u64; 5] = [0, 250_000_000, 50_000_000_000, 5_000_000_000_000, u64::MAX / 2];
const PARTS: [u64; 5] = [0, 1, 100_000, 12_475_000_000, 24_950_000_000];

/// Funds for two payers, rates and an intent: most histories that begin so come to a payment.
pub(crate) const BEGUN: &[u8] = &[180, 0, 0, 3, 181, 1, 1, 3, 196, 0, 2, 0, 0, 0, 0, 0, 1, 1, 1, 7, 7];

/// A sequence under way.
pub(crate) struct Run<'a> {
    bytes: &'a [u8],
    pub(crate) world: World,
    model: Model,
    payments: Vec<(u8, Payment)>,
    /// Every request sent, for whoever wants to ask again.
    pub(crate) requests: Vec<Request>,
    /// Every input, when it came, and what was answered.
    pub(crate) script: Vec<(Timestamp, Input, Option<Answer>)>,
    ended: BTreeMap<IntentId, Status>,
    /// As it was after the last input.
    digest: Digest,
    /// How many records each input made: they belong into one frame.
    portions: Vec<usize>,
    /// How many inputs the core and the model have agreed on.
    pub(crate) inputs: u64,
}

/// Carries out the whole sequence and everything that is checked at its end.
pub(crate) fn run(bytes: &[u8]) -> Run<'_> {
    let mut run = Run {
        bytes,
        world: World { now: super::NOON, ..World::default() },
        model: Model::default(),
        payments: Vec::new(),
        requests: Vec::new(),
        script: Vec::new(),
        ended: BTreeMap::new(),
        digest: State::default().digest(),
        portions: Vec::new(),
        inputs: 0,
    };
    run.send(Request::Initialize { node: super::NODE, policy: Policy::standard(FEES) });
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
            0..13 => {
                let (seed, terms) = (1 + self.below(INTENTS), self.terms());
                self.send(create(seed, terms));
            }
            13..16 => {
                let (seed, site) = (1 + self.below(INTENTS), SITES[usize::from(self.below(2))]);
                let verifier = VERIFIER + self.below(8) / 7;
                self.send(request_login(seed, login_terms(site, verifier)));
            }
            16..24 => {
                let seed = 1 + self.below(INTENTS);
                self.perhaps_expecting(seed, mark_scanned(seed));
            }
            28..36 => {
                let by = if self.below(2) == 0 { CanceledBy::Payer } else { CanceledBy::Merchant };
                let seed = 1 + self.below(INTENTS);
                self.perhaps_expecting(seed, cancel(seed, by));
            }
            36..80 => self.pay(what % 3),
            80..84 => self.pay_in_words(),
            84..90 if !self.payments.is_empty() => {
                let index = usize::from(self.below(255)) % self.payments.len();
                let (seed, payment) = self.payments[index].clone();
                self.send(submit(seed, &payment));
            }
            96..138 => self.settle(),
            144..162 => self.give_back(),
            162..170 => {
                // Whoever may hold something; an address that is there, missing or too long; another node's now and then.
                let owner = if self.below(2) == 0 { SHOP_SEED } else { 100 + self.below(PAYERS) };
                let to =
                    ["a bank", "", "another bank", &"b".repeat(129)][usize::from(self.below(4))].to_owned();
                let quarks = PARTS[usize::from(self.below(5))];
                let mut order = withdrawal_of(owner, &self.below(4).to_string(), quarks, &to);
                match self.below(16) {
                    1 => order.node.0 = [1; 32],
                    // One that there is, the very same or for another amount.
                    2..8 => order = self.one_again().unwrap_or(order),
                    _ => {}
                }
                let signs = |seed: &u8| payer(*seed) == order.account;
                let owner = (100..100 + PAYERS).find(signs).unwrap_or(SHOP_SEED);
                self.send(withdraw(owner, order));
            }
            170..180 => self.settle_withdrawal(),
            180..196 => {
                let holder = self.below(PAYERS + 1);
                let whom = if holder == PAYERS { shop() } else { payer(100 + holder) };
                let (key, quarks) = (self.below(6), DEPOSITS[usize::from(self.below(5))]);
                self.send(deposit(&key.to_string(), whom, quarks));
            }
            196..206 => {
                let (dollar, euro) = (PRICES[usize::from(self.below(6))], PRICES[usize::from(self.below(6))]);
                self.send(rates(&[("usd", dollar), ("eur", euro), ("kin", "1")]));
            }
            206..216 => self.policy(),
            216..236 => {
                // Up to two minutes, now and then up to twelve days; one in eight goes back.
                let step = Duration::from_millis(1 << self.below(if what < 233 { 17 } else { 30 }));
                let now = self.world.now;
                self.world.now =
                    if self.below(8) == 0 { now.saturating_sub(step) } else { now.saturating_add(step) };
            }
            236..239 => self.input(Input::Tick),
            239..242 => self.give_up(),
            24..28 | 138..144 | 242..245 => self.tell(),
            90..96 | 245..248 => self.log_in(),
            255 => self.heal(),
            _ => {
                // Late, twice, out of order: the network may do that to any request.
                let back = 1 + usize::from(self.below(if what < 250 { 1 } else { 32 }));
                if let Some(again) = self.requests.len().checked_sub(back).map(|at| self.requests[at].clone())
                {
                    self.send(again);
                }
            }
        }
    }

    /// Webhooks: registered, called, called again.
    fn tell(&mut self) {
        match self.below(8) {
            0..3 => {
                let urls = ["https://shop.example/paid", "https://other.example/", "", "https://a b"];
                let url = urls[usize::from(self.below(8) / 2)];
                let seed = self.one_that_is(Status::Created);
                self.send(register_webhook(seed, url));
            }
            3 => {
                // Mostly one with something to tell.
                let any = self.below(INTENTS);
                let state = self.world.core.state();
                let tells = |seed: &u8| {
                    let webhook = state.intent(&intent(*seed)).and_then(|known| known.webhook.as_ref());
                    webhook.is_some_and(|webhook| webhook.armed.is_some())
                };
                let seed = (0..INTENTS).map(|offset| 1 + (any + offset) % INTENTS).find(tells);
                self.send(Request::Redeliver { intent: intent(seed.unwrap_or(1 + any)) });
            }
            _ => {
                let state = self.world.core.state();
                let due = state.deliveries().next().map(|(_, id)| id);
                let seed = due.and_then(|id| (1..=INTENTS).find(|seed| intent(*seed) == id));
                let seed = seed.unwrap_or(1 + self.below(INTENTS));
                let next =
                    self.world.core.state().intent(&intent(seed)).and_then(|known| known.webhook.as_ref());
                let ordered = next.and_then(|webhook| webhook.ordered).unwrap_or(Position::START);
                let next = next.map_or(1, |webhook| webhook.next_attempt());
                let attempt = next.wrapping_add(self.below(8) / 6).wrapping_sub(self.below(8) / 7);
                let status = [None, Some(500), Some(200), Some(204)][usize::from(self.below(4))];
                let latency = Duration::from_millis(1 << self.below(24));
                // One in eight of an order that was replaced.
                let ordered = if self.below(8) == 1 { Position(ordered.0.wrapping_sub(1)) } else { ordered };
                self.send(report_delivery(seed, ordered, attempt, status, latency));
            }
        }
    }

    /// A webhook is given up, mostly one that is to be called.
    fn give_up(&mut self) {
        let (any, which) = (self.below(INTENTS), usize::from(self.below(4)));
        let wanted = [Status::Scheduled, Status::Confirmed, Status::Failed][usize::from(self.below(3))];
        let known = |run: &Self, seed: u8| run.world.core.state().intent(&intent(seed)).cloned();
        let ordered = |run: &Self, seed| known(run, seed)?.webhook?.ordered;
        let is_wanted = |seed: &u8| known(self, *seed).is_some_and(|known| known.status() == wanted);
        let mut armed: Vec<_> = (0..INTENTS).map(|offset| 1 + (any + offset) % INTENTS).collect();
        armed.retain(|seed| ordered(self, *seed).is_some());
        armed.sort_by_key(|seed| !is_wanted(seed));
        let seed = armed.first().copied().unwrap_or(1 + any);
        if which > 0 && known(self, seed).is_some_and(|known| known.delivery_due().is_none()) {
            self.send(Request::Redeliver { intent: intent(seed) });
        }
        // Some whatever was ordered, some of an order that was replaced.
        let ordered = ordered(self, seed).unwrap_or(Position::START);
        let ordered = [None, None, Some(ordered), Some(Position(ordered.0.wrapping_sub(1)))];
        self.send(give_up(seed, ordered[which]));
    }

    fn log_in(&mut self) {
        let (owner, site) = (100 + self.below(PAYERS), SITES[usize::from(self.below(2))]);
        let account = KNOWN_AS + self.below(4);
        if self.below(3) == 0 {
            self.send(establish(owner, site, account));
            return;
        }
        // Mostly where a login is asked for, by an account that the site knows.
        let any = 1 + self.below(INTENTS);
        let state = self.world.core.state();
        let asks = |seed: &u8| state.intent(&intent(*seed)).is_some_and(|known| known.terms().is_none());
        let seed = (0..INTENTS).map(|offset| 1 + (any + offset) % INTENTS).find(asks).unwrap_or(any);
        let domain = state.intent(&intent(seed)).and_then(|known| known.login_domain());
        let is_known = |account: &u8| {
            let relationship = state.relationships().get(&payer(*account));
            relationship.is_some_and(|known| Some(&known.domain) == domain)
        };
        let user =
            (KNOWN_AS..KNOWN_AS + 4).find(is_known).filter(|_| !any.is_multiple_of(4)).unwrap_or(account);
        self.send(login(seed, user));
    }

    /// One in four says which revision its sender saw; half of these are right.
    fn perhaps_expecting(&mut self, seed: u8, request: Request) {
        let known = self.world.core.state().intent(&intent(seed)).map_or(0, |known| known.revision.0);
        match self.below(8) {
            1 => self.send(expecting(request, known)),
            2 => self.send(expecting(request, known.wrapping_sub(1))),
            _ => self.send(request),
        }
    }

    fn terms(&mut self) -> Terms {
        let currency =
            ["usd", "kin", "eur", "jpy"][usize::from(self.below(4))].parse().unwrap_or(Currency::KIN);
        let hundredths = [500, 1, 12_345, NativeAmount::MAX.hundredths()][usize::from(self.below(4))];
        let fees = match self.below(4) {
            0 | 1 => Vec::new(),
            2 => vec![fee(PARTNER, 333), fee(payer(100 + self.below(PAYERS)), 1)],
            _ => vec![fee(PARTNER, 4_999), fee(if self.below(2) == 0 { shop() } else { FEES }, 2)],
        };
        let destination = if self.below(5) == 0 { payer(100 + self.below(PAYERS)) } else { shop() };
        let lifetime = Duration::from_secs(1 << self.below(24));
        let expires_at = (self.below(2) == 0).then(|| self.world.now.saturating_add(lifetime));
        let metadata = match self.below(8) {
            0 => Metadata::new([("order", "42"), ("note", "")]).expect("short"),
            1 => Metadata::new([("order", "43")]).expect("short"),
            _ => Metadata::default(),
        };
        let amount = NativeAmount::from_hundredths(hundredths).expect("every one is in range");
        let site = match self.below(8) {
            0 => Some((None, SITES[0])),
            1 => Some((Some(payer(VERIFIER)), SITES[0])),
            2 => Some((Some(payer(VERIFIER)), SITES[1])),
            _ => None,
        };
        let site = site
            .map(|(verifier, domain)| Box::new(Site { domain: domain.parse().expect("a domain"), verifier }));
        Terms { destination, currency, amount, fees, expires_at, metadata, site }
    }

    fn pay(&mut self, how: u8) {
        let (seed, payer_seed) = (self.one_that_is(Status::Created), 100 + self.below(PAYERS));
        let Ok(mut payment) = self.world.priced(seed, payer_seed) else {
            return;
        };
        assert!(payment.total().is_some() && !payment.transfers.is_empty(), "a quote that nobody can sign");
        if how == 1 {
            // Signed all the same: what a dishonest payer would like to pay.
            match self.below(8) {
                0 => payment.transfers[0].quarks = Quarks::new(1),
                1 => payment.transfers.reverse(),
                2 => payment.rate = rate("0.00003"),
                // At a rate that a tolerance may cover, priced as it should be or not.
                6 => reprice(&mut payment, "0.00002001"),
                7 => payment.rate = rate("0.00001999"),
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
        self.perhaps_expecting(seed, request);
    }

    /// As an official app would pay: rounded to whole kin, in the protocol's words.
    fn pay_in_words(&mut self) {
        let (seed, payer_seed) = (self.one_that_is(Status::Created), 100 + self.below(PAYERS));
        let Ok(mut payment) = self.world.priced(seed, payer_seed) else { return };
        let total = payment.transfers.iter().map(|transfer| transfer.quarks.get()).sum::<u64>();
        let most = (total / 1_000).min(100_100);
        let off = [0, 1, most, most + 1][usize::from(self.below(4))];
        let fee = [0, 499_999, 500_000][usize::from(self.below(3))];
        let last = payment.transfers.last_mut().expect("never empty");
        last.quarks = Quarks::new(last.quarks.get().saturating_add(off));
        if let Some(moved) = last.quarks.get().checked_sub(fee).filter(|rest| *rest > 0) {
            last.quarks = Quarks::new(moved);
            let first = payment.transfers.first_mut().expect("never empty");
            first.quarks = Quarks::new(first.quarks.get() + fee);
        }
        self.send(submit_as_actions(payer_seed, &payment));
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
        let any = self.below(4) == 0;
        let status = if self.below(2) == 0 { Status::Scheduled } else { Status::Confirmed };
        let seed = if any { 1 + self.below(INTENTS) } else { self.one_that_is(status) };
        let pick = usize::from(self.below(4));
        let known = self.world.core.state().intent(&intent(seed)).and_then(|known| {
            let refund = known.refunds.get(pick.wrapping_sub(1));
            match refund {
                Some(refund) => Some((refund.refund.transaction(), refund.progress.current().0)),
                None => known.settlement().map(|settlement| {
                    let scheduled = &settlement.transactions[0];
                    (scheduled.transaction.id, scheduled.progress.current().0)
                }),
            }
        });
        let (id, current) = known.unwrap_or((TransactionId([0; 32]), 1));
        let (attempt, said) = self.word(current);
        self.perhaps_expecting(seed, report_attempt(seed, id, attempt, said));
    }

    /// A rail's word: mostly about the attempt that is under way, now and then about another one.
    fn word(&mut self, current: u16) -> (u16, SettlementOutcome) {
        let attempt = match self.below(8) {
            0 => current.wrapping_sub(1),
            1 => current + 1,
            2 => 1,
            _ => current,
        };
        let state = AttemptState::ALL[usize::from(self.below(5))];
        (attempt, outcome(state, &"no".repeat(usize::from(self.below(200)))))
    }

    fn one_again(&mut self) -> Option<Withdrawal> {
        let (pick, other) = (usize::from(self.below(8)), self.below(2) == 1);
        let count = self.world.core.state().withdrawals().count().max(1);
        let (_, known) = self.world.core.state().withdrawals().nth(pick % count)?;
        let quarks = Quarks::new(known.withdrawal.quarks.get() + u64::from(other));
        Some(Withdrawal { quarks, ..known.withdrawal.clone() })
    }

    fn settle_withdrawal(&mut self) {
        // One in eight about none that there is.
        let pick = usize::from(self.below(8));
        let count = self.world.core.state().withdrawals().count().max(1);
        let known = self.world.core.state().withdrawals().nth(pick % count).filter(|_| pick < 7);
        let (id, current) =
            known.map_or((TransactionId([0; 32]), 1), |(id, s)| (*id, s.progress.current().0));
        let (attempt, said) = self.word(current);
        self.send(report_withdrawal(id, attempt, said));
    }

    fn give_back(&mut self) {
        let seed =
            if self.below(4) == 0 { 1 + self.below(INTENTS) } else { self.one_that_is(Status::Confirmed) };
        let merchant = if self.below(8) == 0 { 100 + self.below(PAYERS) } else { SHOP_SEED };
        let (key, quarks) = (self.below(4).to_string(), PARTS[usize::from(self.below(5))]);
        let mut order = refund_of(seed, merchant, &key, quarks);
        if self.below(16) == 0 {
            order.node.0 = [1; 32];
        }
        self.perhaps_expecting(seed, refund(merchant, order));
    }

    fn policy(&mut self) {
        let mut policy = self.world.core.state().policy().clone();
        let some = self.below(3);
        let per_day = (some > 0).then(|| Quarks::new(u64::from(some) * 20_000_000_000));
        let per_five_minutes = (some > 0).then_some(u32::from(some));
        match self.below(19) {
            0 => policy.service_fee = None,
            1 => policy.service_fee = NativeAmount::from_hundredths(5),
            2 => {
                policy.fee_cap =
                    BasisPoints::new(1 + u32::from(self.below(255)) * 39).unwrap_or(policy.fee_cap);
            }
            3 => policy.max_payment = Quarks::new(u64::from(self.below(255)) * 250_000_000),
            4 => policy.max_refusals = self.below(3),
            5 => policy.quote_lifetime = Duration::from_secs(u64::from(self.below(255))),
            6 => policy.rate_window = Duration::from_secs(u64::from(self.below(255))),
            7 => policy.rate_tolerance = BasisPoints::new(u32::from(some) * 501),
            8 => policy.payer_limits.per_day = per_day,
            9 => policy.payer_limits.per_five_minutes = per_five_minutes,
            10 => policy.merchant_limits.per_day = per_day,
            11 => policy.merchant_limits.per_five_minutes = per_five_minutes,
            12 => policy.max_attempts = u16::from(some),
            13 => policy.max_refunds = some,
            14 => policy.min_withdrawal = Quarks::new(u64::from(some) * 1_000),
            16 => policy.withdrawal_limits.per_day = per_day,
            17 => policy.withdrawal_limits.per_five_minutes = per_five_minutes,
            15 => policy.payer_limits.per_five_minutes = Some(u32::from(some)),
            _ => policy.intent_lifetime = Duration::from_nanos(999 + u64::from(some)),
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
        let now = self.world.now.0;
        let modelled = match &input {
            Input::Command(command) => Some(self.model.command(now, command)),
            Input::Tick => None,
        };
        let text = format!("{input:?}");
        let (events, answer) = self.world.input(input.clone());
        self.script.push((self.world.now, input, answer.clone()));
        let names: Vec<_> = events.iter().map(Event::name).collect();
        match (modelled, &answer) {
            (Some(modelled), Some(answer)) => {
                let said = match answer {
                    Ok(accepted) if accepted.repeated => Said::Repeated,
                    Ok(_) => Said::Done(names),
                    Err(rejection) => Said::Refused(rejection.code.number(), names),
                };
                assert_eq!(said, modelled, "core (left) and model disagree about {text}: {answer:?}");
            }
            _ => assert_eq!(names, self.model.tick(now), "core (left) and model disagree about a tick"),
        }
        self.inputs += 1;
        let state = self.world.core.state();
        self.model.compare(state);
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
        let mut before = last.as_ref().map(|last| (last.position, last.recorded_at));
        for record in new {
            follows(before, record).expect("the next record");
            before = Some((record.position, record.recorded_at));
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
            if let Some(ended) = self.ended.get(&subject.intent) {
                assert_eq!(status, *ended, "{} after the end: {:?}", subject.intent, record.event);
            } else if status.is_terminal() && record.position == state.position() {
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
        let next = |run: &Self| run.world.core.state().deliveries().next();
        while let Some((due, id)) = next(self) {
            self.world.now = self.world.now.max(due);
            let known = self.world.core.state().intent(&id).and_then(|known| known.webhook.as_ref());
            let webhook = known.expect("it is listed");
            let attempt = webhook.next_attempt();
            let ordered = webhook.ordered.expect("it is pending");
            let (outcome, latency) = (DeliveryOutcome::Answered { status: 503 }, Duration::ZERO);
            self.send(Request::ReportDelivery { intent: id, ordered, attempt, outcome, latency });
        }
        loop {
            let state = self.world.core.state();
            let of_intents = state.unsettled().find_map(|(id, known)| {
                let seed = (1..=INTENTS).find(|seed| intent(*seed) == *id)?;
                let payment = known.settlement().into_iter().flat_map(|settlement| &settlement.transactions);
                let payment = payment.map(|scheduled| (scheduled.transaction.id, &scheduled.progress));
                let refunds = known.refunds.iter().map(|s| (s.refund.transaction(), &s.progress));
                let mut open = payment.chain(refunds).filter(|(_, p)| p.state() == TransactionState::Ordered);
                open.next().map(|(id, progress)| {
                    report_attempt(seed, id, progress.current().0, SettlementOutcome::Settled)
                })
            });
            let of_accounts = state.open_withdrawals().next().map(|(id, scheduled)| {
                report_withdrawal(*id, scheduled.progress.current().0, SettlementOutcome::Settled)
            });
            let Some(request) = of_intents.or(of_accounts) else { break };
            let before = state.position();
            self.send(request);
            assert_ne!(
                self.world.core.state().position(),
                before,
                "a rail's last word that nothing comes of"
            );
        }
        let state = self.world.core.state();
        assert_eq!(state.unsettled().count() + state.open_withdrawals().count(), 0, "a transaction is stuck");
        for (id, known) in state.intents() {
            assert!(known.status().is_terminal(), "{id} is stuck: {}", known.status().name());
        }
        for (id, account) in state.ledger().accounts() {
            assert_eq!(account.reserved, Quarks::ZERO, "{id}: funds are stuck");
        }
    }

    /// Every balance, counted again from the facts: what was deposited, and what confirmed payments, refunds and withdrawals
    /// moved.
    fn account_for_every_quark(&self) {
        let mut balances: BTreeMap<AccountId, i128> = BTreeMap::new();
        let mut add = |account: AccountId, quarks: Quarks, sign: i128| {
            *balances.entry(account).or_default() += sign * i128::from(quarks.get());
        };
        let (mut refunds, mut withdrawals) = (BTreeMap::<_, Refund>::new(), BTreeMap::<_, Withdrawal>::new());
        for record in &self.world.records {
            match &record.event {
                Event::FundsDeposited { account, quarks, .. } => add(*account, *quarks, 1),
                Event::RefundScheduled { refund, .. } => {
                    refunds.insert(refund.transaction(), **refund);
                }
                Event::RefundConfirmed { transaction, .. } => {
                    let refund = refunds.remove(transaction).expect("ordered once, ended once");
                    let known = self.world.core.state().intent(&refund.intent).expect("it was paid");
                    add(refund.merchant, refund.quarks, -1);
                    add(known.submission().expect("it was paid").payment.payer, refund.quarks, 1);
                }
                Event::WithdrawalScheduled { withdrawal, .. } => {
                    withdrawals.insert(withdrawal.transaction(), (**withdrawal).clone());
                }
                Event::WithdrawalConfirmed { transaction, .. } => {
                    let order = withdrawals.remove(transaction).expect("ordered once, ended once");
                    add(order.account, order.quarks, -1);
                }
                _ => {}
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
                add(transfer.destination, transfer.quarks, 1);
                add(submission.payment.payer, transfer.quarks, -1);
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
        check_history(&decoded, live).expect("the history holds");
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

    /// The records of each intent.
    pub(crate) fn streams(&self) -> impl Iterator<Item = Vec<Record>> {
        let of = |id: IntentId| {
            let about = move |record: &&Record| record.subject.is_some_and(|subject| subject.intent == id);
            self.world.records.iter().filter(about).cloned().collect::<Vec<_>>()
        };
        self.world.core.state().intents().map(move |(id, _)| of(*id))
    }

    pub(crate) fn time(&self) -> Timestamp {
        self.world.core.state().time()
    }
}

/// The payment at another rate, worked out as an honest payer would.
fn reprice(payment: &mut Payment, text: &str) {
    let Some(total) = rate(text).quarks(payment.amount) else { return };
    let rest = payment.transfers.iter().rev().skip(1).map(|transfer| transfer.quarks.get()).sum::<u64>();
    let last = payment.transfers.last_mut().expect("never empty");
    payment.rate = rate(text);
    last.quarks = Quarks::new(total.get().saturating_sub(rest).max(1));
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
