use alloc::string::String;
use alloc::vec::Vec;

use crate::event::AttemptState;
use crate::ids::AttemptNumber;

/// The most contradictions about one transaction that are kept. A rail that goes on is answered the same, without a trace.
pub const MAX_CONTRADICTIONS: u8 = 8;

/// How far a transaction has come: every attempt at it, and what the rail has said of each.
///
/// Invariant: only the last attempt can be anything but [`AttemptState::FailedRetryable`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    attempts: Vec<Attempt>,
    contradictions: u8,
}

/// One attempt at a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the rail has said.
    pub state: AttemptState,
    /// The rail's words with it; may be empty.
    pub reason: String,
}

/// What has become of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState<'a> {
    /// Nothing final yet.
    Ordered,
    /// Final.
    Settled,
    /// It will never happen.
    Failed {
        /// The rail's words.
        reason: &'a str,
    },
}

/// What a rail's word amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It says something new.
    News,
    /// It says what is known, or less.
    Repeated,
    /// It says the opposite of what is final.
    Contradiction(AttemptState),
    /// The transaction is final, and no other attempt may be made.
    AlreadyFinal,
    /// The attempt is not the next.
    OutOfOrder,
    /// Something that was said before may have moved quarks, so another attempt could do it twice, and a failure could
    /// release what has moved.
    Unresolved,
}

impl Progress {
    /// As a snapshot has it.
    pub(crate) fn put_back(attempts: Vec<Attempt>, contradictions: u8) -> Self {
        Self { attempts, contradictions }
    }

    /// Every attempt, from number 1.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// How often the rail has contradicted itself, as far as that is kept.
    #[must_use]
    pub fn contradictions(&self) -> u8 {
        self.contradictions
    }

    /// What has become of the transaction.
    #[must_use]
    pub fn state(&self) -> TransactionState<'_> {
        match self.attempts.last() {
            Some(Attempt { state: AttemptState::Settled, .. }) => TransactionState::Settled,
            Some(Attempt { state: AttemptState::Failed, reason }) => TransactionState::Failed { reason },
            Some(Attempt {
                state: AttemptState::Sent | AttemptState::Indeterminate | AttemptState::FailedRetryable,
                ..
            })
            | None => TransactionState::Ordered,
        }
    }

    /// The attempt that a rail has to speak of next: the one whose outcome is not known, or the one after the last.
    #[must_use]
    pub fn current(&self) -> AttemptNumber {
        let last = u16::try_from(self.attempts.len()).unwrap_or(u16::MAX);
        match self.attempts.last() {
            Some(attempt) if attempt.state != AttemptState::FailedRetryable => AttemptNumber(last),
            _ => AttemptNumber(last).next(),
        }
    }

    /// What it amounts to that the rail says `said` of attempt `number`. Every pair of what is known and what is said is
    /// decided here, one by one.
    ///
    /// A rail that has contradicted itself about a transaction that is not final may have moved its quarks. From then on no
    /// attempt is begun. The transaction ends when an attempt turns out to have succeeded, or by a final word about a new
    /// attempt, which is for whoever has looked into it.
    pub(crate) fn weigh(&self, number: AttemptNumber, said: AttemptState) -> Word {
        use AttemptState::{Failed, FailedRetryable, Indeterminate, Sent, Settled};
        let Some(index) = usize::from(number.0).checked_sub(1) else { return Word::OutOfOrder };
        let last = self.attempts.last().map(|attempt| attempt.state);
        let trusted = self.contradictions == 0;
        let Some(known) = self.attempts.get(index) else {
            let next = index == self.attempts.len();
            return match (last, said) {
                _ if !next => Word::OutOfOrder,
                (None | Some(FailedRetryable), Settled | Failed) => Word::News,
                (None | Some(FailedRetryable), Sent | Indeterminate | FailedRetryable) if trusted => {
                    Word::News
                }
                (None | Some(FailedRetryable), Sent | Indeterminate | FailedRetryable) => Word::Unresolved,
                (Some(Sent | Indeterminate), _) => Word::Unresolved,
                // Once is what the payer signed for; a second success took the quarks twice.
                (Some(final_word @ (Settled | Failed)), Settled) => Word::Contradiction(final_word),
                (Some(Settled | Failed), Sent | Indeterminate | FailedRetryable | Failed) => {
                    Word::AlreadyFinal
                }
            };
        };
        match (known.state, said) {
            (Sent, Sent) => Word::Repeated,
            (Sent, Indeterminate | Settled | FailedRetryable) => Word::News,
            // "Sent" comes late: more is known.
            (Indeterminate, Sent | Indeterminate) => Word::Repeated,
            (Indeterminate, Settled | FailedRetryable) => Word::News,
            (Sent | Indeterminate, Failed) if trusted => Word::News,
            (Sent | Indeterminate, Failed) => Word::Unresolved,
            (FailedRetryable, Sent | Indeterminate | FailedRetryable) => Word::Repeated,
            (FailedRetryable, Settled) => Word::Contradiction(FailedRetryable),
            // The rail gives up after all. Where another attempt was made since, that one's word counts.
            (FailedRetryable, Failed) if index + 1 < self.attempts.len() => Word::Repeated,
            (FailedRetryable, Failed) if trusted => Word::News,
            (FailedRetryable, Failed) => Word::Unresolved,
            (Settled, Sent | Indeterminate | Settled) => Word::Repeated,
            (Settled, FailedRetryable | Failed) => Word::Contradiction(Settled),
            (Failed, Sent | Indeterminate | FailedRetryable | Failed) => Word::Repeated,
            (Failed, Settled) => Word::Contradiction(Failed),
        }
    }

    /// Takes in what [`Progress::weigh`] calls news; `None` when it is not.
    pub(crate) fn take(&mut self, number: AttemptNumber, said: AttemptState, reason: &str) -> Option<()> {
        if self.weigh(number, said) != Word::News {
            return None;
        }
        let attempt = Attempt { state: said, reason: reason.into() };
        match self.attempts.get_mut(usize::from(number.0).checked_sub(1)?) {
            Some(known) => *known = attempt,
            None => self.attempts.push(attempt),
        }
        Some(())
    }

    /// Counts one contradiction; `None` when it is one too many.
    pub(crate) fn contradict(&mut self) -> Option<()> {
        if self.contradictions >= MAX_CONTRADICTIONS {
            return None;
        }
        self.contradictions += 1;
        Some(())
    }
}
