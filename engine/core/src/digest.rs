//! One hash of everything the engine knows.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::event::{Authorization, PaymentForm};
use crate::ids::{DepositKey, IntentId, TransactionId};
use crate::money::{BasisPoints, NativeAmount, Quarks};
use crate::payment::Payment;
use crate::policy::{Limits, Policy};
use crate::state::{
    Archive, Asked, Deposit, Intent, Phase, Progress, ScheduledWithdrawal, Settlement, State, Submission,
};
use crate::terms::Terms;
use crate::webhook::{Delivery, DeliveryOutcome, Webhook};

/// A hash of a whole [`State`]. Equal digests mean equal states.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl State {
    /// The digest of everything that decides what happens next.
    ///
    /// # Determinism
    /// Maps are walked in key order, integers are little endian, every list is preceded by its length: the same records
    /// give the same digest on any build and machine. Indexes that follow from the rest are not part of it. What has ended
    /// goes in through the [`Archive`], whether it is in memory or put away, so that a digest takes as long as what is open.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Hash(blake3::Hasher::new_derive_key("quittance 2026-11 state digest v5"));
        hash.bytes(&self.node.map_or([0; 32], |node| node.0));
        hash.number(self.position.0);
        hash.number(self.time.0);
        hash.number(u64::from(self.policy_version));
        hash.policy(&self.policy);
        hash.number(self.rates.tables().count() as u64);
        for table in self.rates.tables() {
            hash.number(table.published_at.0);
            hash.text(&table.source);
            hash.number(table.rates.len() as u64);
            for (currency, rate) in &table.rates {
                hash.bytes(&currency.code());
                hash.number(rate.mantissa());
                hash.number(u64::from(rate.scale()));
            }
        }
        hash.bytes(&self.ledger.deposited().to_le_bytes());
        hash.bytes(&self.ledger.withdrawn().to_le_bytes());
        hash.number(self.ledger.accounts().count() as u64);
        for (id, account) in self.ledger.accounts() {
            hash.bytes(&id.0);
            hash.number(account.balance.get());
            hash.number(account.reserved.get());
        }
        hash.number(self.archive.count);
        hash.bytes(&self.archive.hash);
        hash.long(&self.archive.gathered);
        // Not by the index of them: a frozen state has none.
        let open = || self.withdrawals.iter().filter(|(_, known)| !known.has_ended());
        hash.number(open().count() as u64);
        for (_, known) in open() {
            hash.withdrawal(known);
        }
        hash.number(self.usage.accounts().count() as u64);
        for ((account, side), windows) in self.usage.accounts() {
            hash.bytes(&account.0);
            hash.number(*side as u64);
            hash.number(windows.amounts.len() as u64);
            for (step, quarks) in &windows.amounts {
                hash.number(*step);
                hash.number(quarks.get());
            }
            hash.number(windows.payments.len() as u64);
            for (step, count) in &windows.payments {
                hash.number(*step);
                hash.number(u64::from(*count));
            }
        }
        hash.number(self.relationships.len() as u64);
        for (authority, relationship) in self.relationships.iter() {
            hash.bytes(&authority.0);
            hash.bytes(&relationship.owner.0);
            hash.text(relationship.domain.as_str());
            hash.number(relationship.established.0);
        }
        let open = || self.intents.iter().filter(|(_, intent)| !intent.has_ended());
        hash.number(open().count() as u64);
        for (id, intent) in open() {
            hash.bytes(&id.0);
            hash.intent(intent);
        }
        Digest(*hash.0.finalize().as_bytes())
    }
}

/// A link of the archive is made when this many bytes have gathered: sixteen of BLAKE3's chunks, which it hashes side by side.
const LINK_BYTES: usize = 16 * 1024;

impl Archive {
    pub(crate) fn add_intent(&mut self, id: &IntentId, intent: &Intent) {
        let mut gathered = self.gather(0, &id.0);
        gathered.intent(intent);
        self.link();
    }

    pub(crate) fn add_deposit(&mut self, key: &DepositKey, deposit: &Deposit) {
        let mut gathered = self.gather(1, &key.0);
        gathered.bytes(&deposit.account.0);
        gathered.number(deposit.quarks.get());
        gathered.number(deposit.position.0);
        self.link();
    }

    pub(crate) fn add_withdrawal(&mut self, id: &TransactionId, known: &ScheduledWithdrawal) {
        let mut gathered = self.gather(2, &id.0);
        gathered.withdrawal(known);
        self.link();
    }

    fn gather(&mut self, kind: u64, key: &[u8; 32]) -> Hash<&mut Vec<u8>> {
        self.count += 1;
        let mut gathered = Hash(&mut self.gathered);
        gathered.number(kind);
        gathered.bytes(key);
        gathered
    }

    fn link(&mut self) {
        if self.gathered.len() < LINK_BYTES {
            return;
        }
        let mut hash = blake3::Hasher::new_derive_key("quittance 2026-11 archive v2");
        // First, so that the chunks behind it are hashed side by side.
        hash.update(&self.gathered);
        hash.update(&self.hash);
        self.hash = *hash.finalize().as_bytes();
        self.gathered.clear();
    }
}

/// Where the bytes of a state go.
trait Sink {
    fn take(&mut self, bytes: &[u8]);
}

impl Sink for blake3::Hasher {
    fn take(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}

impl Sink for &mut Vec<u8> {
    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

struct Hash<S>(S);

impl<S: Sink> Hash<S> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.take(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.take(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.long(text.as_bytes());
    }

    fn long(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.take(bytes);
    }

    fn duration(&mut self, duration: Duration) {
        self.0.take(&duration.as_micros().to_le_bytes());
    }

    fn policy(&mut self, policy: &Policy) {
        self.number(policy.service_fee.map_or(0, NativeAmount::hundredths));
        self.bytes(&policy.fee_account.0);
        self.number(u64::from(policy.fee_cap.get()));
        self.duration(policy.intent_lifetime);
        self.duration(policy.max_intent_lifetime);
        self.duration(policy.quote_lifetime);
        self.duration(policy.rate_window);
        self.number(policy.max_payment.get());
        self.number(u64::from(policy.max_refusals));
        self.number(u64::from(policy.rate_tolerance.map_or(0, BasisPoints::get)));
        self.limits(policy.payer_limits);
        self.limits(policy.merchant_limits);
        self.number(u64::from(policy.max_attempts));
        self.number(u64::from(policy.max_refunds));
        self.number(policy.min_withdrawal.get());
        self.limits(policy.withdrawal_limits);
    }

    fn limits(&mut self, limits: Limits) {
        self.number(limits.per_day.map_or(0, Quarks::get));
        self.number(u64::from(limits.per_five_minutes.unwrap_or(0)));
    }

    fn withdrawal(&mut self, known: &ScheduledWithdrawal) {
        self.long(&known.withdrawal.signing_bytes());
        self.number(known.scheduled.0);
        self.number(known.followed.len() as u64);
        for position in &known.followed {
            self.number(position.0);
        }
        self.number(known.at.0);
        self.progress(&known.progress);
    }

    fn intent(&mut self, intent: &Intent) {
        match &intent.asked {
            Asked::Payment(terms) => {
                self.number(0);
                self.terms(terms);
            }
            Asked::Login(login) => {
                self.number(1);
                self.text(login.domain.as_str());
                self.bytes(&login.verifier.0);
            }
        }
        self.authorization(&intent.authorization);
        self.number(intent.created_at.0);
        self.number(intent.created.0);
        self.number(intent.expires_at.0);
        self.number(intent.scanned.map_or(0, |position| position.0));
        self.number(u64::from(intent.refusals));
        self.number(u64::from(intent.revision.0));
        self.number(intent.last_position.0);
        self.number(intent.ended.map_or(0, |position| position.0));
        self.number(intent.refunds.len() as u64);
        for scheduled in &intent.refunds {
            self.long(&scheduled.refund.signing_bytes());
            self.number(scheduled.scheduled.0);
            self.progress(&scheduled.progress);
        }
        self.number(u64::from(intent.webhook.is_some()));
        if let Some(webhook) = &intent.webhook {
            self.webhook(webhook);
        }
        match &intent.phase {
            Phase::Created => self.number(0),
            Phase::Submitted(submission) => {
                self.number(1);
                self.submission(submission);
            }
            Phase::Verified(submission) => {
                self.number(2);
                self.submission(submission);
            }
            Phase::Scheduled(settlement) => {
                self.number(3);
                self.settlement(settlement);
            }
            Phase::Confirmed(settlement) => {
                self.number(4);
                self.settlement(settlement);
            }
            Phase::Canceled(by) => {
                self.number(5);
                self.number(*by as u64);
            }
            Phase::Expired => self.number(6),
            Phase::Rejected(rejection) => {
                self.number(7);
                self.number(u64::from(rejection.code.number()));
                self.text(&rejection.field);
                self.text(&rejection.expected);
                self.text(&rejection.got);
            }
            Phase::Failed(settlement) => {
                self.number(8);
                self.settlement(settlement);
            }
            Phase::LoggedIn(login) => {
                self.number(9);
                self.bytes(&login.user.0);
                self.authorization(&login.authorization);
                self.number(login.position.0);
                self.number(login.at.0);
            }
        }
    }

    fn terms(&mut self, terms: &Terms) {
        self.bytes(&terms.destination.0);
        self.bytes(&terms.currency.code());
        self.number(terms.amount.hundredths());
        self.number(terms.fees.len() as u64);
        for fee in &terms.fees {
            self.bytes(&fee.destination.0);
            self.number(u64::from(fee.basis_points.get()));
        }
        self.number(u64::from(terms.expires_at.is_some()));
        self.number(terms.expires_at.map_or(0, |at| at.0));
        self.number(terms.metadata.iter().len() as u64);
        for (key, value) in terms.metadata.iter() {
            self.text(key);
            self.text(value);
        }
        self.number(u64::from(terms.site.is_some()));
        if let Some(site) = &terms.site {
            self.text(site.domain.as_str());
            self.number(u64::from(site.verifier.is_some()));
            self.bytes(&site.verifier.map_or([0; 32], |verifier| verifier.0));
        }
    }

    fn webhook(&mut self, webhook: &Webhook) {
        self.text(&webhook.url);
        self.number(webhook.registered.0);
        self.number(webhook.armed.map_or(0, |position| position.0));
        self.number(webhook.ordered.map_or(0, |position| position.0));
        match webhook.delivery {
            Delivery::Waiting => self.number(0),
            Delivery::Pending { due } => {
                self.number(1);
                self.number(due.0);
            }
            Delivery::Delivered => self.number(2),
            Delivery::Failed => self.number(3),
        }
        self.number(webhook.attempts.len() as u64);
        for attempt in &webhook.attempts {
            self.number(attempt.at.0);
            self.duration(attempt.latency);
            match &attempt.outcome {
                DeliveryOutcome::Answered { status } => {
                    self.number(0);
                    self.number(u64::from(*status));
                }
                DeliveryOutcome::Unreachable { reason } => {
                    self.number(1);
                    self.text(reason);
                }
            }
        }
    }

    fn authorization(&mut self, authorization: &Authorization) {
        self.number(authorization.form as u64);
        self.number(authorization.rule as u64);
        self.long(&authorization.signed);
        self.bytes(&authorization.signature.0);
    }

    fn submission(&mut self, submission: &Submission) {
        self.long(&Payment::to_bytes(&submission.payment));
        match &submission.form {
            PaymentForm::Native => self.number(0),
            PaymentForm::CodeSubmitActions(signed) => {
                self.number(1);
                self.long(signed);
            }
        }
        self.bytes(&submission.signature.0);
        self.number(submission.rule as u64);
        self.number(submission.position.0);
        self.number(submission.at.0);
    }

    fn settlement(&mut self, settlement: &Settlement) {
        self.submission(&settlement.submission);
        self.number(settlement.scheduled.0);
        self.number(settlement.transactions.len() as u64);
        for scheduled in &settlement.transactions {
            self.bytes(&scheduled.transaction.id.0);
            self.number(u64::from(scheduled.transaction.first_transfer));
            self.number(u64::from(scheduled.transaction.transfers));
            self.progress(&scheduled.progress);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.number(u64::from(progress.contradictions()));
        self.number(progress.attempts().len() as u64);
        for attempt in progress.attempts() {
            self.number(attempt.state as u64);
            self.text(&attempt.reason);
        }
    }
}
