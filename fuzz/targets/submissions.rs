//! What the fuzzer does with bytes, for what a payer submits.

use prost::Message as _;
use quittance_code_api::key::{KeyPair, PublicKey};
use quittance_code_api::proto::code::transaction::v2::submit_intent_request::SubmitActions;
use quittance_code_api::solana::instruction::{AccountMeta, Instruction};
use quittance_code_api::solana::message::{MAX_TRANSACTION_LEN, Message};
use quittance_code_api::solana::transaction::DurableNonce;
use quittance_code_api::submission::payment::Asked;
use quittance_code_api::submission::signing::Offer;
use quittance_code_api::submission::{Meaning, Submission, agreement};
use quittance_core::currency::Currency;
use quittance_core::ids::{AccountId, IntentId, NodeId, Timestamp};
use quittance_core::money::{NativeAmount, Quarks};
use quittance_core::payment::Payment;

const NODE: PublicKey = PublicKey([7; 32]);
const SERVICE: AccountId = AccountId([8; 32]);

/// Bytes as `SubmitActions`, as they are and once more under a signature, which the fuzzer cannot guess; and as instructions
/// of a transaction.
pub(crate) fn submit_actions(bytes: &[u8]) {
    let _ = Submission::read(bytes);
    transaction(bytes);
    let Ok(mut actions) = SubmitActions::decode(bytes) else { return };
    let owner = KeyPair::from_seed(&[1; 32]);
    actions.owner = Some(owner.public_key().into());
    actions.signature = None;
    actions.signature = Some(owner.sign(&actions.encode_to_vec()).into());
    let raw = actions.encode_to_vec();
    let Ok(submission) = Submission::read(&raw) else { return };
    assert!(owner.public_key().verifies(&submission.signed, &submission.signature));
    let Meaning::Payment(payment) = &submission.meaning else { return };
    let nonces: Vec<_> = payment.moves.iter().map(|_| nonce()).collect();
    let offer = Offer { subsidizer: NODE, service: PublicKey(SERVICE.0), nonces: &nonces };
    let transactions = offer.transactions(payment).expect("a transfer always compiles");
    let signatures: Vec<_> = transactions.iter().map(|message| owner.sign(message.as_bytes())).collect();
    assert_eq!(offer.check(payment, &signatures), Ok(()));
    let destination = AccountId(payment.destination.0);
    let (Ok(currency), Some(amount)) =
        (payment.currency.parse::<Currency>(), NativeAmount::from_hundredths(25))
    else {
        return;
    };
    for service_fee in [None, Some(SERVICE)] {
        let asked = Asked {
            node: NodeId(NODE.0),
            intent: IntentId(submission.intent.0),
            destination,
            currency,
            amount,
            fees: &[],
            service_fee,
            rates: &[],
            valid_until: Timestamp(1),
        };
        let Ok(agreed) = payment.against(&asked) else { continue };
        assert_eq!(agreed.total().map(Quarks::get), Some(payment.quarks));
        assert_eq!(Payment::from_bytes(&agreed.to_bytes()), Ok(agreed.clone()));
        assert_eq!(agreement::payment(&submission.signed, &agreed), Ok(()));
    }
}

fn nonce() -> DurableNonce {
    DurableNonce { account: PublicKey([9; 32]), value: [10; 32] }
}

/// Each byte is a key, and its two highest bits what the account may do; eight bytes make an instruction.
fn transaction(bytes: &[u8]) {
    let key = |byte: u8| PublicKey([byte & 0x3f; 32]);
    let instructions = bytes.chunks(8).filter_map(|chunk| {
        let (program, accounts) = chunk.split_first()?;
        let account =
            |byte: &u8| AccountMeta { key: key(*byte), signer: byte & 0x80 != 0, writable: byte & 0x40 != 0 };
        let accounts = accounts.iter().map(account).collect();
        Some(Instruction { program: key(*program), accounts, data: chunk.to_vec() })
    });
    let instructions: Vec<_> = instructions.collect();
    if let Ok(message) = Message::compile(NODE, &[1; 32], &instructions) {
        assert_eq!(message.signers().first(), Some(&NODE));
        let transaction = message.unsigned_transaction();
        assert!(transaction.len() <= MAX_TRANSACTION_LEN);
        assert!(transaction.ends_with(message.as_bytes()));
    }
}
