use quittance_core::state::ScheduledWithdrawal;
use serde::{Deserialize, Serialize};

use super::Attempt;
use super::payment::{attempts, is_zero, state_name};

/// Quarks that leave the engine's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Whose.
    pub account: String,
    /// What makes it happen once.
    pub key: String,
    /// How many.
    pub quarks: u64,
    /// Where they go.
    pub to: String,
    /// `ordered`, `settled` or `failed`. When it is settled the quarks have left; whoever operates the node pays them out.
    pub state: String,
    /// The transaction that carries it out.
    pub transaction: String,
    /// Every attempt at it that the rail has spoken of, in order.
    pub attempts: Vec<Attempt>,
    /// How often the rail has said the opposite of what it had said was final.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub contradictions: u8,
    /// The position of the last record about it.
    pub position: u64,
}

/// A signed withdrawal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawalRequest {
    /// Makes it happen once: 32 bytes in base58, of the owner's choice.
    pub key: String,
    /// How many quarks.
    pub quarks: u64,
    /// Where they go, in the words of whoever operates the node.
    pub to: String,
    /// The owner's signature over the withdrawal in the engine's own form.
    pub signature: String,
}

impl From<&ScheduledWithdrawal> for Withdrawal {
    fn from(known: &ScheduledWithdrawal) -> Self {
        let withdrawal = &known.withdrawal;
        Self {
            account: withdrawal.account.to_string(),
            key: withdrawal.key.to_string(),
            quarks: withdrawal.quarks.get(),
            to: withdrawal.to.clone(),
            state: state_name(&known.progress).into(),
            transaction: withdrawal.transaction().to_string(),
            attempts: attempts(&known.progress),
            contradictions: known.progress.contradictions(),
            position: known.last_position().0,
        }
    }
}
