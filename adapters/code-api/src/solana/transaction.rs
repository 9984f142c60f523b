//! The transactions that a payer signs (protocol d.8).

use super::instruction::{Instruction, Locked, advance_nonce, memo};
use super::message::{CompileError, Message};
use crate::key::PublicKey;

/// A durable nonce: an account of the node's, and the value in it that one transaction may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurableNonce {
    /// The account.
    pub account: PublicKey,
    /// Stands where a recent block's hash does otherwise.
    pub value: [u8; 32],
}

/// Moves quarks out of a locked account: a fee, or a transfer without privacy.
///
/// # Errors
///
/// Never for accounts as they are derived here; see [`Message::compile`].
pub fn transfer(
    nonce: &DurableNonce,
    from: &Locked,
    destination: PublicKey,
    quarks: u64,
) -> Result<Message, CompileError> {
    compile(nonce, from, &[memo(), from.transfer_with_authority(destination, quarks)])
}

/// Moves all there is out of a locked account and closes it: a withdrawal without privacy, or a dormant account's end.
///
/// # Errors
///
/// As [`transfer`].
pub fn withdraw(
    nonce: &DurableNonce,
    from: &Locked,
    destination: PublicKey,
) -> Result<Message, CompileError> {
    let instructions = [
        memo(),
        from.revoke_lock_with_authority(),
        from.deactivate(),
        from.withdraw(destination),
        from.close_accounts(),
    ];
    compile(nonce, from, &instructions)
}

fn compile(
    nonce: &DurableNonce,
    from: &Locked,
    instructions: &[Instruction],
) -> Result<Message, CompileError> {
    let first = advance_nonce(nonce.account, from.subsidizer);
    let instructions: Vec<_> = std::iter::once(first).chain(instructions.iter().cloned()).collect();
    Message::compile(from.subsidizer, &nonce.value, &instructions)
}
