//! The rules once more, as plainly as can be: flat loops over whole maps, 128-bit integers, no index and nothing shared with
//! the core but its plain data types. The tests run it in lock-step with the core. Where the two differ, one of them is wrong,
//! and money is decided by it.

mod compare;
mod pricing;
mod rail;
mod sites;

use std::collections::BTreeMap;
use std::time::Duration;

use quittance_core::command::{Cancel, Command, Create, MarkScanned, Report, SignedRefund, Submit};
use quittance_core::currency::{Currency, Rate};
use quittance_core::event::{AttemptState, PaymentForm};
use quittance_core::ids::{AccountId, DepositKey, IntentId, NodeId, Revision, TransactionId};
use quittance_core::money::Quarks;
use quittance_core::payment::{Payment, Purpose, Transfer, transaction_id};
use quittance_core::policy::{Limits, Policy};
use quittance_core::refund::Refund;
use quittance_core::site::Domain;
use quittance_core::state::{Asked, Status};
use quittance_core::terms::Terms;
use quittance_core::withdrawal::Withdrawal;

use pricing::{priced, split};
use rail::{Attempts, Weight, attempt_event, said_by};
use sites::Hook;

/// All that the rules have to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    node: Option<NodeId>,
    policy: Option<Policy>,
    policy_version: u32,
    /// How many records there are.
    records: u64,
    /// When the last record was made.
    time: u64,
    /// Newest first.
    tables: Vec<Table>,
    accounts: BTreeMap<AccountId, Account>,
    deposits: BTreeMap<DepositKey, (AccountId, Quarks)>,
    deposited: u128,
    withdrawn: u128,
    withdrawals: BTreeMap<TransactionId, Withdrawn>,
    intents: BTreeMap<IntentId, Intent>,
    /// The account that a site knows an owner by, by both.
    known_as: BTreeMap<(AccountId, Domain), AccountId>,
}

/// What is said to a command, with the names of the events that are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is carried out.
    Done(Vec<&'static str>),
    /// It was carried out before.
    Repeated,
    /// It breaks the rule with this number.
    Refused(u16, Vec<&'static str>),
}

/// The events of a command that is carried out, or what else is said to it.
type Answer = Result<Vec<&'static str>, Said>;

#[derive(Clone, Debug)]
struct Table {
    at: u64,
    source: String,
    rates: BTreeMap<Currency, Rate>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    balance: u128,
    reserved: u128,
}

#[derive(Clone, Debug)]
struct Intent {
    asked: Asked,
    deadline: u64,
    status: Status,
    scanned: bool,
    refusals: u8,
    revision: usize,
    paid: Option<Paid>,
    refunds: Vec<(Refund, Attempts)>,
    user: Option<AccountId>,
    hook: Option<Hook>,
}

/// The payment that was accepted.
#[derive(Clone, Debug)]
struct Paid {
    payment: Payment,
    total: u128,
    at: u64,
    attempts: Attempts,
}

/// A withdrawal that was ordered.
#[derive(Clone, Debug)]
struct Withdrawn {
    order: Withdrawal,
    at: u64,
    attempts: Attempts,
}

impl Withdrawn {
    fn failed(&self) -> bool {
        self.attempts.states.last() == Some(&AttemptState::Failed)
    }
}

impl Model {
    /// What is said to a command that comes in at `now`.
    pub(crate) fn command(&mut self, now: u64, command: &Command) -> Said {
        let now = now.max(self.time);
        let said = self.carry_out(now, command).map_or_else(|said| said, Said::Done);
        if let Said::Done(events) | Said::Refused(_, events) = &said
            && !events.is_empty()
        {
            self.records += events.len() as u64;
            self.time = now;
        }
        said
    }

    /// What happens by itself.
    pub(crate) fn tick(&mut self, now: u64) -> Vec<&'static str> {
        let now = now.max(self.time);
        let mut due: Vec<_> = self.intents.iter().filter(|(_, intent)| intent.is_overdue(now)).collect();
        due.sort_by_key(|(id, intent)| (intent.deadline, **id));
        let due: Vec<IntentId> = due.into_iter().map(|(id, _)| *id).take(64).collect();
        let mut events = Vec::new();
        for id in due {
            events.extend(self.intent(id).becomes(Status::Expired, &["payment_intent.expired"]));
            self.records += 1;
            self.time = now;
        }
        events
    }

    fn carry_out(&mut self, now: u64, command: &Command) -> Answer {
        match command {
            Command::Initialize { node, policy } => return self.initialize(*node, policy),
            _ if self.node.is_none() => return refuse(21),
            _ => {}
        }
        match command {
            Command::Initialize { .. } => refuse(22),
            Command::SetPolicy { policy } => self.set_policy(policy),
            Command::PublishRates { source, rates } => self.publish_rates(now, source, rates),
            Command::Deposit { key, account, quarks } => self.deposit(*key, *account, *quarks),
            Command::Create(create) => self.create(now, create.get()),
            Command::MarkScanned(scan) => self.mark_scanned(now, scan.get()),
            Command::Cancel(cancel) => self.cancel(now, cancel.get()),
            Command::Submit(submit) => self.submit(now, submit.get()),
            Command::ReportSettlement(report) => self.report_settlement(report),
            Command::Refund(refund) => self.refund(refund.get()),
            Command::Withdraw(withdraw) => self.withdraw(now, &withdraw.get().withdrawal),
            Command::RequestLogin(request) => self.request_login(now, request.get()),
            Command::Login(login) => self.login(now, login.get()),
            Command::EstablishRelationship(wish) => self.establish(wish.get()),
            Command::RegisterWebhook { intent, url } => self.register_webhook(now, *intent, url),
            Command::ReportDelivery(report) => self.report_delivery(now, report),
            Command::Redeliver { intent } => self.redeliver(now, *intent),
            Command::GiveUpDelivery { intent, ordered, .. } => self.give_up(*intent, *ordered),
            Command::ReportWithdrawal { transaction, attempt, outcome } => {
                self.report_withdrawal(*transaction, attempt.0, said_by(outcome))
            }
        }
    }

    fn initialize(&mut self, node: NodeId, policy: &Policy) -> Answer {
        ensure(self.node.is_none(), 22)?;
        ensure(is_sound(policy), 120)?;
        self.node = Some(node);
        self.policy = Some(policy.clone());
        self.policy_version = 1;
        Ok(vec!["node.initialized"])
    }

    fn set_policy(&mut self, policy: &Policy) -> Answer {
        ensure(is_sound(policy), 120)?;
        unless_repeated(self.policy.as_ref() == Some(policy))?;
        self.policy = Some(policy.clone());
        self.policy_version += 1;
        Ok(vec!["node.policy_set"])
    }

    fn publish_rates(&mut self, now: u64, source: &str, rates: &[(Currency, Rate)]) -> Answer {
        ensure(!rates.is_empty(), 110)?;
        ensure(rates.iter().all(|(currency, rate)| *currency != Currency::KIN || *rate == Rate::ONE), 111)?;
        ensure(rates.len() <= 256 && source.len() <= 128, 112)?;
        let table = Table { at: now, source: source.to_owned(), rates: rates.iter().copied().collect() };
        let same = |newest: &Table| newest.source == table.source && newest.rates == table.rates;
        unless_repeated(self.tables.first().is_some_and(same))?;
        let policy = self.policy();
        let needed = micros(policy.quote_lifetime.min(policy.rate_window));
        if self.tables.len() == 32 {
            let replaced = self.tables[30].at;
            ensure(replaced < now.saturating_sub(needed), 113)?;
        }
        self.tables.insert(0, table);
        self.tables.truncate(32);
        Ok(vec!["rates.published"])
    }

    fn deposit(&mut self, key: DepositKey, account: AccountId, quarks: Quarks) -> Answer {
        ensure(quarks.get() != 0, 90)?;
        if let Some(known) = self.deposits.get(&key) {
            unless_repeated(*known == (account, quarks))?;
            return refuse(91);
        }
        ensure(self.deposited - self.withdrawn + wide(quarks) <= u128::from(u64::MAX), 92)?;
        self.deposited += wide(quarks);
        self.account(account).balance += wide(quarks);
        self.deposits.insert(key, (account, quarks));
        Ok(vec!["account.deposited"])
    }

    fn create(&mut self, now: u64, Create { intent: id, terms, .. }: &Create) -> Answer {
        if let Some(known) = self.intents.get(id) {
            known.open(now)?;
            unless_repeated(known.asked == Asked::Payment(terms.clone()))?;
            return refuse(38);
        }
        let policy = self.policy();
        let fees = &terms.fees;
        ensure(fees.len() <= 5, 50)?;
        ensure(fees.iter().all(|fee| fee.destination != terms.destination), 51)?;
        let times = |account| fees.iter().filter(|fee| fee.destination == account).count();
        ensure(fees.iter().all(|fee| times(fee.destination) == 1), 52)?;
        let sum: u32 = fees.iter().map(|fee| u32::from(fee.basis_points.get())).sum();
        ensure(sum <= u32::from(policy.fee_cap.get()), 53)?;
        if let Some(at) = terms.expires_at {
            ensure(at.0 >= now && at.0 != 0, 54)?;
            ensure(at.0 <= now.saturating_add(micros(policy.max_intent_lifetime)), 55)?;
        }
        let deadline = terms.expires_at.map_or(now.saturating_add(micros(policy.intent_lifetime)), |at| at.0);
        self.intents.insert(*id, Intent::new(Asked::Payment(terms.clone()), deadline));
        Ok(vec!["payment_intent.created"])
    }

    fn mark_scanned(&mut self, now: u64, scan: &MarkScanned) -> Answer {
        let intent = self.intents.get_mut(&scan.intent).ok_or(refusal(30))?;
        unless_repeated(intent.scanned || intent.paid.is_some() || intent.user.is_some())?;
        intent.seen(scan.expected)?;
        intent.open(now)?;
        intent.scanned = true;
        Ok(intent.becomes(Status::Created, &["payment_intent.code_scanned"]))
    }

    fn cancel(&mut self, now: u64, cancel: &Cancel) -> Answer {
        let intent = self.intents.get_mut(&cancel.intent).ok_or(refusal(30))?;
        unless_repeated(intent.status == Status::Canceled)?;
        intent.seen(cancel.expected)?;
        intent.open(now)?;
        Ok(intent.becomes(Status::Canceled, &["payment_intent.canceled"]))
    }

    fn submit(&mut self, now: u64, Submit { payment, form, expected, .. }: &Submit) -> Answer {
        let in_words = *form != PaymentForm::Native;
        // Behind the payment itself and that the rules passed.
        let scheduled = self.records + 3;
        let intent = self.intents.get(&payment.intent).ok_or(refusal(30))?;
        unless_repeated(intent.paid.as_ref().is_some_and(|paid| paid.payment == *payment))?;
        intent.seen(*expected)?;
        if let Err(Said::Refused(code, _)) = intent.open(now) {
            return Err(Said::Refused(code, self.submit_late(payment.intent)));
        }
        match self.judge(now, payment, in_words, intent.terms()) {
            Err(code) => Err(Said::Refused(code, self.submit_in_vain(now, payment.intent, code))),
            Ok(total) => {
                self.account(payment.payer).reserved += total;
                let intent = self.intent(payment.intent);
                let attempts = Attempts::default();
                intent.paid = Some(Paid { payment: payment.clone(), total, at: now, attempts });
                intent.arm(now, scheduled);
                let events =
                    ["payment_intent.submitted", "payment_intent.verified", "payment_intent.scheduled"];
                Ok(intent.becomes(Status::Scheduled, &events))
            }
        }
    }

    /// What is recorded of a payment for an intent that is not open.
    fn submit_late(&mut self, id: IntentId) -> Vec<&'static str> {
        let most = self.policy().max_refusals;
        let intent = self.intent(id);
        let mut events = Vec::new();
        if intent.refusals < most {
            if intent.status == Status::Created {
                events.extend(intent.becomes(Status::Expired, &["payment_intent.expired"]));
            }
            intent.refusals += 1;
            events.extend(intent.becomes(intent.status, &["payment_intent.late_submission_refused"]));
        }
        events
    }

    /// What is recorded of a payment that breaks a rule.
    fn submit_in_vain(&mut self, now: u64, id: IntentId, code: u16) -> Vec<&'static str> {
        let most = self.policy().max_refusals;
        let hopeless = code == 79 && self.is_hopeless(now, id);
        let intent = self.intent(id);
        if hopeless {
            let events = ["payment_intent.submitted", "payment_intent.rejected"];
            return intent.becomes(Status::Rejected, &events);
        }
        if intent.refusals >= most {
            return Vec::new();
        }
        intent.refusals += 1;
        intent.becomes(Status::Created, &["payment_intent.submitted", "payment_intent.submission_refused"])
    }

    /// The total of a payment that breaks no rule, or the first rule it breaks.
    fn judge(&self, now: u64, payment: &Payment, in_words: bool, terms: Option<&Terms>) -> Result<u128, u16> {
        let policy = self.policy();
        let meets = |rule: bool, code: u16| if rule { Ok(()) } else { Err(code) };
        let terms = terms.ok_or(69_u16)?;
        meets(Some(payment.node) == self.node, 70)?;
        meets((payment.currency, payment.amount) == (terms.currency, terms.amount), 71)?;
        meets(payment.valid_until.0 >= now, 72)?;
        meets(payment.valid_until.0 <= now.saturating_add(micros(policy.quote_lifetime)), 73)?;
        let total = self.total(now, payment, in_words, terms)?;
        meets(payment.transfers.iter().all(|transfer| transfer.destination != payment.payer), 78)?;
        meets(total <= wide(policy.max_payment), 79)?;
        meets(total <= self.available(payment.payer), 80)?;
        let paid = self.intents.values().filter_map(|intent| Some((intent, intent.paid.as_ref()?)));
        let failed = |intent: &Intent| intent.status == Status::Failed;
        let by_payer = paid.clone().filter(|(_, paid)| paid.payment.payer == payment.payer);
        let by_payer = by_payer.map(|(intent, paid)| (paid.at, paid.total, failed(intent)));
        within_limits(now, total, policy.payer_limits, [81, 82], by_payer)?;
        let is_theirs = |intent: &Intent| intent.terms().is_some_and(|t| t.destination == terms.destination);
        let to_merchant = paid.filter(|(intent, _)| is_theirs(intent));
        let to_merchant =
            to_merchant.map(|(intent, paid)| (paid.at, received(&paid.payment), failed(intent)));
        within_limits(now, received(payment), policy.merchant_limits, [83, 84], to_merchant)?;
        Ok(total)
    }

    /// The total of a payment whose transfers are right by one of the tables that count.
    fn total(&self, now: u64, payment: &Payment, in_words: bool, terms: &Terms) -> Result<u128, u16> {
        let policy = self.policy();
        let by = |table: Option<&Table>| {
            let (mut service_fee, mut total) = priced(&policy, terms, table, Some(payment.rate))?;
            if in_words {
                let stated: u128 = payment.transfers.iter().map(|transfer| wide(transfer.quarks)).sum();
                if stated.abs_diff(total) <= 100_100 && stated.abs_diff(total) * 1_000 <= total {
                    total = stated;
                }
                let first = payment.transfers[0];
                let off = wide(first.quarks).abs_diff(service_fee);
                if first.purpose == Purpose::ServiceFee && off * 100 < service_fee {
                    service_fee = wide(first.quarks);
                }
            }
            let right = split(&policy, terms, service_fee, total)?;
            if payment.transfers == right { Ok(total) } else { Err(77) }
        };
        let counting = self.counting(now);
        if counting.is_empty() {
            return by(None);
        }
        let verdicts: Vec<Result<u128, u16>> = counting.into_iter().map(|table| by(Some(table))).collect();
        let worst = verdicts.iter().filter_map(|verdict| verdict.err()).max();
        verdicts.into_iter().find_map(Result::ok).ok_or_else(|| worst.expect("a table counts"))
    }

    /// Whether even the best price that can be had is over what a payment may be worth.
    fn is_hopeless(&self, now: u64, id: IntentId) -> bool {
        let policy = self.policy();
        let terms = self.intents[&id].terms().expect("its price was too high");
        let tables = self.counting(now).into_iter().map(Some).chain([None]);
        let totals = tables.filter_map(|table| priced(&policy, terms, table, None).ok());
        let tolerance = policy.rate_tolerance.filter(|_| terms.currency != Currency::KIN);
        let tolerance = tolerance.map_or(0, |tolerance| u128::from(tolerance.get()));
        let least = totals.map(|(_, total)| total * (10_000 - tolerance) / 10_000).min();
        least.is_some_and(|least| least > wide(policy.max_payment))
    }

    /// The tables that count, newest first.
    fn counting(&self, now: u64) -> Vec<&Table> {
        let since = now.saturating_sub(micros(self.policy().rate_window));
        let replaced = [u64::MAX].into_iter().chain(self.tables.iter().map(|newer| newer.at));
        let mut tables = Vec::new();
        for (table, replaced) in self.tables.iter().zip(replaced) {
            if replaced < since {
                break;
            }
            tables.push(table);
        }
        tables
    }

    fn report_settlement(&mut self, report: &Report) -> Answer {
        let most = self.policy().max_attempts;
        let (number, outcome) = (report.attempt.0, said_by(&report.outcome));
        let intent = self.intents.get_mut(&report.intent).ok_or(refusal(30))?;
        let weight = intent.weigh(report.transaction, number, outcome, most);
        unless_repeated(weight == Err(Said::Repeated))?;
        intent.seen(report.expected)?;
        let weight = weight?;
        let attempts = intent.attempts(report.transaction).expect("it was weighed");
        if weight == Weight::Contradiction {
            let events = attempts.contradict();
            return Err(Said::Refused(101, intent.becomes(intent.status, &events)));
        }
        attempts.note(number, outcome);
        if let Some(event) = attempt_event(outcome) {
            return Ok(intent.becomes(intent.status, &[event]));
        }
        let settled = outcome == AttemptState::Settled;
        let refund = intent.refunds.iter().find(|(refund, _)| refund.transaction() == report.transaction);
        match refund.map(|(refund, _)| *refund) {
            Some(refund) => Ok(self.end_refund(&refund, settled)),
            None => Ok(self.end_payment(report.intent, settled)),
        }
    }

    fn end_payment(&mut self, id: IntentId, settled: bool) -> Vec<&'static str> {
        let paid = self.intents[&id].paid.clone().expect("it was scheduled");
        self.account(paid.payment.payer).reserved -= paid.total;
        if !settled {
            let events = ["payment_intent.transaction_failed", "payment_intent.failed"];
            return self.intent(id).becomes(Status::Failed, &events);
        }
        for Transfer { destination, quarks, .. } in &paid.payment.transfers {
            self.account(paid.payment.payer).balance -= wide(*quarks);
            self.account(*destination).balance += wide(*quarks);
        }
        let events = ["payment_intent.transaction_settled", "payment_intent.confirmed"];
        self.intent(id).becomes(Status::Confirmed, &events)
    }

    fn end_refund(&mut self, refund: &Refund, settled: bool) -> Vec<&'static str> {
        self.account(refund.merchant).reserved -= wide(refund.quarks);
        if settled {
            let payer = self.intents[&refund.intent].paid.as_ref().expect("it was paid").payment.payer;
            self.account(refund.merchant).balance -= wide(refund.quarks);
            self.account(payer).balance += wide(refund.quarks);
        }
        let event = if settled { "payment_intent.refund_confirmed" } else { "payment_intent.refund_failed" };
        let intent = self.intent(refund.intent);
        intent.becomes(intent.status, &[event])
    }

    fn refund(&mut self, SignedRefund { refund, expected, .. }: &SignedRefund) -> Answer {
        let policy = self.policy();
        let intent = self.intents.get(&refund.intent).ok_or(refusal(30))?;
        unless_repeated(intent.refunds.iter().any(|(known, _)| known == refund))?;
        intent.seen(*expected)?;
        match intent.status {
            Status::Confirmed => {}
            Status::Created | Status::Submitted | Status::Verified | Status::Scheduled => return refuse(39),
            Status::Canceled => return refuse(33),
            Status::Expired => return refuse(34),
            Status::Rejected => return refuse(35),
            Status::Failed => return refuse(36),
        }
        ensure(Some(refund.node) == self.node, 70)?;
        ensure(refund.quarks.get() != 0, 90)?;
        ensure(intent.refunds.iter().all(|(known, _)| known.key != refund.key), 130)?;
        let terms = intent.terms().ok_or(refusal(69))?;
        ensure(refund.merchant == terms.destination, 131)?;
        let failed = |attempts: &Attempts| attempts.states.last() == Some(&AttemptState::Failed);
        let standing = intent.refunds.iter().filter(|(_, attempts)| !failed(attempts));
        let refunded: u128 = standing.map(|(known, _)| wide(known.quarks)).sum();
        let total = intent.paid.as_ref().expect("it is confirmed").total;
        ensure(refunded + wide(refund.quarks) <= total, 132)?;
        ensure(intent.refunds.len() < usize::from(policy.max_refunds), 133)?;
        ensure(self.available(refund.merchant) >= wide(refund.quarks), 134)?;
        self.account(refund.merchant).reserved += wide(refund.quarks);
        let intent = self.intent(refund.intent);
        intent.refunds.push((*refund, Attempts::default()));
        Ok(intent.becomes(Status::Confirmed, &["payment_intent.refund_scheduled"]))
    }

    fn withdraw(&mut self, now: u64, withdrawal: &Withdrawal) -> Answer {
        let quarks = withdrawal.quarks;
        let known = self.withdrawals.get(&withdrawal.transaction());
        unless_repeated(known.is_some_and(|known| known.order == *withdrawal))?;
        ensure(Some(withdrawal.node) == self.node, 70)?;
        ensure(quarks.get() != 0, 90)?;
        ensure(known.is_none(), 140)?;
        ensure((1..=128).contains(&withdrawal.to.len()), 141)?;
        ensure(quarks.get() >= self.policy().min_withdrawal.get(), 142)?;
        ensure(self.available(withdrawal.account) >= wide(quarks), 143)?;
        let before = self.withdrawals.values().filter(|known| known.order.account == withdrawal.account);
        let moved = before.map(|known| (known.at, wide(known.order.quarks), known.failed()));
        within_limits(now, wide(quarks), self.policy().withdrawal_limits, [145, 146], moved)
            .map_err(refusal)?;
        self.account(withdrawal.account).reserved += wide(quarks);
        let (order, attempts) = (withdrawal.clone(), Attempts::default());
        self.withdrawals.insert(withdrawal.transaction(), Withdrawn { order, at: now, attempts });
        Ok(vec!["account.withdrawal_scheduled"])
    }

    fn report_withdrawal(&mut self, id: TransactionId, number: u16, outcome: AttemptState) -> Answer {
        let most = self.policy().max_attempts;
        let Withdrawn { order: withdrawal, attempts, .. } =
            self.withdrawals.get_mut(&id).ok_or(refusal(144))?;
        if attempts.weigh(number, outcome, most)? == Weight::Contradiction {
            return Err(Said::Refused(101, attempts.contradict()));
        }
        attempts.note(number, outcome);
        if let Some(event) = attempt_event(outcome) {
            return Ok(vec![event]);
        }
        let (owner, quarks) = (withdrawal.account, wide(withdrawal.quarks));
        self.account(owner).reserved -= quarks;
        if outcome != AttemptState::Settled {
            return Ok(vec!["account.withdrawal_failed"]);
        }
        self.account(owner).balance -= quarks;
        self.withdrawn += quarks;
        Ok(vec!["account.withdrawal_confirmed"])
    }

    fn policy(&self) -> Policy {
        self.policy.clone().expect("the node is initialized")
    }

    fn intent(&mut self, id: IntentId) -> &mut Intent {
        self.intents.get_mut(&id).expect("the intent is known")
    }

    fn account(&mut self, id: AccountId) -> &mut Account {
        self.accounts.entry(id).or_default()
    }

    fn available(&self, id: AccountId) -> u128 {
        self.accounts.get(&id).map_or(0, |account| account.balance - account.reserved)
    }
}

impl Intent {
    fn new(asked: Asked, deadline: u64) -> Self {
        Self {
            asked,
            deadline,
            status: Status::Created,
            scanned: false,
            refusals: 0,
            revision: 0,
            paid: None,
            refunds: Vec::new(),
            user: None,
            hook: None,
        }
    }

    fn terms(&self) -> Option<&Terms> {
        match &self.asked {
            Asked::Payment(terms) => Some(terms),
            Asked::Login(_) => None,
        }
    }

    fn is_overdue(&self, now: u64) -> bool {
        self.status == Status::Created && self.deadline < now
    }

    fn open(&self, now: u64) -> Result<(), Said> {
        match self.status {
            Status::Created => ensure(now <= self.deadline, 34),
            Status::Submitted | Status::Verified | Status::Scheduled | Status::Confirmed => Err(refusal(32)),
            Status::Canceled => Err(refusal(33)),
            Status::Expired => Err(refusal(34)),
            Status::Rejected => Err(refusal(35)),
            Status::Failed => Err(refusal(36)),
        }
    }

    fn seen(&self, expected: Option<Revision>) -> Result<(), Said> {
        ensure(expected.is_none_or(|expected| usize::try_from(expected.0) == Ok(self.revision)), 31)
    }

    /// Every event about an intent is a record of its own.
    fn becomes(&mut self, status: Status, events: &[&'static str]) -> Vec<&'static str> {
        self.status = status;
        self.revision += events.len();
        events.to_vec()
    }

    /// What the rail has said of a transaction of the payment or of a refund.
    fn attempts(&mut self, id: TransactionId) -> Option<&mut Attempts> {
        let paid = self.paid.as_mut()?;
        if transaction_id(&paid.payment.to_bytes(), 0) == id {
            return Some(&mut paid.attempts);
        }
        let refund = self.refunds.iter_mut().find(|(refund, _)| refund.transaction() == id);
        refund.map(|(_, attempts)| attempts)
    }

    fn weigh(
        &mut self,
        id: TransactionId,
        number: u16,
        said: AttemptState,
        most: u16,
    ) -> Result<Weight, Said> {
        ensure(self.paid.is_some(), 37)?;
        self.attempts(id).ok_or(refusal(100))?.weigh(number, said, most)
    }
}

/// Whether what was moved before, each with its time, its quarks and whether it failed, leaves room for `quarks` more.
fn within_limits(
    now: u64,
    quarks: u128,
    limits: Limits,
    [amount, number]: [u16; 2],
    before: impl Iterator<Item = (u64, u128, bool)> + Clone,
) -> Result<(), u16> {
    let lately = |at: u64, seconds: u64, steps: u64| {
        let step = |time: u64| time / (seconds * 1_000_000);
        step(at) + steps >= step(now)
    };
    let day = before.clone().filter(|(at, _, failed)| lately(*at, 300, 288) && !failed);
    let sum: u128 = day.map(|(_, quarks, _)| quarks).sum();
    if sum + quarks > limits.per_day.map_or(u128::from(u64::MAX), wide) {
        return Err(amount);
    }
    let count = before.filter(|(at, _, _)| lately(*at, 10, 30)).count();
    if limits.per_five_minutes.is_some_and(|most| count as u128 >= u128::from(most)) {
        return Err(number);
    }
    Ok(())
}

/// What is left for the destination.
fn received(payment: &Payment) -> u128 {
    payment.transfers.last().map_or(0, |last| wide(last.quarks))
}

fn refusal(code: u16) -> Said {
    Said::Refused(code, Vec::new())
}

fn refuse(code: u16) -> Answer {
    Err(refusal(code))
}

fn ensure(rule: bool, code: u16) -> Result<(), Said> {
    if rule { Ok(()) } else { Err(refusal(code)) }
}

fn unless_repeated(repeated: bool) -> Result<(), Said> {
    if repeated { Err(Said::Repeated) } else { Ok(()) }
}

fn wide(quarks: Quarks) -> u128 {
    u128::from(quarks.get())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).expect("a policy's durations are within 100 years")
}

fn is_sound(policy: &Policy) -> bool {
    let Policy { intent_lifetime, max_intent_lifetime, quote_lifetime, rate_window, .. } = *policy;
    let longest = Duration::from_secs(100 * 366 * 24 * 60 * 60);
    let exact = |duration: Duration| duration <= longest && duration.as_nanos().is_multiple_of(1_000);
    let none_is_zero =
        |limits: Limits| limits.per_day != Some(Quarks::new(0)) && limits.per_five_minutes != Some(0);
    [intent_lifetime, max_intent_lifetime, quote_lifetime, rate_window].into_iter().all(exact)
        && policy.rate_tolerance.is_none_or(|tolerance| tolerance.get() <= 1_000)
        && [policy.payer_limits, policy.merchant_limits, policy.withdrawal_limits]
            .into_iter()
            .all(none_is_zero)
        && policy.max_attempts != 0
}
