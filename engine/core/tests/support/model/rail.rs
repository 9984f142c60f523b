//! What a rail's word is worth.

use quittance_core::command::SettlementOutcome;
use quittance_core::event::AttemptState;

use super::{Said, ensure, refusal};

/// What the rail has said of a transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    pub(super) states: Vec<AttemptState>,
    pub(super) contradictions: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    News,
    Contradiction,
}

impl Attempts {
    /// What the rail's word on an attempt is worth, given its earlier words.
    pub(super) fn weigh(&self, number: u16, said: AttemptState, most: u16) -> Result<Weight, Said> {
        use AttemptState::{Failed, FailedRetryable, Indeterminate, Sent, Settled};
        let (index, known) = (usize::from(number), self.states.len());
        ensure(index != 0 && index <= known + 1, 103)?;
        let doubtful = self.contradictions > 0;
        let weight = if index > known {
            match (self.states.last(), said) {
                // A rail that says two things about what is not final begins nothing more.
                (None | Some(FailedRetryable), Sent | Indeterminate | FailedRetryable) if doubtful => {
                    return Err(refusal(104));
                }
                (None | Some(FailedRetryable), _) => Weight::News,
                (Some(Sent | Indeterminate), _) => return Err(refusal(104)),
                (Some(Settled | Failed), Settled) => Weight::Contradiction,
                (Some(Settled | Failed), _) => return Err(refusal(102)),
            }
        } else {
            match (self.states[index - 1], said) {
                (Sent, Sent) => return Err(Said::Repeated),
                (Indeterminate, Sent | Indeterminate) => return Err(Said::Repeated),
                (Sent | Indeterminate, Failed) if doubtful => return Err(refusal(104)),
                (Sent | Indeterminate, _) => Weight::News,
                (FailedRetryable, Settled) => Weight::Contradiction,
                (FailedRetryable, Failed) if index == known && doubtful => return Err(refusal(104)),
                (FailedRetryable, Failed) if index == known => Weight::News,
                (FailedRetryable, _) => return Err(Said::Repeated),
                (Settled, FailedRetryable | Failed) => Weight::Contradiction,
                (Settled, _) => return Err(Said::Repeated),
                (Failed, Settled) => Weight::Contradiction,
                (Failed, _) => return Err(Said::Repeated),
            }
        };
        let one_too_many = index > known && number > most && !matches!(said, Settled | Failed);
        ensure(weight == Weight::Contradiction || !one_too_many, 105)?;
        Ok(weight)
    }

    pub(super) fn note(&mut self, number: u16, said: AttemptState) {
        self.states.truncate(usize::from(number) - 1);
        self.states.push(said);
    }

    pub(super) fn contradict(&mut self) -> Vec<&'static str> {
        if self.contradictions == 8 {
            return Vec::new();
        }
        self.contradictions += 1;
        vec!["settlement.contradicted"]
    }
}

pub(super) fn said_by(outcome: &SettlementOutcome) -> AttemptState {
    match outcome {
        SettlementOutcome::Sent => AttemptState::Sent,
        SettlementOutcome::Indeterminate { .. } => AttemptState::Indeterminate,
        SettlementOutcome::Settled => AttemptState::Settled,
        SettlementOutcome::FailedRetryable { .. } => AttemptState::FailedRetryable,
        SettlementOutcome::Failed { .. } => AttemptState::Failed,
    }
}

/// The event of an outcome that does not end the transaction.
pub(super) fn attempt_event(outcome: AttemptState) -> Option<&'static str> {
    match outcome {
        AttemptState::Sent => Some("settlement.attempt_sent"),
        AttemptState::Indeterminate => Some("settlement.attempt_indeterminate"),
        AttemptState::FailedRetryable => Some("settlement.attempt_failed"),
        AttemptState::Settled | AttemptState::Failed => None,
    }
}
