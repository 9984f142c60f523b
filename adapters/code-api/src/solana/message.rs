//! A legacy Solana message: what a transaction's signatures cover.

use thiserror::Error;

use super::instruction::Instruction;
use crate::key::PublicKey;

/// The longest transaction that Solana takes, signatures included (protocol d.2).
pub const MAX_TRANSACTION_LEN: usize = 1232;

/// Why instructions make no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CompileError {
    /// An instruction names accounts by one byte.
    #[error("accounts: expected at most 256, got {0}")]
    TooManyAccounts(usize),
    /// The header counts signers in one byte.
    #[error("signers: expected at most 255, got {0}")]
    TooManySigners(usize),
    /// Longer than [`MAX_TRANSACTION_LEN`].
    #[error("transaction: expected at most {MAX_TRANSACTION_LEN} bytes, got {0}")]
    TooLong(usize),
}

/// A compiled message: every account once, in the one order, and the instructions that name them by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    signers: Vec<PublicKey>,
    bytes: Vec<u8>,
}

/// One account of a message.
#[derive(Debug, Clone, Copy)]
struct Account {
    key: PublicKey,
    payer: bool,
    program: bool,
    signer: bool,
    writable: bool,
}

impl Message {
    /// Compiles instructions. `blockhash` is a recent block's, or the value of a durable nonce.
    ///
    /// # Errors
    ///
    /// When there are too many accounts or signers, or the transaction would be too long.
    pub fn compile(
        payer: PublicKey,
        blockhash: &[u8; 32],
        instructions: &[Instruction],
    ) -> Result<Self, CompileError> {
        let accounts = ordered(payer, instructions);
        let place = |key: PublicKey| {
            let place = accounts.iter().position(|account| account.key == key);
            place.and_then(|place| u8::try_from(place).ok())
        };
        let too_many = || CompileError::TooManyAccounts(accounts.len());
        let count = |what: fn(&Account) -> bool| accounts.iter().filter(|account| what(account)).count();
        let signers: Vec<_> =
            accounts.iter().filter(|account| account.signer).map(|account| account.key).collect();
        let header = [
            u8::try_from(signers.len()).map_err(|_| CompileError::TooManySigners(signers.len()))?,
            u8::try_from(count(|a| a.signer && !a.writable)).map_err(|_| too_many())?,
            u8::try_from(count(|a| !a.signer && !a.writable)).map_err(|_| too_many())?,
        ];
        let mut bytes = header.to_vec();
        put_length(&mut bytes, accounts.len());
        for account in &accounts {
            bytes.extend_from_slice(&account.key.0);
        }
        bytes.extend_from_slice(blockhash);
        put_length(&mut bytes, instructions.len());
        for instruction in instructions {
            bytes.push(place(instruction.program).ok_or_else(too_many)?);
            put_length(&mut bytes, instruction.accounts.len());
            for account in &instruction.accounts {
                bytes.push(place(account.key).ok_or_else(too_many)?);
            }
            put_length(&mut bytes, instruction.data.len());
            bytes.extend_from_slice(&instruction.data);
        }
        let message = Self { signers, bytes };
        match message.unsigned_transaction().len() {
            0..=MAX_TRANSACTION_LEN => Ok(message),
            got => Err(CompileError::TooLong(got)),
        }
    }

    /// What is signed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whose signatures the transaction needs, in the order they stand in it. The first pays the chain's fee.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }

    /// The whole transaction, with a signature of zeros for every signer.
    pub fn unsigned_transaction(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 64 * self.signers.len() + 3);
        put_length(&mut bytes, self.signers.len());
        bytes.resize(bytes.len() + 64 * self.signers.len(), 0);
        bytes.extend_from_slice(&self.bytes);
        bytes
    }
}

/// Each account once, in the order of protocol d.8, which both sides have to follow bit for bit. What an account may do is
/// what any mention of it says; whether it is an invoked program, what the first one says.
fn ordered(payer: PublicKey, instructions: &[Instruction]) -> Vec<Account> {
    let mut accounts =
        vec![Account { key: payer, payer: true, program: false, signer: true, writable: true }];
    let mut mention = |mention: Account| match accounts.iter_mut().find(|known| known.key == mention.key) {
        Some(known) => {
            known.signer |= mention.signer;
            known.writable |= mention.writable;
        }
        None => accounts.push(mention),
    };
    for instruction in instructions {
        let key = instruction.program;
        mention(Account { key, payer: false, program: true, signer: false, writable: false });
        for account in &instruction.accounts {
            let super::instruction::AccountMeta { key, signer, writable } = *account;
            mention(Account { key, payer: false, program: false, signer, writable });
        }
    }
    accounts.sort_by_key(|account| {
        (!account.payer, account.program, !account.signer, !account.writable, account.key)
    });
    accounts
}

/// A length in Solana's compact form: seven bits a byte, the lowest first.
fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
