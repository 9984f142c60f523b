//! The rules for what a payer's app submits.

use super::{REQUIRED, Rules, Validate, Violation};
use crate::proto::code::common::v1 as common;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::transaction::v2::action::Type as Act;
use crate::proto::code::transaction::v2::metadata::Type as Meaning;
use crate::proto::code::transaction::v2::submit_intent_request::{SubmitActions, SubmitSignatures};

/// The most actions of one intent, and the most signatures.
pub const MAX_ACTIONS: usize = 256;

const COUNT: &str = "value must contain between 1 and 256 items, inclusive";
const TRUE: &str = "value must equal true";

impl Validate for SubmitActions {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("SubmitIntentRequest_SubmitActions");
        rules.required("Id", self.id.as_ref())?;
        rules.required("Owner", self.owner.as_ref())?;
        rules.required("Metadata", self.metadata.as_ref())?;
        rules.ensure((1..=MAX_ACTIONS).contains(&self.actions.len()), "Actions", COUNT)?;
        rules.each("Actions", &self.actions)?;
        rules.required("Signature", self.signature.as_ref())
    }
}

impl Validate for SubmitSignatures {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("SubmitIntentRequest_SubmitSignatures");
        rules.ensure((1..=MAX_ACTIONS).contains(&self.signatures.len()), "Signatures", COUNT)?;
        rules.each("Signatures", &self.signatures)
    }
}

impl Validate for transaction::Metadata {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("Metadata");
        match &self.r#type {
            None => Err(Violation::new(rules.0, "Type", REQUIRED)),
            Some(Meaning::SendPublicPayment(kind)) => rules.optional("SendPublicPayment", Some(kind)),
            Some(Meaning::EstablishRelationship(kind)) => rules.optional("EstablishRelationship", Some(kind)),
            Some(Meaning::SendPrivatePayment(kind)) => rules.optional("SendPrivatePayment", Some(kind)),
            Some(Meaning::ReceivePaymentsPrivately(kind)) => {
                rules.optional("ReceivePaymentsPrivately", Some(kind))
            }
            Some(Meaning::ReceivePaymentsPublicly(kind)) => {
                rules.optional("ReceivePaymentsPublicly", Some(kind))
            }
            Some(
                Meaning::MigrateToPrivacy2022(_) | Meaning::OpenAccounts(_) | Meaning::UpgradePrivacy(_),
            ) => Ok(()),
        }
    }
}

impl Validate for transaction::SendPublicPaymentMetadata {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("SendPublicPaymentMetadata");
        rules.required("Destination", self.destination.as_ref())?;
        rules.required("ExchangeData", self.exchange_data.as_ref())?;
        rules.ensure(self.is_withdrawal, "IsWithdrawal", TRUE)?;
        rules.required("Source", self.source.as_ref())
    }
}

impl Validate for transaction::SendPrivatePaymentMetadata {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("SendPrivatePaymentMetadata");
        rules.required("Destination", self.destination.as_ref())?;
        rules.required("ExchangeData", self.exchange_data.as_ref())
    }
}

impl Validate for transaction::ReceivePaymentsPrivatelyMetadata {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("ReceivePaymentsPrivatelyMetadata");
        rules.required("Source", self.source.as_ref())?;
        rules.quarks("Quarks", self.quarks)
    }
}

impl Validate for transaction::ReceivePaymentsPubliclyMetadata {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("ReceivePaymentsPubliclyMetadata");
        rules.required("Source", self.source.as_ref())?;
        rules.quarks("Quarks", self.quarks)?;
        rules.ensure(self.is_remote_send, "IsRemoteSend", TRUE)?;
        rules.optional("ExchangeData", self.exchange_data.as_ref())
    }
}

impl Validate for transaction::EstablishRelationshipMetadata {
    fn validate(&self) -> Result<(), Violation> {
        Rules("EstablishRelationshipMetadata").required("Relationship", self.relationship.as_ref())
    }
}

impl Validate for common::Relationship {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("Relationship");
        match &self.r#type {
            None => Err(Violation::new(rules.0, "Type", REQUIRED)),
            Some(common::relationship::Type::Domain(domain)) => rules.optional("Domain", Some(domain)),
        }
    }
}

impl Validate for transaction::Action {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("Action");
        match &self.r#type {
            None => Err(Violation::new(rules.0, "Type", REQUIRED)),
            Some(Act::OpenAccount(act)) => rules.optional("OpenAccount", Some(act)),
            Some(Act::CloseEmptyAccount(act)) => rules.optional("CloseEmptyAccount", Some(act)),
            Some(Act::CloseDormantAccount(act)) => rules.optional("CloseDormantAccount", Some(act)),
            Some(Act::NoPrivacyTransfer(act)) => rules.optional("NoPrivacyTransfer", Some(act)),
            Some(Act::NoPrivacyWithdraw(act)) => rules.optional("NoPrivacyWithdraw", Some(act)),
            Some(Act::TemporaryPrivacyTransfer(act)) => rules.optional("TemporaryPrivacyTransfer", Some(act)),
            Some(Act::TemporaryPrivacyExchange(act)) => rules.optional("TemporaryPrivacyExchange", Some(act)),
            Some(Act::PermanentPrivacyUpgrade(_)) => Ok(()),
            Some(Act::FeePayment(act)) => rules.optional("FeePayment", Some(act)),
        }
    }
}

impl Validate for transaction::OpenAccountAction {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("OpenAccountAction");
        rules.account_type(self.account_type)?;
        rules.required("Owner", self.owner.as_ref())?;
        rules.required("Authority", self.authority.as_ref())?;
        rules.required("Token", self.token.as_ref())?;
        rules.required("AuthoritySignature", self.authority_signature.as_ref())
    }
}

impl Validate for transaction::CloseEmptyAccountAction {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("CloseEmptyAccountAction");
        rules.account_type(self.account_type)?;
        rules.required("Authority", self.authority.as_ref())?;
        rules.required("Token", self.token.as_ref())
    }
}

impl Validate for transaction::CloseDormantAccountAction {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("CloseDormantAccountAction");
        rules.account_type(self.account_type)?;
        rules.required("Authority", self.authority.as_ref())?;
        rules.required("Token", self.token.as_ref())?;
        rules.required("Destination", self.destination.as_ref())
    }
}

impl Validate for transaction::NoPrivacyWithdrawAction {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("NoPrivacyWithdrawAction");
        rules.required("Authority", self.authority.as_ref())?;
        rules.required("Source", self.source.as_ref())?;
        rules.required("Destination", self.destination.as_ref())?;
        rules.quarks("Amount", self.amount)?;
        rules.ensure(self.should_close, "ShouldClose", TRUE)
    }
}

impl Validate for transaction::FeePaymentAction {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("FeePaymentAction");
        rules.required("Authority", self.authority.as_ref())?;
        rules.required("Source", self.source.as_ref())?;
        rules.quarks("Amount", self.amount)?;
        let known = transaction::fee_payment_action::FeeType::try_from(self.r#type).is_ok();
        rules.ensure(known, "Type", "value must be one of the defined enum values")?;
        rules.optional("Destination", self.destination.as_ref())
    }
}

/// Actions that move quarks from one account to another.
macro_rules! transfers {
    ($($message:ty, $name:literal;)*) => {$(
        impl Validate for $message {
            fn validate(&self) -> Result<(), Violation> {
                let rules = Rules($name);
                rules.required("Authority", self.authority.as_ref())?;
                rules.required("Source", self.source.as_ref())?;
                rules.required("Destination", self.destination.as_ref())?;
                rules.quarks("Amount", self.amount)
            }
        }
    )*};
}

transfers! {
    transaction::NoPrivacyTransferAction, "NoPrivacyTransferAction";
    transaction::TemporaryPrivacyTransferAction, "TemporaryPrivacyTransferAction";
    transaction::TemporaryPrivacyExchangeAction, "TemporaryPrivacyExchangeAction";
}

impl Validate for transaction::GetLimitsRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("GetLimitsRequest");
        rules.required("Owner", self.owner.as_ref())?;
        rules.required("Signature", self.signature.as_ref())
    }
}

impl Validate for transaction::CanWithdrawToAccountRequest {
    fn validate(&self) -> Result<(), Violation> {
        Rules("CanWithdrawToAccountRequest").required("Account", self.account.as_ref())
    }
}

impl Rules {
    fn quarks(&self, field: &str, value: u64) -> Result<(), Violation> {
        self.ensure(value > 0, field, "value must be greater than 0")
    }

    fn account_type(&self, value: i32) -> Result<(), Violation> {
        let known =
            common::AccountType::try_from(value).is_ok_and(|kind| kind != common::AccountType::Unknown);
        self.ensure(known, "AccountType", "value must be one of the defined account types")
    }
}
