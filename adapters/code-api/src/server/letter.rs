use prost::Message as _;
use quittance_core::event::{Authorization, CanceledBy, Event, PaymentForm, Record, SignedForm};
use quittance_core::ids::{IntentId, Position, Timestamp};
use quittance_core::state::{Asked, Intent};
use quittance_core::terms::Terms;

use crate::currency_index::Currency;
use crate::key::PublicKey;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::messaging::v1::message::Kind;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::submit_intent_request::SubmitActions;
use crate::request::{Fee, payment_message};
use crate::wire::delimited;

/// One `Message` as it is relayed: a view of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// The record's.
    pub(super) position: Position,
    /// See [`message_id`].
    pub(super) id: [u8; 16],
    /// The serialized `Message`: id, signature, and the signed bytes exactly as they were signed, so that a reader can
    /// verify them.
    pub(super) bytes: Vec<u8>,
}

impl Letter {
    /// What a record says to those who hold its intent's rendezvous key, if it says anything.
    pub(super) fn of(record: &Record) -> Option<(IntentId, Self)> {
        let intent = record.subject?.intent;
        let at = record.position;
        let letter = match &record.event {
            Event::IntentCreated { terms, authorization, .. } => request(intent, at, terms, authorization)?,
            Event::LoginRequested { authorization, .. } => signed(intent, at, authorization, || None)?,
            Event::CodeScanned { authorization } => signed(intent, at, authorization, || {
                let timestamp = Some(timestamp(record.recorded_at));
                Some(Kind::CodeScanned(messaging::CodeScanned { timestamp }))
            })?,
            Event::IntentCanceled { by: CanceledBy::Payer, authorization } => {
                signed(intent, at, authorization, || {
                    let intent_id = Some(PublicKey(intent.0).into());
                    Some(Kind::ClientRejectedPayment(messaging::ClientRejectedPayment { intent_id }))
                })?
            }
            Event::WebhookDelivered { .. } => {
                let timestamp = Some(timestamp(record.recorded_at));
                unsigned(intent, at, Kind::WebhookCalled(messaging::WebhookCalled { timestamp }))
            }
            // The first record that says the payment was accepted; `submitted` may yet be refused by the rules.
            Event::IntentScheduled { .. } | Event::LoggedIn { .. } => Self::submitted(intent, at, None),
            Event::IntentCanceled { by: CanceledBy::Merchant, .. }
            | Event::NodeInitialized { .. }
            | Event::PolicySet { .. }
            | Event::RatesPublished { .. }
            | Event::FundsDeposited { .. }
            | Event::IntentExpired
            | Event::IntentSubmitted { .. }
            | Event::SubmissionRefused { .. }
            | Event::IntentRejected { .. }
            | Event::IntentVerified { .. }
            | Event::AttemptSent { .. }
            | Event::AttemptIndeterminate { .. }
            | Event::AttemptFailed { .. }
            | Event::TransactionSettled { .. }
            | Event::TransactionFailed { .. }
            | Event::SettlementContradicted { .. }
            | Event::IntentConfirmed
            | Event::IntentFailed { .. }
            | Event::LateSubmissionRefused { .. }
            | Event::RefundScheduled { .. }
            | Event::RefundConfirmed { .. }
            | Event::RefundFailed { .. }
            | Event::WithdrawalScheduled { .. }
            | Event::WithdrawalConfirmed { .. }
            | Event::WithdrawalFailed { .. }
            | Event::WebhookRegistered { .. }
            | Event::WebhookAttemptFailed { .. }
            | Event::WebhookRedeliveryOrdered
            | Event::RelationshipEstablished { .. } => return None,
        };
        Some((intent, letter))
    }

    /// The message that an intent was submitted. Of a payment through `SubmitIntent` it has the metadata (protocol e.7), which are
    /// in an earlier record than the one that says it was accepted: see [`metadata`].
    pub(super) fn submitted(
        intent: IntentId,
        position: Position,
        metadata: Option<transaction::Metadata>,
    ) -> Self {
        let intent_id = Some(PublicKey(intent.0).into());
        unsigned(intent, position, Kind::IntentSubmitted(messaging::IntentSubmitted { intent_id, metadata }))
    }

    /// The same as [`of`](Self::of) the intent's first record, without reading it.
    pub(super) fn first(id: IntentId, intent: &Intent) -> Option<Self> {
        match &intent.asked {
            Asked::Payment(terms) => request(id, intent.created, terms, &intent.authorization),
            Asked::Login(_) => signed(id, intent.created, &intent.authorization, || None),
        }
    }
}

/// What a payer said of its payment, in the record that has it.
pub(super) fn metadata(record: &Record) -> Option<transaction::Metadata> {
    match &record.event {
        Event::IntentSubmitted { form: PaymentForm::CodeSubmitActions(signed), .. } => {
            SubmitActions::decode(signed.as_slice()).ok()?.metadata
        }
        _ => None,
    }
}

/// The id of the message that a record makes: derived, so that the same message has the same id on every read and after
/// every restart. 16 bytes with the bits of a UUID of version 8 (RFC 9562).
pub(super) fn message_id(intent: IntentId, position: Position) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("quittance 2026-11 code message id v1");
    hasher.update(&intent.0).update(&position.0.to_le_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id[6] = id[6] & 0x0f | 0x80;
    id[8] = id[8] & 0x3f | 0x80;
    id
}

fn request(
    intent: IntentId,
    position: Position,
    terms: &Terms,
    authorization: &Authorization,
) -> Option<Letter> {
    signed(intent, position, authorization, || {
        // In a currency the protocol has no word for there is nothing to relay.
        let currency: Currency = terms.currency.as_str().parse().ok()?;
        let fees = terms.fees.iter().map(|fee| Fee {
            destination: PublicKey(fee.destination.0),
            basis_points: u32::from(fee.basis_points.get()),
        });
        let fees: Vec<Fee> = fees.collect();
        let destination = PublicKey(terms.destination.0);
        let amount = terms.amount.hundredths();
        let request = payment_message(destination, currency, amount, &fees, None, PublicKey(intent.0));
        Some(Kind::RequestToReceiveBill(request))
    })
}

/// A message somebody signed. One that was asked for in another form than the protocol's is told in the protocol's words by
/// `kind`, without a signature, since none covers them.
fn signed(
    intent: IntentId,
    position: Position,
    authorization: &Authorization,
    kind: impl FnOnce() -> Option<Kind>,
) -> Option<Letter> {
    match authorization.form {
        SignedForm::Native => kind().map(|kind| unsigned(intent, position, kind)),
        // These are no messages, and no record that is told has them.
        SignedForm::CodeLogin | SignedForm::CodeSubmitActions | SignedForm::CodeOpenAccount => None,
        SignedForm::CodeMessage => {
            let id = message_id(intent, position);
            let mut bytes = delimited(1, &delimited(1, &id));
            bytes.extend(delimited(3, &delimited(1, &authorization.signature.0)));
            // Neither field is in here: a client that sets one is refused (protocol e.2).
            bytes.extend(&authorization.signed);
            Some(Letter { position, id, bytes })
        }
    }
}

fn unsigned(intent: IntentId, position: Position, kind: Kind) -> Letter {
    let id = message_id(intent, position);
    let message = messaging::Message {
        id: Some(messaging::MessageId { value: id.to_vec() }),
        send_message_request_signature: None,
        kind: Some(kind),
    };
    Letter { position, id, bytes: message.encode_to_vec() }
}

/// The engine's time in the protocol's words.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(at.0 / 1_000_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(at.0 % 1_000_000 * 1_000).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_core::event::{SignatureRule, Subject};
    use quittance_core::ids::{AccountId, CausationId, Revision, Signature};
    use quittance_core::metadata::Metadata;
    use quittance_core::money::NativeAmount;

    fn letter(event: Event) -> Option<messaging::Message> {
        let intent = IntentId([5; 32]);
        let subject = Subject { intent, revision: Revision(0), previous: Position::START };
        let record = Record {
            position: Position(9),
            recorded_at: Timestamp(1_700_000_000_000_005),
            causation: CausationId(1),
            subject: Some(subject),
            event,
        };
        let (to, letter) = Letter::of(&record)?;
        assert_eq!((to, letter.position, letter.id), (intent, Position(9), message_id(intent, Position(9))));
        let message = messaging::Message::decode(letter.bytes.as_slice()).expect("a message");
        assert_eq!(message.id.as_ref().map(|id| id.value.as_slice()), Some(&letter.id[..]));
        assert_eq!(message.send_message_request_signature, None, "no signature covers these words");
        Some(message)
    }

    #[test]
    fn a_page_follows_an_intent_that_came_in_through_the_engines_own_api() {
        let authorization = Authorization {
            form: SignedForm::Native,
            rule: SignatureRule::Ed25519VerifyStrict,
            signed: b"quittance.terms".to_vec(),
            signature: Signature([1; 64]),
        };
        let created = |currency: &str| Event::IntentCreated {
            terms: Box::new(Terms {
                destination: AccountId([6; 32]),
                currency: currency.parse().expect("a currency"),
                amount: NativeAmount::from_hundredths(25).expect("an amount"),
                fees: Vec::new(),
                expires_at: None,
                metadata: Metadata::default(),
                site: None,
            }),
            authorization: authorization.clone(),
            expires_at: Timestamp(1),
        };
        let canceled = |by| Event::IntentCanceled { by, authorization: authorization.clone() };
        let kind = |event| letter(event).and_then(|message| message.kind);
        assert!(matches!(kind(created("usd")), Some(Kind::RequestToReceiveBill(_))));
        assert_eq!(kind(created("xyz")), None, "the protocol has no such currency");
        let scanned = Event::CodeScanned { authorization: authorization.clone() };
        let timestamp = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5_000 });
        assert_eq!(kind(scanned), Some(Kind::CodeScanned(messaging::CodeScanned { timestamp })));
        let intent_id = Some(PublicKey([5; 32]).into());
        let rejected = messaging::ClientRejectedPayment { intent_id };
        assert_eq!(kind(canceled(CanceledBy::Payer)), Some(Kind::ClientRejectedPayment(rejected)));
        assert_eq!(kind(canceled(CanceledBy::Merchant)), None);
        assert_eq!(kind(Event::IntentConfirmed), None);
    }

    #[test]
    fn every_message_has_an_id_of_its_own() {
        let ids =
            [(1, 1), (1, 2), (2, 1)].map(|(intent, at)| message_id(IntentId([intent; 32]), Position(at)));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2]);
        // Frozen: what a client has acknowledged must have the same name in the next version.
        let frozen = [87, 105, 163, 119, 196, 128, 131, 254, 175, 187, 162, 43, 66, 185, 197, 247];
        assert_eq!(ids[0], frozen);
    }
}
