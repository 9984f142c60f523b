use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use bincode::{BorrowDecode, Encode};

use crate::currency::{Currency, Rate};
use crate::event::{AttemptState, Authorization, CanceledBy, SignatureRule, SignedForm, Transaction};
use crate::ids::{
    AccountId, AttemptNumber, IdempotencyKey, IntentId, NodeId, Signature, Timestamp, TransactionId,
};
use crate::metadata::Metadata;
use crate::money::{BasisPoints, NativeAmount, Quarks};
use crate::policy::{Limits, Policy};
use crate::record::DecodeError;
use crate::refund::Refund;
use crate::rejection::{Rejection, RejectionCode};
use crate::terms::{Fee, Terms};
use crate::withdrawal::Withdrawal;

#[derive(Encode, BorrowDecode)]
pub(crate) struct PolicyV2 {
    pub(crate) service_fee_hundredths: u64,
    pub(crate) fee_account: [u8; 32],
    pub(crate) fee_cap: u16,
    pub(crate) intent_lifetime_us: u64,
    pub(crate) max_intent_lifetime_us: u64,
    pub(crate) quote_lifetime_us: u64,
    pub(crate) rate_window_us: u64,
    pub(crate) max_payment: u64,
    pub(crate) max_refusals: u8,
    /// Zero stands for "none" here and in the limits, which is why none of them can be zero.
    pub(crate) rate_tolerance: u16,
    pub(crate) payer_limits: (u64, u32),
    pub(crate) merchant_limits: (u64, u32),
    pub(crate) max_attempts: u16,
    pub(crate) max_refunds: u8,
    pub(crate) min_withdrawal: u64,
    pub(crate) withdrawal_limits: (u64, u32),
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct TermsV2 {
    pub(crate) destination: [u8; 32],
    pub(crate) currency: [u8; 3],
    pub(crate) hundredths: u64,
    pub(crate) fees: Vec<([u8; 32], u16)>,
    pub(crate) expires_at: Option<u64>,
    pub(crate) metadata: Vec<(String, String)>,
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct AuthorizationV2<'a> {
    pub(crate) form: u8,
    pub(crate) rule: u8,
    pub(crate) signed: Cow<'a, [u8]>,
    pub(crate) signature: [u8; 64],
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct RejectionV2<'a> {
    pub(crate) code: u16,
    pub(crate) field: Cow<'a, str>,
    pub(crate) expected: Cow<'a, str>,
    pub(crate) got: Cow<'a, str>,
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct TransactionV2 {
    pub(crate) id: [u8; 32],
    pub(crate) first_transfer: u8,
    pub(crate) transfers: u8,
}

pub(crate) fn rate((code, mantissa, scale): ([u8; 3], u64, u8)) -> Result<(Currency, Rate), DecodeError> {
    let currency = Currency::new(code).ok_or(DecodeError::OutOfRange { field: "rates.currency" })?;
    // Another spelling of the same rate would make two logs of one history.
    let rate = Rate::new(mantissa, scale)
        .filter(|rate| (rate.mantissa(), rate.scale()) == (mantissa, scale))
        .ok_or(DecodeError::OutOfRange { field: "rates.rate" })?;
    Ok((currency, rate))
}

pub(crate) fn signature_rule(rule: u8) -> Result<SignatureRule, DecodeError> {
    match rule {
        1 => Ok(SignatureRule::Ed25519VerifyStrict),
        _ => Err(DecodeError::OutOfRange { field: "rule" }),
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl From<&Policy> for PolicyV2 {
    fn from(policy: &Policy) -> Self {
        Self {
            service_fee_hundredths: policy.service_fee.map_or(0, NativeAmount::hundredths),
            fee_account: policy.fee_account.0,
            fee_cap: policy.fee_cap.get(),
            intent_lifetime_us: micros(policy.intent_lifetime),
            max_intent_lifetime_us: micros(policy.max_intent_lifetime),
            quote_lifetime_us: micros(policy.quote_lifetime),
            rate_window_us: micros(policy.rate_window),
            max_payment: policy.max_payment.get(),
            max_refusals: policy.max_refusals,
            rate_tolerance: policy.rate_tolerance.map_or(0, BasisPoints::get),
            payer_limits: limits(policy.payer_limits),
            merchant_limits: limits(policy.merchant_limits),
            max_attempts: policy.max_attempts,
            max_refunds: policy.max_refunds,
            min_withdrawal: policy.min_withdrawal.get(),
            withdrawal_limits: limits(policy.withdrawal_limits),
        }
    }
}

impl PolicyV2 {
    pub(crate) fn into_policy(self) -> Result<Policy, DecodeError> {
        let service_fee = match self.service_fee_hundredths {
            0 => None,
            some => Some(
                NativeAmount::from_hundredths(some)
                    .ok_or(DecodeError::OutOfRange { field: "policy.service_fee" })?,
            ),
        };
        Ok(Policy {
            service_fee,
            fee_account: AccountId(self.fee_account),
            fee_cap: basis_points(self.fee_cap)?,
            intent_lifetime: Duration::from_micros(self.intent_lifetime_us),
            max_intent_lifetime: Duration::from_micros(self.max_intent_lifetime_us),
            quote_lifetime: Duration::from_micros(self.quote_lifetime_us),
            rate_window: Duration::from_micros(self.rate_window_us),
            max_payment: Quarks::new(self.max_payment),
            max_refusals: self.max_refusals,
            rate_tolerance: match self.rate_tolerance {
                0 => None,
                some => Some(basis_points(some)?),
            },
            payer_limits: into_limits(self.payer_limits),
            merchant_limits: into_limits(self.merchant_limits),
            max_attempts: self.max_attempts,
            max_refunds: self.max_refunds,
            min_withdrawal: Quarks::new(self.min_withdrawal),
            withdrawal_limits: into_limits(self.withdrawal_limits),
        })
    }
}

fn limits(limits: Limits) -> (u64, u32) {
    (limits.per_day.map_or(0, Quarks::get), limits.per_five_minutes.unwrap_or(0))
}

fn into_limits((per_day, per_five_minutes): (u64, u32)) -> Limits {
    Limits {
        per_day: (per_day > 0).then_some(Quarks::new(per_day)),
        per_five_minutes: (per_five_minutes > 0).then_some(per_five_minutes),
    }
}

fn basis_points(bps: u16) -> Result<BasisPoints, DecodeError> {
    BasisPoints::new(u32::from(bps)).ok_or(DecodeError::OutOfRange { field: "basis_points" })
}

impl From<&Terms> for TermsV2 {
    fn from(terms: &Terms) -> Self {
        Self {
            destination: terms.destination.0,
            currency: terms.currency.code(),
            hundredths: terms.amount.hundredths(),
            fees: terms.fees.iter().map(|fee| (fee.destination.0, fee.basis_points.get())).collect(),
            expires_at: terms.expires_at.map(|at| at.0),
            metadata: terms.metadata.iter().map(|(key, value)| (key.into(), value.into())).collect(),
        }
    }
}

impl TermsV2 {
    pub(crate) fn into_terms(self) -> Result<Terms, DecodeError> {
        let fee = |(destination, bps): ([u8; 32], u16)| {
            Ok(Fee { destination: AccountId(destination), basis_points: basis_points(bps)? })
        };
        // Another order would make two logs of one history.
        if !self.metadata.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::OutOfRange { field: "metadata" });
        }
        Ok(Terms {
            destination: AccountId(self.destination),
            currency: Currency::new(self.currency).ok_or(DecodeError::OutOfRange { field: "currency" })?,
            amount: NativeAmount::from_hundredths(self.hundredths)
                .ok_or(DecodeError::OutOfRange { field: "amount" })?,
            fees: self.fees.into_iter().map(fee).collect::<Result<_, _>>()?,
            expires_at: self.expires_at.map(Timestamp),
            metadata: Metadata::new(self.metadata)
                .map_err(|_| DecodeError::OutOfRange { field: "metadata" })?,
            site: None,
        })
    }
}

impl<'a> From<&'a Authorization> for AuthorizationV2<'a> {
    fn from(authorization: &'a Authorization) -> Self {
        Self {
            form: authorization.form as u8,
            rule: authorization.rule as u8,
            signed: Cow::Borrowed(&authorization.signed),
            signature: authorization.signature.0,
        }
    }
}

impl AuthorizationV2<'_> {
    pub(crate) fn into_authorization(self) -> Result<Authorization, DecodeError> {
        Ok(Authorization {
            form: SignedForm::ALL
                .into_iter()
                .find(|known| *known as u8 == self.form)
                .ok_or(DecodeError::OutOfRange { field: "form" })?,
            rule: signature_rule(self.rule)?,
            signed: self.signed.into_owned(),
            signature: Signature(self.signature),
        })
    }
}

impl<'a> From<&'a Rejection> for RejectionV2<'a> {
    fn from(rejection: &'a Rejection) -> Self {
        Self {
            code: rejection.code.number(),
            field: Cow::Borrowed(&rejection.field),
            expected: Cow::Borrowed(&rejection.expected),
            got: Cow::Borrowed(&rejection.got),
        }
    }
}

impl RejectionV2<'_> {
    pub(crate) fn into_rejection(self) -> Result<Rejection, DecodeError> {
        let code = RejectionCode::from_number(self.code)
            .ok_or(DecodeError::OutOfRange { field: "rejection.code" })?;
        let owned = |text: Cow<'_, str>| -> String { text.into_owned() };
        Ok(Rejection { code, field: owned(self.field), expected: owned(self.expected), got: owned(self.got) })
    }
}

impl From<&Transaction> for TransactionV2 {
    fn from(transaction: &Transaction) -> Self {
        let Transaction { id, first_transfer, transfers } = *transaction;
        Self { id: id.0, first_transfer, transfers }
    }
}

impl From<TransactionV2> for Transaction {
    fn from(TransactionV2 { id, first_transfer, transfers }: TransactionV2) -> Self {
        Self { id: TransactionId(id), first_transfer, transfers }
    }
}

/// An attempt at a transaction.
#[derive(Encode, BorrowDecode)]
pub(crate) struct AttemptV2 {
    pub(crate) transaction: [u8; 32],
    pub(crate) number: u16,
}

impl AttemptV2 {
    pub(super) fn of(transaction: TransactionId, attempt: AttemptNumber) -> Self {
        Self { transaction: transaction.0, number: attempt.0 }
    }

    pub(super) fn ids(&self) -> (TransactionId, AttemptNumber) {
        (TransactionId(self.transaction), AttemptNumber(self.number))
    }
}

pub(crate) fn attempt_state(state: u8) -> Result<AttemptState, DecodeError> {
    let known = AttemptState::ALL.into_iter().find(|known| *known as u8 == state);
    known.ok_or(DecodeError::OutOfRange { field: "attempt.state" })
}

pub(crate) fn canceled_by(by: u8) -> Result<CanceledBy, DecodeError> {
    let known = [CanceledBy::Payer, CanceledBy::Merchant].into_iter().find(|known| *known as u8 == by);
    known.ok_or(DecodeError::OutOfRange { field: "by" })
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct RefundV2 {
    node: [u8; 32],
    intent: [u8; 32],
    merchant: [u8; 32],
    key: [u8; 32],
    quarks: u64,
}

impl From<&Refund> for RefundV2 {
    fn from(Refund { node, intent, merchant, key, quarks }: &Refund) -> Self {
        Self { node: node.0, intent: intent.0, merchant: merchant.0, key: key.0, quarks: quarks.get() }
    }
}

impl From<RefundV2> for Refund {
    fn from(RefundV2 { node, intent, merchant, key, quarks }: RefundV2) -> Self {
        Self {
            node: NodeId(node),
            intent: IntentId(intent),
            merchant: AccountId(merchant),
            key: IdempotencyKey(key),
            quarks: Quarks::new(quarks),
        }
    }
}

#[derive(Encode, BorrowDecode)]
pub(crate) struct WithdrawalV2<'a> {
    node: [u8; 32],
    account: [u8; 32],
    key: [u8; 32],
    quarks: u64,
    to: Cow<'a, str>,
}

impl<'a> From<&'a Withdrawal> for WithdrawalV2<'a> {
    fn from(Withdrawal { node, account, key, quarks, to }: &'a Withdrawal) -> Self {
        Self { node: node.0, account: account.0, key: key.0, quarks: quarks.get(), to: to.into() }
    }
}

impl From<WithdrawalV2<'_>> for Withdrawal {
    fn from(WithdrawalV2 { node, account, key, quarks, to }: WithdrawalV2<'_>) -> Self {
        Self {
            node: NodeId(node),
            account: AccountId(account),
            key: IdempotencyKey(key),
            quarks: Quarks::new(quarks),
            to: to.into_owned(),
        }
    }
}
