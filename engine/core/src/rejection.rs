//! Refusals by the rules: numbered, ordered by precedence, frozen.

use alloc::string::{String, ToString};
use core::fmt;

/// A refusal by the rules. Nothing went wrong: the request was understood and is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Which rule.
    pub code: RejectionCode,
    /// The field at fault, such as `fees[1].destination`; empty when it is the request as a whole.
    pub field: String,
    /// What the rule wants.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl Rejection {
    /// A refusal with its reasons.
    #[must_use]
    pub fn new(
        code: RejectionCode,
        field: impl Into<String>,
        expected: impl Reason,
        got: impl ToString,
    ) -> Self {
        Self { code, field: field.into(), expected: expected.reason(), got: got.to_string() }
    }
}

/// What a rule wants, as text: a value, or a bound and its value.
pub trait Reason {
    /// The text.
    fn reason(self) -> String;
}

impl Reason for &str {
    fn reason(self) -> String {
        self.into()
    }
}

impl Reason for String {
    fn reason(self) -> String {
        self
    }
}

impl<T: ToString> Reason for (&str, T) {
    fn reason(self) -> String {
        alloc::format!("{} {}", self.0, self.1.to_string())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.name())?;
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        if !self.expected.is_empty() {
            write!(f, ": expected {}", self.expected)?;
        }
        if !self.got.is_empty() {
            write!(f, ", got {}", self.got)?;
        }
        Ok(())
    }
}

impl core::error::Error for Rejection {}

/// Whether the same request can succeed later without anything about it changing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It can: more funds, another moment, a free queue.
    Transient,
    /// It cannot.
    Final,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $class:ident;)*) => {
        /// The rules, in the order they are applied: of two broken rules the one with the lower number is reported.
        ///
        /// Numbers and names are frozen and never reused; new rules take the gaps.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum RejectionCode { $($(#[$doc])* $variant = $number,)* }

        impl RejectionCode {
            /// Every rule, by number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The frozen number.
            #[must_use]
            pub fn number(self) -> u16 {
                self as u16
            }

            /// The rule with this number.
            #[must_use]
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The frozen name, `<thing>_<what_is_wrong>`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether trying the same again can help.
            #[must_use]
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)* }
            }
        }
    };
}

codes! {
    /// The signed bytes are longer than anything a client has reason to sign.
    SignedBytesTooLong = 11, "signed_bytes_too_long", Final;
    /// The signed payment is not in the one canonical encoding of its version.
    PayloadMalformed = 12, "payload_malformed", Final;
    /// The payment names another intent than the request does.
    PayloadIntentMismatch = 13, "payload_intent_mismatch", Final;
    /// The payment names another payer than the request does.
    PayloadPayerMismatch = 14, "payload_payer_mismatch", Final;
    /// The signature does not verify under ed25519 `verify_strict`. Last of these, since it costs most to find out.
    SignatureInvalid = 15, "signature_invalid", Final;

    /// The queue in front of the sequencer is full.
    NodeOverloaded = 20, "node_overloaded", Transient;
    /// The log has no first record yet.
    NodeNotInitialized = 21, "node_not_initialized", Transient;
    /// The log has a first record already.
    NodeAlreadyInitialized = 22, "node_already_initialized", Final;
    /// More requests at once than a batch may have.
    BatchTooLarge = 23, "batch_too_large", Final;

    /// No intent has this id.
    IntentNotFound = 30, "intent_not_found", Transient;
    /// The intent has moved on since the asker looked.
    RevisionMismatch = 31, "revision_mismatch", Final;
    /// Another payment was accepted for this intent.
    IntentAlreadySubmitted = 32, "intent_already_submitted", Final;
    /// The intent was canceled.
    IntentCanceled = 33, "intent_canceled", Final;
    /// The intent's deadline has passed.
    IntentExpired = 34, "intent_expired", Final;
    /// The intent was rejected for good.
    IntentRejected = 35, "intent_rejected", Final;
    /// The intent's settlement failed for good.
    IntentFailed = 36, "intent_failed", Final;
    /// The intent has no scheduled transactions.
    IntentNotScheduled = 37, "intent_not_scheduled", Transient;

    /// An intent with this id exists with other terms.
    TermsMismatch = 38, "terms_mismatch", Final;
    /// The intent's payment is not final yet, so there is nothing to give back.
    IntentNotConfirmed = 39, "intent_not_confirmed", Transient;

    /// More fees than an intent can carry.
    FeesTooMany = 50, "fees_too_many", Final;
    /// A fee goes to the destination itself.
    FeeIsForDestination = 51, "fee_is_for_destination", Final;
    /// Two fees go to the same account.
    FeeDestinationRepeated = 52, "fee_destination_repeated", Final;
    /// The fees add up to more than the node allows.
    FeesExceedLimit = 53, "fees_exceed_limit", Final;
    /// The intent would have expired before it was created.
    ExpiryInThePast = 54, "expiry_in_the_past", Final;
    /// The intent would stay open longer than the node allows.
    ExpiryTooFar = 55, "expiry_too_far", Transient;

    /// The intent asks who somebody is, and for no money.
    PaymentNotRequested = 69, "payment_not_requested", Final;
    /// The payment was signed for another sequencer.
    NodeMismatch = 70, "node_mismatch", Final;
    /// The payment differs from the intent's terms.
    PaymentTermsMismatch = 71, "payment_terms_mismatch", Final;
    /// The quote that the payment follows is no longer valid.
    QuoteExpired = 72, "quote_expired", Final;
    /// The quote claims to be valid for longer than the node gives.
    QuoteValidityTooLong = 73, "quote_validity_too_long", Transient;
    /// The node has no such exchange rate in the window that counts.
    RateNotKnown = 74, "rate_not_known", Transient;
    /// The amount is worth more, or less, than can be counted in quarks.
    AmountOutOfRange = 75, "amount_out_of_range", Final;
    /// Nothing would be left for the destination.
    AmountBelowFees = 76, "amount_below_fees", Final;
    /// The transfers are not the ones that the terms, the rate and the fees give.
    TransfersMismatch = 77, "transfers_mismatch", Final;
    /// The payer would pay itself.
    PayerIsDestination = 78, "payer_is_destination", Final;
    /// The intent is worth more than the node lets anybody pay at once. Ends the intent when every rate says so.
    AmountExceedsLimit = 79, "amount_exceeds_limit", Final;
    /// The payer's available funds do not cover the payment.
    FundsInsufficient = 80, "funds_insufficient", Transient;
    /// With this payment the payer would pay more than the node lets one payer pay in a day.
    PayerDailyAmountExceeded = 81, "payer_daily_amount_exceeded", Transient;
    /// The payer pays more often than the node lets one payer in five minutes.
    PayerPaymentsTooFrequent = 82, "payer_payments_too_frequent", Transient;
    /// With this payment the destination would be paid more than the node lets one destination be in a day.
    MerchantDailyAmountExceeded = 83, "merchant_daily_amount_exceeded", Transient;
    /// The destination is paid more often than the node lets one destination be in five minutes.
    MerchantPaymentsTooFrequent = 84, "merchant_payments_too_frequent", Transient;

    /// Nothing would move.
    QuarksMustNotBeZero = 90, "quarks_must_not_be_zero", Final;
    /// A deposit with this key exists with other content.
    DepositMismatch = 91, "deposit_mismatch", Final;
    /// What all accounts hold together would no longer fit.
    BalanceOutOfRange = 92, "balance_out_of_range", Final;

    /// The intent has no such transaction.
    TransactionNotFound = 100, "transaction_not_found", Transient;
    /// The rail reports the opposite of what it reported as final before.
    SettlementContradicts = 101, "settlement_contradicts", Final;
    /// The transaction is final, so no other attempt at it may be made.
    TransactionAlreadyFinal = 102, "transaction_already_final", Final;
    /// The attempt is not the one after the last.
    AttemptOutOfOrder = 103, "attempt_out_of_order", Transient;
    /// What was said before leaves open whether quarks have moved: another attempt could move them twice, a failure release
    /// what is gone.
    AttemptUnresolved = 104, "attempt_unresolved", Transient;
    /// More attempts than the node lets a rail make. Its next word has to be that the transaction failed for good.
    AttemptsTooMany = 105, "attempts_too_many", Final;

    /// A rate table without rates.
    RatesEmpty = 110, "rates_empty", Final;
    /// A rate for kin other than one.
    RateOfKinMustBeOne = 111, "rate_of_kin_must_be_one", Final;
    /// More rates, or a longer name of their source, than a table can hold.
    RatesTooMany = 112, "rates_too_many", Final;
    /// Another table now would push one out that a live quote may stand on.
    RatesTooFrequent = 113, "rates_too_frequent", Transient;

    /// A policy that the log could not hold exactly.
    PolicyOutOfRange = 120, "policy_out_of_range", Final;

    /// A refund with this key exists with other content.
    RefundMismatch = 130, "refund_mismatch", Final;
    /// The refund is not signed by the intent's destination.
    RefundSignerNotDestination = 131, "refund_signer_not_destination", Final;
    /// With this refund more would be given back than was paid. One of the others may still fail.
    RefundExceedsPayment = 132, "refund_exceeds_payment", Transient;
    /// The intent has as many refunds as the node keeps.
    RefundsTooMany = 133, "refunds_too_many", Final;
    /// The destination's available funds do not cover the refund.
    RefundFundsInsufficient = 134, "refund_funds_insufficient", Transient;

    /// A withdrawal with this key exists with other content.
    WithdrawalMismatch = 140, "withdrawal_mismatch", Final;
    /// The address the quarks go to is empty or longer than one can be.
    WithdrawalAddressOutOfRange = 141, "withdrawal_address_out_of_range", Final;
    /// Less than the node pays out at once.
    WithdrawalBelowMinimum = 142, "withdrawal_below_minimum", Final;
    /// The account's available funds do not cover the withdrawal.
    WithdrawalFundsInsufficient = 143, "withdrawal_funds_insufficient", Transient;
    /// No withdrawal has this transaction.
    WithdrawalNotFound = 144, "withdrawal_not_found", Transient;
    /// With this withdrawal the account would take out more than the node lets one account in a day.
    WithdrawalDailyAmountExceeded = 145, "withdrawal_daily_amount_exceeded", Transient;
    /// The account takes quarks out more often than the node lets one account in five minutes.
    WithdrawalsTooFrequent = 146, "withdrawals_too_frequent", Transient;

    /// The intent has another webhook already.
    WebhookMismatch = 150, "webhook_mismatch", Final;
    /// The webhook's URL is empty, too long, or has characters that none has.
    WebhookUrlOutOfRange = 151, "webhook_url_out_of_range", Final;
    /// The intent has no webhook, or nothing to tell it yet.
    WebhookNotArmed = 152, "webhook_not_armed", Transient;
    /// The attempt is not the one that is to be made.
    WebhookAttemptOutOfOrder = 153, "webhook_attempt_out_of_order", Final;

    /// The intent asks nobody to log in.
    LoginNotRequested = 160, "login_not_requested", Final;
    /// The intent asks for money; whoever pays it is logged in.
    LoginByPayment = 161, "login_by_payment", Final;
    /// The account is none that its owner is known to this site by.
    RelationshipNotFound = 162, "relationship_not_found", Transient;
    /// Another account has logged in.
    LoginMismatch = 163, "login_mismatch", Final;
    /// The owner has another account for this site, or the account belongs to another owner or site.
    RelationshipMismatch = 164, "relationship_mismatch", Final;
    /// The owner has never held anything on this node.
    RelationshipOwnerUnknown = 165, "relationship_owner_unknown", Transient;
    /// The owner is known to as many sites as one can be.
    RelationshipsTooMany = 166, "relationships_too_many", Final;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ordered_and_named_once_so_that_a_logged_refusal_keeps_its_meaning() {
        for pair in RejectionCode::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{pair:?} are out of order");
            assert_ne!(pair[0].name(), pair[1].name());
        }
        for code in RejectionCode::ALL {
            assert_eq!(RejectionCode::from_number(code.number()), Some(*code));
        }
    }
}
