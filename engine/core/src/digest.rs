//! One hash of everything the engine knows.

use core::fmt;
use core::time::Duration;

use crate::event::Authorization;
use crate::money::NativeAmount;
use crate::payment::Payment;
use crate::policy::Policy;
use crate::state::{Intent, Phase, Settlement, State, Submission, TransactionState};
use crate::terms::Terms;

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
    /// give the same digest on any build and machine. Indexes that follow from the rest are not part of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Hash(blake3::Hasher::new_derive_key("quittance 2026-11 state digest v1"));
        hash.bytes(&self.node.map_or([0; 32], |node| node.0));
        hash.number(self.position.0);
        hash.number(self.time.0);
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
        hash.number(self.ledger.deposited().get());
        hash.number(self.ledger.accounts().count() as u64);
        for (id, account) in self.ledger.accounts() {
            hash.bytes(&id.0);
            hash.number(account.balance.get());
            hash.number(account.reserved.get());
        }
        hash.number(self.deposits.len() as u64);
        for (key, deposit) in &self.deposits {
            hash.bytes(&key.0);
            hash.bytes(&deposit.account.0);
            hash.number(deposit.quarks.get());
            hash.number(deposit.position.0);
        }
        hash.number(self.intents.len() as u64);
        for (id, intent) in &self.intents {
            hash.bytes(&id.0);
            hash.intent(intent);
        }
        Digest(*hash.0.finalize().as_bytes())
    }
}

struct Hash(blake3::Hasher);

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.long(text.as_bytes());
    }

    fn long(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn duration(&mut self, duration: Duration) {
        self.0.update(&duration.as_micros().to_le_bytes());
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
    }

    fn intent(&mut self, intent: &Intent) {
        self.terms(&intent.terms);
        self.authorization(&intent.authorization);
        self.number(intent.created_at.0);
        self.number(intent.created.0);
        self.number(intent.expires_at.0);
        self.number(intent.scanned.map_or(0, |position| position.0));
        self.number(u64::from(intent.refusals));
        self.number(u64::from(intent.revision.0));
        self.number(intent.last_position.0);
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
    }

    fn authorization(&mut self, authorization: &Authorization) {
        self.number(authorization.form as u64);
        self.number(authorization.rule as u64);
        self.long(&authorization.signed);
        self.bytes(&authorization.signature.0);
    }

    fn submission(&mut self, submission: &Submission) {
        self.long(&Payment::to_bytes(&submission.payment));
        self.bytes(&submission.signature.0);
        self.number(submission.rule as u64);
        self.number(submission.position.0);
    }

    fn settlement(&mut self, settlement: &Settlement) {
        self.submission(&settlement.submission);
        self.number(settlement.scheduled.0);
        self.number(settlement.transactions.len() as u64);
        for scheduled in &settlement.transactions {
            self.bytes(&scheduled.transaction.id.0);
            self.number(u64::from(scheduled.transaction.first_transfer));
            self.number(u64::from(scheduled.transaction.transfers));
            match &scheduled.state {
                TransactionState::Ordered => self.number(0),
                TransactionState::Settled => self.number(1),
                TransactionState::Failed { reason } => {
                    self.number(2);
                    self.text(reason);
                }
            }
        }
    }
}
