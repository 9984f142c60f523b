use proptest::prelude::*;

use super::super::instruction::{AccountMeta, Locked};
use super::super::transaction::{DurableNonce, transfer, withdraw};
use super::*;
use crate::key::KeyPair;

fn key(seed: u8) -> PublicKey {
    KeyPair::from_seed(&[seed; 32]).public_key()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A transaction taken apart again, the way a chain does.
struct Parsed<'a> {
    header: [usize; 3],
    keys: Vec<PublicKey>,
    blockhash: &'a [u8],
    instructions: Vec<(usize, Vec<usize>, &'a [u8])>,
}

impl<'a> Parsed<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut rest = bytes;
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at(n);
            rest = tail;
            head
        };
        fn length<'a>(take: &mut impl FnMut(usize) -> &'a [u8]) -> usize {
            let mut length = 0;
            for shift in 0.. {
                let byte = take(1)[0];
                length |= usize::from(byte & 0x7f) << (7 * shift);
                if byte < 0x80 {
                    break;
                }
            }
            length
        }
        let header = <[u8; 3]>::try_from(take(3)).expect("three").map(usize::from);
        let keys = (0..length(&mut take)).map(|_| PublicKey::from_slice(take(32)).expect("32 bytes"));
        let keys = keys.collect();
        let blockhash = take(32);
        let instructions = (0..length(&mut take)).map(|_| {
            let program = usize::from(take(1)[0]);
            let accounts = length(&mut take);
            let accounts = take(accounts).iter().map(|place| usize::from(*place)).collect();
            let data = length(&mut take);
            (program, accounts, take(data))
        });
        let instructions = instructions.collect();
        assert_eq!(rest.len(), 0, "bytes behind the message");
        Self { header, keys, blockhash, instructions }
    }

    fn signs(&self, place: usize) -> bool {
        place < self.header[0]
    }

    fn writable(&self, place: usize) -> bool {
        let [signers, signed, unsigned] = self.header;
        if self.signs(place) { place < signers - signed } else { place < self.keys.len() - unsigned }
    }
}

#[test]
fn a_transfer_has_the_bytes_that_every_payer_signed_so_far() {
    let nonce = DurableNonce { account: key(3), value: [9; 32] };
    let from = Locked::of(key(1), key(2));
    let message = transfer(&nonce, &from, key(4), 1_250_000_000).expect("a message");
    // Two signers, and the subsidizer's is the first signature.
    assert_eq!(message.signers(), [key(2), key(1)]);
    let parsed = Parsed::read(message.as_bytes());
    assert_eq!(parsed.blockhash, [9; 32]);
    let data: Vec<_> = parsed.instructions.iter().map(|(_, _, data)| hex(data)).collect();
    let bump = hex(&[from.lock.state.bump]);
    let memo = hex(super::super::instruction::MEMO.as_bytes());
    assert_eq!(data, ["04000000".to_owned(), memo, format!("4480dec0814547a5{bump}807c814a00000000")]);
    // As Solana's own library derives them.
    assert_eq!(from.vault().to_string(), "8NqpXzWuZmfvHiyAKLGi7KBj6qNDGx4kXA6bGD5R13YL");
    assert_eq!(from.lock.state.address.to_string(), "EDSzPZR9efHLXc51UcELmJ9tGE9eZbPCSsBW86AWRVuU");
    // Frozen: another order of the accounts, and no signature of the official apps verifies.
    assert_eq!(hex(&Sha(message.as_bytes()).hash()), FROZEN_TRANSFER);
    let all = withdraw(&nonce, &from, key(4)).expect("a message");
    assert_eq!(hex(&Sha(all.as_bytes()).hash()), FROZEN_WITHDRAW);
    let transaction = message.unsigned_transaction();
    assert_eq!(transaction[..129], [[2].as_slice(), &[0; 128]].concat());
    assert_eq!(&transaction[129..], message.as_bytes());
}

struct Sha<'a>(&'a [u8]);

impl Sha<'_> {
    fn hash(&self) -> [u8; 32] {
        use sha2::Digest as _;
        sha2::Sha256::digest(self.0).into()
    }
}

const FROZEN_TRANSFER: &str = "0628a62ea8d34256117a177f2c2bedcae928648af392b1719a95e79544bd0d72";
const FROZEN_WITHDRAW: &str = "7a257906fc22171c8968233b81b1aec98d6cf2a63276d420aa16cde67bdbbdaa";

fn instruction() -> impl Strategy<Value = Instruction> {
    // Few keys, so that they repeat; programs are other keys, as everywhere in the protocol.
    let account = (0_u8..12, any::<bool>(), any::<bool>());
    let account = account.prop_map(|(seed, signer, writable)| AccountMeta {
        key: PublicKey([seed; 32]),
        signer,
        writable,
    });
    let accounts = proptest::collection::vec(account, 0..8);
    let data = proptest::collection::vec(any::<u8>(), 0..140);
    (100_u8..104, accounts, data).prop_map(|(program, accounts, data)| Instruction {
        program: PublicKey([program; 32]),
        accounts,
        data,
    })
}

proptest! {
    #[test]
    fn whatever_the_instructions_the_chain_reads_back_who_signs_and_what_changes(
        payer in 0_u8..12,
        instructions in proptest::collection::vec(instruction(), 0..5),
    ) {
        let payer = PublicKey([payer; 32]);
        let message = match Message::compile(payer, &[7; 32], &instructions) {
            Ok(message) => message,
            Err(CompileError::TooLong(got)) => {
                prop_assert!(got > MAX_TRANSACTION_LEN);
                return Ok(());
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let parsed = Parsed::read(message.as_bytes());
        prop_assert_eq!(parsed.keys[0], payer);
        let mut sorted = parsed.keys.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), parsed.keys.len(), "an account twice");
        prop_assert_eq!(message.signers(), &parsed.keys[..parsed.header[0]]);
        prop_assert_eq!(parsed.instructions.len(), instructions.len());
        for ((program, accounts, data), instruction) in parsed.instructions.iter().zip(&instructions) {
            prop_assert_eq!(parsed.keys[*program], instruction.program);
            prop_assert_eq!(*data, instruction.data.as_slice());
            let keys: Vec<_> = accounts.iter().map(|place| parsed.keys[*place]).collect();
            let want: Vec<_> = instruction.accounts.iter().map(|account| account.key).collect();
            prop_assert_eq!(keys, want);
        }
        // An account may do what some mention of it says, and nothing else.
        for (place, key) in parsed.keys.iter().enumerate() {
            let mentions = || instructions.iter().flat_map(|i| &i.accounts).filter(|meta| meta.key == *key);
            prop_assert_eq!(parsed.signs(place), *key == payer || mentions().any(|meta| meta.signer));
            prop_assert_eq!(parsed.writable(place), *key == payer || mentions().any(|meta| meta.writable));
        }
        // Within each kind of account, and programs behind all others, by their bytes.
        for (place, pair) in parsed.keys.windows(2).enumerate().skip(1) {
            let kind = |place: usize| {
                let program = instructions.iter().any(|i| i.program == parsed.keys[place]);
                (program, !parsed.signs(place), !parsed.writable(place))
            };
            let (before, after) = (kind(place), kind(place + 1));
            prop_assert!((before, pair[0]) < (after, pair[1]));
        }
    }

    #[test]
    fn the_order_in_which_a_transfer_names_its_accounts_does_not_matter(
        authority: [u8; 32], node: [u8; 32], account: [u8; 32], destination: [u8; 32], quarks: u64,
    ) {
        let authority = KeyPair::from_seed(&authority).public_key();
        let from = Locked::of(authority, PublicKey(node));
        let nonce = DurableNonce { account: PublicKey(account), value: [1; 32] };
        let message = transfer(&nonce, &from, PublicKey(destination), quarks).expect("a message");
        let parsed = Parsed::read(message.as_bytes());
        prop_assert!(parsed.header[0] == 2 && parsed.header[1] == 1);
        prop_assert_eq!(message.signers()[1], authority);
    }
}
