//! The instructions of the protocol's transactions (protocol d.8).

use super::address::{
    Derived, KIN_MINT, MEMO_PROGRAM, RECENT_BLOCKHASHES, RENT, SPLITTER_PROGRAM, SYSTEM_PROGRAM,
    TIMELOCK_PROGRAM, TOKEN_PROGRAM, Timelock,
};
use crate::key::PublicKey;

/// What a Kin memo says of every transfer here: version 1, type P2P, app 268, no reference; 32 bytes in base64.
pub const MEMO: &str = "ZTAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// How many days a time lock is made for.
const DAYS_LOCKED: u8 = 21;

/// One call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Which program.
    pub program: PublicKey,
    /// What it reads and writes, in the order it expects.
    pub accounts: Vec<AccountMeta>,
    /// Which of its functions, and its arguments.
    pub data: Vec<u8>,
}

/// An account as an instruction uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountMeta {
    /// Its address.
    pub key: PublicKey,
    /// Whether its key has to sign the transaction.
    pub signer: bool,
    /// Whether the program may change it.
    pub writable: bool,
}

/// A locked account and who may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// The lock.
    pub lock: Timelock,
    /// Whose kin it is.
    pub authority: PublicKey,
    /// The node's key: time authority, close authority and payer of the chain's fees.
    pub subsidizer: PublicKey,
}

impl Locked {
    /// The account of an authority on a node.
    pub fn of(authority: PublicKey, subsidizer: PublicKey) -> Self {
        Self { lock: Timelock::of(authority, subsidizer), authority, subsidizer }
    }

    /// The address that holds the kin.
    pub fn vault(&self) -> PublicKey {
        self.lock.vault.address
    }

    /// Makes the account.
    pub fn initialize(&self) -> Instruction {
        let mut accounts = vec![
            writes(self.state()),
            writes(self.vault()),
            reads(self.authority),
            reads(KIN_MINT),
            signs(self.subsidizer),
            pays(self.subsidizer),
        ];
        accounts.extend([TOKEN_PROGRAM, SYSTEM_PROGRAM, RENT].map(reads));
        let data = call([0xaf, 0xaf, 0x6d, 0x1f, 0x0d, 0x98, 0x9b, 0xed], &[DAYS_LOCKED]);
        Instruction { program: TIMELOCK_PROGRAM, accounts, data }
    }

    /// Moves quarks while the lock is on, which takes both its authorities.
    pub fn transfer_with_authority(&self, destination: PublicKey, quarks: u64) -> Instruction {
        let accounts = [
            reads(self.state()),
            writes(self.vault()),
            signs(self.authority),
            signs(self.subsidizer),
            writes(destination),
            pays(self.subsidizer),
        ];
        let arguments = [&[self.bump()], quarks.to_le_bytes().as_slice()].concat();
        self.timelock([0x44, 0x80, 0xde, 0xc0, 0x81, 0x45, 0x47, 0xa5], &arguments, accounts)
    }

    /// Takes the time authority's hand off.
    pub fn revoke_lock_with_authority(&self) -> Instruction {
        let accounts =
            [writes(self.state()), reads(self.vault()), signs(self.subsidizer), pays(self.subsidizer)];
        self.timelock([0xe5, 0xb5, 0x3a, 0xf2, 0xab, 0x08, 0xc9, 0x90], &[self.bump()], accounts)
    }

    /// Ends the lock.
    pub fn deactivate(&self) -> Instruction {
        let accounts = vec![writes(self.state()), signs(self.authority), pays(self.subsidizer)];
        let data = call([0x2c, 0x70, 0x21, 0xac, 0x71, 0x1c, 0x8e, 0x0d], &[self.bump()]);
        Instruction { program: TIMELOCK_PROGRAM, accounts, data }
    }

    /// Moves all there is, once the lock has ended.
    pub fn withdraw(&self, destination: PublicKey) -> Instruction {
        let accounts = [
            reads(self.state()),
            writes(self.vault()),
            signs(self.authority),
            writes(destination),
            pays(self.subsidizer),
        ];
        self.timelock([0xb7, 0x12, 0x46, 0x9c, 0x94, 0x6d, 0xa1, 0x22], &[self.bump()], accounts)
    }

    /// Gives back what the chain keeps for the empty account.
    pub fn close_accounts(&self) -> Instruction {
        let accounts =
            [writes(self.state()), writes(self.vault()), signs(self.subsidizer), pays(self.subsidizer)];
        self.timelock([0xab, 0xde, 0x5e, 0xe9, 0x22, 0xfa, 0xca, 0x01], &[self.bump()], accounts)
    }

    fn timelock<const N: usize>(
        &self,
        function: [u8; 8],
        arguments: &[u8],
        accounts: [AccountMeta; N],
    ) -> Instruction {
        let programs = [TOKEN_PROGRAM, SYSTEM_PROGRAM].map(reads);
        let accounts = accounts.into_iter().chain(programs).collect();
        Instruction { program: TIMELOCK_PROGRAM, accounts, data: call(function, arguments) }
    }

    fn state(&self) -> PublicKey {
        self.lock.state.address
    }

    fn bump(&self) -> u8 {
        self.lock.state.bump
    }
}

/// Uses up a durable nonce's value. Has to come first in a transaction that has the value for a block hash.
pub fn advance_nonce(nonce: PublicKey, authority: PublicKey) -> Instruction {
    let accounts = vec![writes(nonce), reads(RECENT_BLOCKHASHES), signs(authority)];
    Instruction { program: SYSTEM_PROGRAM, accounts, data: 4_u32.to_le_bytes().to_vec() }
}

/// Says [`MEMO`].
pub fn memo() -> Instruction {
    Instruction { program: MEMO_PROGRAM, accounts: Vec::new(), data: MEMO.as_bytes().to_vec() }
}

/// A treasury's payment of a private transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance<'a> {
    /// The treasury's account.
    pub pool: Derived,
    /// Where it keeps its kin.
    pub pool_vault: PublicKey,
    /// Its promise.
    pub commitment: &'a super::address::Commitment<'a>,
    /// The treasury's authority, which pays the chain's fee too.
    pub authority: PublicKey,
}

impl Advance<'_> {
    /// Pays, and makes the promise.
    pub fn transfer_with_commitment(&self) -> Instruction {
        let mut accounts = vec![
            writes(self.pool.address),
            writes(self.pool_vault),
            writes(self.commitment.destination),
            reads(self.commitment.state().address),
            signs(self.authority),
            pays(self.authority),
        ];
        accounts.extend([TOKEN_PROGRAM, SYSTEM_PROGRAM, RENT].map(reads));
        let amount = self.commitment.amount.to_le_bytes();
        let roots = [self.commitment.transcript.as_slice(), self.commitment.recent_root].concat();
        let arguments = [&[self.pool.bump], amount.as_slice(), &roots].concat();
        let data = call([0xb1, 0xf7, 0x7d, 0xd0, 0x99, 0xa6, 0xcd, 0x78], &arguments);
        Instruction { program: SPLITTER_PROGRAM, accounts, data }
    }
}

fn call(function: [u8; 8], arguments: &[u8]) -> Vec<u8> {
    [function.as_slice(), arguments].concat()
}

fn reads(key: PublicKey) -> AccountMeta {
    AccountMeta { key, signer: false, writable: false }
}

fn writes(key: PublicKey) -> AccountMeta {
    AccountMeta { key, signer: false, writable: true }
}

fn signs(key: PublicKey) -> AccountMeta {
    AccountMeta { key, signer: true, writable: false }
}

fn pays(key: PublicKey) -> AccountMeta {
    AccountMeta { key, signer: true, writable: true }
}
