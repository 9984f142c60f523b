//! Signature checks: pure, and before anything is decided.

use alloc::boxed::Box;
use alloc::vec::Vec;

use ed25519_dalek::{Signature as DalekSignature, VerifyingKey};

use crate::command::{
    Cancel, Command, Create, DeliveryReport, EstablishRelationship, Login, MarkScanned, Report, Request,
    RequestLogin, SignedRefund, SignedWithdrawal, Submit, Unproven,
};
use crate::event::{Authorization, CanceledBy, Event, PaymentForm, Record, SignatureRule, SignedForm};
use crate::ids::{AccountId, IntentId, Signature};
use crate::payment::Payment;
use crate::rejection::{Rejection, RejectionCode};
use crate::site::Domain;

/// The longest bytes a signature may cover. The protocol's largest request is under 600 bytes.
pub const MAX_SIGNED_BYTES: usize = 4096;

/// The most byte strings that one signature is tried against: as received, and two canonical orders (protocol e.1).
pub const MAX_CANDIDATES: usize = 3;

/// Proof that a value's signatures verified. Only [`Request::verify`] makes one, and [`crate::decide`] demands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// What was verified.
    pub fn get(&self) -> &T {
        &self.0
    }
}

impl Request {
    /// Checks every signature in the request.
    ///
    /// # Errors
    /// [`RejectionCode::SignatureInvalid`] and the other codes below 20.
    ///
    /// # Determinism
    /// A pure function of the request: no clock, no state, no neighbours (a batch check has verdicts that depend on them).
    pub fn verify(self) -> Result<Command, Rejection> {
        Ok(match self {
            Self::Create { intent, terms, signed } => {
                let authorization = prove(RENDEZVOUS, intent.0, SignedForm::CodeMessage, signed, || {
                    terms.signing_bytes(intent)
                })?;
                Command::Create(Verified(Create { intent, terms, authorization }))
            }
            Self::MarkScanned { intent, signed, expected } => {
                let authorization = prove(RENDEZVOUS, intent.0, SignedForm::CodeMessage, signed, || {
                    scan_signing_bytes(intent)
                })?;
                Command::MarkScanned(Verified(MarkScanned { intent, authorization, expected }))
            }
            Self::Cancel { intent, by, signed, expected } => {
                let authorization = prove(RENDEZVOUS, intent.0, SignedForm::CodeMessage, signed, || {
                    cancel_signing_bytes(intent, by)
                })?;
                Command::Cancel(Verified(Cancel { intent, by, authorization, expected }))
            }
            Self::Submit { intent, payer, payload, form, signature, expected } => {
                let (payment, form) = verify_submission(intent, payer, &payload, form, &signature)?;
                Command::Submit(Verified(Submit { payment, form, signature, expected }))
            }
            Self::Refund { refund, signature, expected } => {
                if !is_signed_by(&refund.merchant.0, &refund.signing_bytes(), &signature) {
                    return Err(invalid("a signature by the merchant's key over the refund", signature));
                }
                Command::Refund(Verified(SignedRefund { refund, signature, expected }))
            }
            Self::Withdraw { withdrawal, signature } => {
                let signed = withdrawal.signing_bytes();
                if signed.len() > MAX_SIGNED_BYTES {
                    return Err(too_long("withdrawal", signed.len()));
                }
                if !is_signed_by(&withdrawal.account.0, &signed, &signature) {
                    return Err(invalid("a signature by the account's key over the withdrawal", signature));
                }
                Command::Withdraw(Verified(SignedWithdrawal { withdrawal, signature }))
            }
            Self::RequestLogin { intent, login, signed } => {
                let authorization = prove(RENDEZVOUS, intent.0, SignedForm::CodeMessage, signed, || {
                    login.signing_bytes(intent)
                })?;
                Command::RequestLogin(Verified(RequestLogin { intent, login, authorization }))
            }
            Self::Login { intent, user, signed } => {
                let authorization = prove("the user's key", user.0, SignedForm::CodeLogin, signed, || {
                    login_signing_bytes(intent, user)
                })?;
                Command::Login(Verified(Login { intent, user, authorization }))
            }
            Self::EstablishRelationship { owner, domain, authority, signed, consent } => {
                let native = || relationship_signing_bytes(owner, &domain, authority);
                let authorization =
                    prove("the owner's key", owner.0, SignedForm::CodeSubmitActions, signed, native)?;
                let native = || relationship_signing_bytes(owner, &domain, authority);
                let consent =
                    prove("the account's key", authority.0, SignedForm::CodeOpenAccount, consent, native)?;
                let relationship = EstablishRelationship { owner, domain, authority, authorization, consent };
                Command::EstablishRelationship(Verified(relationship))
            }
            Self::RegisterWebhook { intent, url } => Command::RegisterWebhook { intent, url },
            Self::ReportDelivery { intent, ordered, attempt, outcome, latency } => {
                Command::ReportDelivery(DeliveryReport { intent, ordered, attempt, outcome, latency })
            }
            Self::Redeliver { intent } => Command::Redeliver { intent },
            Self::GiveUpDelivery { intent, ordered, reason } => {
                Command::GiveUpDelivery { intent, ordered, reason }
            }
            Self::Initialize { node, policy } => Command::Initialize { node, policy },
            Self::SetPolicy { policy } => Command::SetPolicy { policy },
            Self::PublishRates { source, rates } => Command::PublishRates { source, rates },
            Self::Deposit { key, account, quarks } => Command::Deposit { key, account, quarks },
            Self::ReportSettlement { intent, transaction, attempt, outcome, expected } => {
                Command::ReportSettlement(Report { intent, transaction, attempt, outcome, expected })
            }
            Self::ReportWithdrawal { transaction, attempt, outcome } => {
                Command::ReportWithdrawal { transaction, attempt, outcome }
            }
        })
    }
}

/// Whether `signature` is the key's over `message`, by the one rule that counts here.
#[must_use]
pub fn is_signed_by(key: &[u8; 32], message: &[u8], signature: &Signature) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &DalekSignature::from_bytes(&signature.0)).is_ok())
}

/// A signature that a record carries, with what it covers: all that is needed to check it again, on any thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    key: [u8; 32],
    message: Vec<u8>,
    signature: Signature,
    /// Whether the message says what the record does, as far as the engine can read it.
    agrees: bool,
    /// The record's second signature, where it has two.
    also: Option<Box<Signed>>,
}

impl Signed {
    /// Whether it is the key's signature over what the record says.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.agrees
            && is_signed_by(&self.key, &self.message, &self.signature)
            && self.also.as_ref().is_none_or(|also| also.is_valid())
    }
}

/// Checks again the signature that a record carries; `None` when it carries none.
#[must_use]
pub fn recheck(record: &Record) -> Option<bool> {
    signed(record).map(|signed| signed.is_valid())
}

/// The signature that a record carries, unchecked; `None` when it carries none. What a merchant signed in the engine's own
/// form is rebuilt from the record, so that terms and signature cannot be told apart.
#[must_use]
pub fn signed(record: &Record) -> Option<Signed> {
    let intent = record.subject.map(|subject| subject.intent);
    // Beside the engine's own form a record has the one that was made for it, and no other: what somebody signed elsewhere.
    let authorized_by = |key: [u8; 32], authorization: &Authorization, foreign, native: Option<Vec<u8>>| {
        let Authorization { form, signed, signature, .. } = authorization;
        let agrees = match form {
            SignedForm::Native => native.is_some_and(|native| *signed == native),
            form => *form == foreign,
        };
        Signed { key, message: signed.clone(), signature: *signature, agrees, also: None }
    };
    let authorized = |authorization: &Authorization, native: &dyn Fn(IntentId) -> Vec<u8>| {
        let key = intent.map_or([0; 32], |intent| intent.0);
        let signed = authorized_by(key, authorization, SignedForm::CodeMessage, intent.map(native));
        Signed { agrees: signed.agrees && intent.is_some(), ..signed }
    };
    let by = |account: AccountId, message: Vec<u8>, signature: &Signature| Signed {
        key: account.0,
        message,
        signature: *signature,
        agrees: true,
        also: None,
    };
    match &record.event {
        Event::IntentCreated { terms, authorization, .. } => {
            Some(authorized(authorization, &|intent| terms.signing_bytes(intent)))
        }
        Event::CodeScanned { authorization } => Some(authorized(authorization, &scan_signing_bytes)),
        Event::IntentCanceled { by, authorization } => {
            Some(authorized(authorization, &|intent| cancel_signing_bytes(intent, *by)))
        }
        Event::IntentSubmitted { payment, form, signature, .. }
        | Event::LateSubmissionRefused { payment, form, signature, .. } => {
            Some(by(payment.payer, form.signed(&payment.to_bytes()).to_vec(), signature))
        }
        Event::LoginRequested { login, authorization, .. } => {
            Some(authorized(authorization, &|intent| login.signing_bytes(intent)))
        }
        Event::LoggedIn { user, authorization } => {
            let native = intent.map(|intent| login_signing_bytes(intent, *user));
            Some(authorized_by(user.0, authorization, SignedForm::CodeLogin, native))
        }
        Event::RelationshipEstablished { owner, domain, authority, authorization, consent } => {
            let native = relationship_signing_bytes(*owner, domain, *authority);
            let also = authorized_by(authority.0, consent, SignedForm::CodeOpenAccount, Some(native.clone()));
            let signed = authorized_by(owner.0, authorization, SignedForm::CodeSubmitActions, Some(native));
            Some(Signed { also: Some(Box::new(also)), ..signed })
        }
        Event::RefundScheduled { refund, signature, .. } => {
            Some(by(refund.merchant, refund.signing_bytes(), signature))
        }
        Event::WithdrawalScheduled { withdrawal, signature, .. } => {
            Some(by(withdrawal.account, withdrawal.signing_bytes(), signature))
        }
        Event::NodeInitialized { .. }
        | Event::PolicySet { .. }
        | Event::RatesPublished { .. }
        | Event::FundsDeposited { .. }
        | Event::WithdrawalConfirmed { .. }
        | Event::WithdrawalFailed { .. }
        | Event::IntentExpired
        | Event::SubmissionRefused { .. }
        | Event::IntentRejected { .. }
        | Event::IntentVerified { .. }
        | Event::IntentScheduled { .. }
        | Event::AttemptSent { .. }
        | Event::AttemptIndeterminate { .. }
        | Event::AttemptFailed { .. }
        | Event::TransactionSettled { .. }
        | Event::TransactionFailed { .. }
        | Event::SettlementContradicted { .. }
        | Event::IntentConfirmed
        | Event::IntentFailed { .. }
        | Event::RefundConfirmed { .. }
        | Event::RefundFailed { .. }
        | Event::WebhookRegistered { .. }
        | Event::WebhookDelivered { .. }
        | Event::WebhookAttemptFailed { .. }
        | Event::WebhookRedeliveryOrdered => None,
    }
}

/// What the rendezvous key signs to say "the code was seen", outside the official protocol.
#[must_use]
pub fn scan_signing_bytes(intent: IntentId) -> Vec<u8> {
    [b"quittance.scan\x01".as_slice(), &intent.0].concat()
}

/// What the rendezvous key signs to call an intent off, outside the official protocol.
#[must_use]
pub fn cancel_signing_bytes(intent: IntentId, by: CanceledBy) -> Vec<u8> {
    [b"quittance.cancel\x01".as_slice(), &intent.0, &[by as u8]].concat()
}

/// What the account a site knows somebody by signs to log in, outside the official protocol.
#[must_use]
pub fn login_signing_bytes(intent: IntentId, user: AccountId) -> Vec<u8> {
    [b"quittance.logged_in\x01".as_slice(), &intent.0, &user.0].concat()
}

/// What an owner and the account sign that one site is to know the owner by, outside the official protocol.
#[must_use]
pub fn relationship_signing_bytes(owner: AccountId, domain: &Domain, authority: AccountId) -> Vec<u8> {
    let parts = [b"quittance.relationship\x01".as_slice(), &owner.0, &authority.0];
    [parts.concat().as_slice(), domain.as_str().as_bytes()].concat()
}

const RENDEZVOUS: &str = "the rendezvous key";

fn prove(
    whose: &str,
    key: [u8; 32],
    foreign: SignedForm,
    unproven: Unproven,
    native: impl FnOnce() -> Vec<u8>,
) -> Result<Authorization, Rejection> {
    let Unproven { form, candidates, signature } = unproven;
    let candidates = match form {
        SignedForm::Native => alloc::vec![native()],
        // Words of another kind, signed for another end, are no wish for this.
        form if form == foreign => candidates,
        _ => {
            return Err(invalid(
                &alloc::format!("a signature by {whose} in a form that says this"),
                signature,
            ));
        }
    };
    for signed in candidates.into_iter().take(MAX_CANDIDATES) {
        if signed.len() > MAX_SIGNED_BYTES {
            return Err(too_long("message", signed.len()));
        }
        if is_signed_by(&key, &signed, &signature) {
            return Ok(Authorization { form, rule: SignatureRule::Ed25519VerifyStrict, signed, signature });
        }
    }
    Err(invalid(&alloc::format!("a signature by {whose}"), signature))
}

fn verify_submission(
    intent: IntentId,
    payer: AccountId,
    payload: &[u8],
    form: PaymentForm,
    signature: &Signature,
) -> Result<(Payment, PaymentForm), Rejection> {
    let payment = Payment::from_bytes(payload).map_err(|malformed| {
        let field = alloc::format!("payload.{}", malformed.field);
        let got = alloc::format!("a payload of {} bytes", payload.len());
        Rejection::new(RejectionCode::PayloadMalformed, field, malformed.expected, got)
    })?;
    if payment.intent != intent {
        let code = RejectionCode::PayloadIntentMismatch;
        return Err(Rejection::new(code, "payload.intent", alloc::format!("{intent}"), payment.intent));
    }
    if payment.payer != payer {
        let code = RejectionCode::PayloadPayerMismatch;
        return Err(Rejection::new(code, "payload.payer", alloc::format!("{payer}"), payment.payer));
    }
    let signed = form.signed(payload);
    if signed.len() > MAX_SIGNED_BYTES {
        return Err(too_long("message", signed.len()));
    }
    if !is_signed_by(&payer.0, signed, signature) {
        return Err(invalid("a signature by the payer's key over the payload", *signature));
    }
    Ok((payment, form))
}

fn too_long(field: &str, got: usize) -> Rejection {
    let expected = ("at most", alloc::format!("{MAX_SIGNED_BYTES} bytes"));
    Rejection::new(RejectionCode::SignedBytesTooLong, field, expected, got)
}

fn invalid(expected: &str, signature: Signature) -> Rejection {
    Rejection::new(RejectionCode::SignatureInvalid, "signature", expected, signature)
}
