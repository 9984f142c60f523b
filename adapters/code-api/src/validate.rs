//! The schema's rules for what a client sends, checked before any meaning is looked at (protocol d.9).

mod submit;

use core::fmt;

use crate::login_domain::is_host_name;
use crate::proto::code::account::v1 as account;
use crate::proto::code::common::v1 as common;
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::messaging::v1::message::Kind;
use crate::proto::code::messaging::v1::open_message_stream_with_keep_alive_request::RequestOrPong;
use crate::proto::code::messaging::v1::request_to_receive_bill::ExchangeData;
use crate::proto::code::micropayment::v1 as micropayment;
use crate::proto::code::transaction::v2 as transaction;
use crate::proto::code::user::v1 as user;

pub use submit::MAX_ACTIONS;

/// A message with rules.
pub trait Validate {
    /// Checks the message and everything in it, in the order of its fields.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    fn validate(&self) -> Result<(), Violation>;
}

/// A broken rule: `invalid <Message>.<Field>: <rule>`, followed by what is wrong inside when the field is a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    message: &'static str,
    field: String,
    rule: String,
    cause: Option<Box<Violation>>,
}

impl Violation {
    fn new(message: &'static str, field: &str, rule: impl Into<String>) -> Self {
        Self { message, field: field.to_owned(), rule: rule.into(), cause: None }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}.{}: {}", self.message, self.field, self.rule)?;
        match &self.cause {
            Some(cause) => write!(f, " | caused by: {cause}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Violation {}

const REQUIRED: &str = "value is required";

/// The checks of one message, under its name.
struct Rules(&'static str);

impl Rules {
    fn ensure(&self, holds: bool, field: &str, rule: &str) -> Result<(), Violation> {
        if holds { Ok(()) } else { Err(Violation::new(self.0, field, rule)) }
    }

    fn required<M: Validate>(&self, field: &str, value: Option<&M>) -> Result<(), Violation> {
        self.ensure(value.is_some(), field, REQUIRED)?;
        self.optional(field, value)
    }

    fn optional<M: Validate>(&self, field: &str, value: Option<&M>) -> Result<(), Violation> {
        value.map_or(Ok(()), Validate::validate).map_err(|cause| Violation {
            message: self.0,
            field: field.to_owned(),
            rule: "embedded message failed validation".to_owned(),
            cause: Some(Box::new(cause)),
        })
    }

    fn each<M: Validate>(&self, field: &str, values: &[M]) -> Result<(), Violation> {
        values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| self.optional(&format!("{field}[{index}]"), Some(value)))
    }

    fn currency(&self, value: &str) -> Result<(), Violation> {
        let fits = value.len() == 3 && value.bytes().all(|byte| byte.is_ascii_lowercase());
        self.ensure(fits, "Currency", "value does not match regex pattern \"^[a-z]{3}$\"")
    }

    /// NaN is not above zero either.
    fn above_zero(&self, field: &str, value: f64) -> Result<(), Violation> {
        self.ensure(value > 0.0, field, "value must be greater than 0")
    }

    fn url(&self, field: &str, value: &str, max: usize) -> Result<(), Violation> {
        let fits = (1..=max).contains(&value.chars().count());
        self.ensure(fits, field, &format!("value length must be between 1 and {max} runes, inclusive"))?;
        self.ensure(value.starts_with("http"), field, "value does not have prefix \"http\"")?;
        let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
        let absolute = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let clean = !value.chars().any(|c| c.is_control() || c.is_whitespace());
        self.ensure(absolute && clean, field, "value must be a valid URI")
    }
}

/// Messages that hold nothing but bytes of one length.
macro_rules! fixed_length {
    ($($message:ty, $name:literal, $len:literal;)*) => {$(
        impl Validate for $message {
            fn validate(&self) -> Result<(), Violation> {
                let rule = concat!("value length must be ", $len, " bytes");
                Rules($name).ensure(self.value.len() == $len, "Value", rule)
            }
        }
    )*};
}

fixed_length! {
    common::SolanaAccountId, "SolanaAccountId", 32;
    common::IntentId, "IntentId", 32;
    common::Signature, "Signature", 64;
    messaging::RendezvousKey, "RendezvousKey", 32;
    messaging::MessageId, "MessageId", 16;
}

impl Validate for common::Domain {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("Domain");
        let fits = (1..=253).contains(&self.value.chars().count());
        rules.ensure(fits, "Value", "value length must be between 1 and 253 runes, inclusive")?;
        rules.ensure(is_host_name(&self.value), "Value", "value must be a valid hostname")
    }
}

impl Validate for prost_types::Timestamp {
    fn validate(&self) -> Result<(), Violation> {
        Ok(())
    }
}

impl Validate for messaging::SendMessageRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("SendMessageRequest");
        rules.required("Message", self.message.as_ref())?;
        rules.required("RendezvousKey", self.rendezvous_key.as_ref())?;
        rules.required("Signature", self.signature.as_ref())
    }
}

impl Validate for messaging::Message {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("Message");
        rules.optional("Id", self.id.as_ref())?;
        rules.optional("SendMessageRequestSignature", self.send_message_request_signature.as_ref())?;
        match &self.kind {
            None => Err(Violation::new("Message", "Kind", REQUIRED)),
            Some(Kind::RequestToGrabBill(kind)) => rules.optional("RequestToGrabBill", Some(kind)),
            Some(Kind::RequestToReceiveBill(kind)) => rules.optional("RequestToReceiveBill", Some(kind)),
            Some(Kind::CodeScanned(kind)) => rules.optional("CodeScanned", Some(kind)),
            Some(Kind::ClientRejectedPayment(kind)) => rules.optional("ClientRejectedPayment", Some(kind)),
            Some(Kind::RequestToLogin(kind)) => rules.optional("RequestToLogin", Some(kind)),
            Some(Kind::ClientRejectedLogin(kind)) => rules.optional("ClientRejectedLogin", Some(kind)),
            // Only the server makes these; a client that sends one is refused for its kind, whatever is in it.
            Some(Kind::IntentSubmitted(_) | Kind::WebhookCalled(_) | Kind::AirdropReceived(_)) => Ok(()),
        }
    }
}

impl Validate for messaging::RequestToReceiveBill {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("RequestToReceiveBill");
        rules.required("RequestorAccount", self.requestor_account.as_ref())?;
        match &self.exchange_data {
            None => return Err(Violation::new("RequestToReceiveBill", "ExchangeData", REQUIRED)),
            Some(ExchangeData::Exact(data)) => rules.optional("Exact", Some(data))?,
            Some(ExchangeData::Partial(data)) => rules.optional("Partial", Some(data))?,
        }
        rules.optional("Domain", self.domain.as_ref())?;
        rules.optional("Verifier", self.verifier.as_ref())?;
        rules.optional("Signature", self.signature.as_ref())?;
        rules.optional("RendezvousKey", self.rendezvous_key.as_ref())?;
        let few = self.additional_fees.len() <= 3;
        rules.ensure(few, "AdditionalFees", "value must contain no more than 3 item(s)")?;
        rules.each("AdditionalFees", &self.additional_fees)
    }
}

impl Validate for transaction::ExchangeData {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("ExchangeData");
        rules.currency(&self.currency)?;
        rules.above_zero("ExchangeRate", self.exchange_rate)?;
        rules.above_zero("NativeAmount", self.native_amount)?;
        rules.ensure(self.quarks > 0, "Quarks", "value must be greater than 0")
    }
}

impl Validate for transaction::ExchangeDataWithoutRate {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("ExchangeDataWithoutRate");
        rules.currency(&self.currency)?;
        rules.above_zero("NativeAmount", self.native_amount)
    }
}

impl Validate for transaction::AdditionalFeePayment {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("AdditionalFeePayment");
        rules.required("Destination", self.destination.as_ref())?;
        let inside = (1..=10_000).contains(&self.fee_bps);
        rules.ensure(inside, "FeeBps", "value must be inside range [1, 10000]")
    }
}

impl Validate for messaging::RequestToLogin {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("RequestToLogin");
        rules.required("Domain", self.domain.as_ref())?;
        rules.required("Verifier", self.verifier.as_ref())?;
        rules.required("Signature", self.signature.as_ref())?;
        rules.required("RendezvousKey", self.rendezvous_key.as_ref())
    }
}

impl Validate for messaging::OpenMessageStreamWithKeepAliveRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("OpenMessageStreamWithKeepAliveRequest");
        match &self.request_or_pong {
            None => Err(Violation::new(rules.0, "RequestOrPong", REQUIRED)),
            Some(RequestOrPong::Request(request)) => rules.optional("Request", Some(request)),
            Some(RequestOrPong::Pong(pong)) => rules.optional("Pong", Some(pong)),
        }
    }
}

impl Validate for messaging::AckMessagesRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("AckMessagesRequest");
        rules.required("RendezvousKey", self.rendezvous_key.as_ref())?;
        let fits = (1..=1024).contains(&self.message_ids.len());
        rules.ensure(fits, "MessageIds", "value must contain between 1 and 1024 items, inclusive")?;
        rules.each("MessageIds", &self.message_ids)
    }
}

impl Validate for messaging::OpenMessageStreamRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("OpenMessageStreamRequest");
        rules.required("RendezvousKey", self.rendezvous_key.as_ref())?;
        rules.optional("Signature", self.signature.as_ref())
    }
}

impl Validate for micropayment::RegisterWebhookRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("RegisterWebhookRequest");
        rules.required("IntentId", self.intent_id.as_ref())?;
        rules.url("Url", &self.url, 1024)
    }
}

impl Validate for micropayment::CodifyRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("CodifyRequest");
        rules.url("Url", &self.url, 512)?;
        rules.currency(&self.currency)?;
        rules.above_zero("NativeAmount", self.native_amount)?;
        rules.required("OwnerAccount", self.owner_account.as_ref())?;
        rules.required("PrimaryAccount", self.primary_account.as_ref())?;
        rules.required("Signature", self.signature.as_ref())
    }
}

impl Validate for micropayment::GetPathMetadataRequest {
    fn validate(&self) -> Result<(), Violation> {
        let fits =
            (1..=8).contains(&self.path.len()) && self.path.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let rule = "value does not match regex pattern \"^[0-9a-zA-Z]{1,8}$\"";
        Rules("GetPathMetadataRequest").ensure(fits, "Path", rule)
    }
}

impl Validate for transaction::GetIntentMetadataRequest {
    fn validate(&self) -> Result<(), Violation> {
        let rules = Rules("GetIntentMetadataRequest");
        rules.required("IntentId", self.intent_id.as_ref())?;
        rules.optional("Owner", self.owner.as_ref())?;
        rules.required("Signature", self.signature.as_ref())
    }
}

/// Messages whose fields are all required messages.
macro_rules! all_required {
    ($($message:ty, $name:literal: $($field:ident $label:literal),*;)*) => {$(
        impl Validate for $message {
            fn validate(&self) -> Result<(), Violation> {
                let rules = Rules($name);
                $(rules.required($label, self.$field.as_ref())?;)*
                Ok(())
            }
        }
    )*};
}

all_required! {
    messaging::RequestToGrabBill, "RequestToGrabBill": requestor_account "RequestorAccount";
    messaging::CodeScanned, "CodeScanned": timestamp "Timestamp";
    messaging::ClientRejectedPayment, "ClientRejectedPayment": intent_id "IntentId";
    messaging::ClientRejectedLogin, "ClientRejectedLogin": timestamp "Timestamp";
    messaging::ClientPong, "ClientPong": timestamp "Timestamp";
    messaging::PollMessagesRequest, "PollMessagesRequest": rendezvous_key "RendezvousKey", signature "Signature";
    micropayment::GetStatusRequest, "GetStatusRequest": intent_id "IntentId";
    user::LoginToThirdPartyAppRequest, "LoginToThirdPartyAppRequest":
        intent_id "IntentId", user_id "UserId", signature "Signature";
    user::GetLoginForThirdPartyAppRequest, "GetLoginForThirdPartyAppRequest":
        intent_id "IntentId", verifier "Verifier", signature "Signature";
    account::GetTokenAccountInfosRequest, "GetTokenAccountInfosRequest": owner "Owner", signature "Signature";
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
