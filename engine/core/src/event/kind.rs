use super::Event;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $label:literal;)*) => {
        /// An event by name alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is the event of the same name")]
        pub enum EventKind { $($kind,)* }

        impl EventKind {
            /// Every kind of event.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name on the wire, such as `payment_intent.confirmed`. Frozen.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What it says, in a few words for people.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$kind => $label,)* }
            }
        }

        impl Event {
            /// Which kind of event it is.
            #[must_use]
            pub fn kind(&self) -> EventKind {
                match self { $(Self::$kind { .. } => EventKind::$kind,)* }
            }

            /// The name on the wire, such as `payment_intent.confirmed`.
            #[must_use]
            pub fn name(&self) -> &'static str {
                self.kind().name()
            }
        }
    };
}

kinds! {
    NodeInitialized = "node.initialized", "the log begins";
    PolicySet = "node.policy_set", "another policy is in force";
    RatesPublished = "rates.published", "exchange rates came in";
    FundsDeposited = "account.deposited", "quarks came in";
    WithdrawalScheduled = "account.withdrawal_scheduled", "a withdrawal is ordered, quarks set aside";
    WithdrawalConfirmed = "account.withdrawal_confirmed", "a withdrawal is final";
    WithdrawalFailed = "account.withdrawal_failed", "a withdrawal failed for good, quarks released";
    IntentCreated = "payment_intent.created", "the merchant asks for a payment";
    CodeScanned = "payment_intent.code_scanned", "code scanned";
    IntentCanceled = "payment_intent.canceled", "payer declines or merchant withdraws";
    IntentExpired = "payment_intent.expired", "the deadline passes";
    IntentSubmitted = "payment_intent.submitted", "a payer signs a payment";
    SubmissionRefused = "payment_intent.submission_refused", "a rule refuses it, on record";
    IntentRejected = "payment_intent.rejected", "no payment can pass the rules";
    IntentVerified = "payment_intent.verified", "the rules pass, quarks set aside";
    IntentScheduled = "payment_intent.scheduled", "transactions ordered";
    AttemptSent = "settlement.attempt_sent", "an attempt is sent";
    AttemptIndeterminate = "settlement.attempt_indeterminate", "the rail does not say";
    AttemptFailed = "settlement.attempt_failed", "an attempt fails, another may follow";
    TransactionSettled = "payment_intent.transaction_settled", "a transaction is final";
    TransactionFailed = "payment_intent.transaction_failed", "a transaction fails for good";
    SettlementContradicted = "settlement.contradicted", "the rail contradicts itself, on record";
    IntentConfirmed = "payment_intent.confirmed", "every transaction is final";
    IntentFailed = "payment_intent.failed", "a transaction failed for good, quarks released";
    LateSubmissionRefused = "payment_intent.late_submission_refused", "a payment comes too late, on record";
    RefundScheduled = "payment_intent.refund_scheduled", "a refund is ordered, quarks set aside";
    RefundConfirmed = "payment_intent.refund_confirmed", "a refund is final";
    RefundFailed = "payment_intent.refund_failed", "a refund failed for good, quarks released";
    LoginRequested = "payment_intent.login_requested", "a site asks who somebody is";
    LoggedIn = "payment_intent.logged_in", "a payer logs in";
    WebhookRegistered = "webhook.registered", "somebody wants to be told";
    WebhookDelivered = "webhook.delivered", "the webhook is delivered";
    WebhookAttemptFailed = "webhook.attempt_failed", "an attempt at the webhook fails";
    WebhookRedeliveryOrdered = "webhook.redelivery_ordered", "the webhook is to be delivered again";
    RelationshipEstablished = "account.relationship_established", "an owner has an account for a site";
}
