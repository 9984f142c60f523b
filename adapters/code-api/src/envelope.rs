//! The envelope around a call where gRPC is not spoken: over HTTP and over WebSocket (protocol c).

use prost::Message;
use thiserror::Error;

use crate::proto::code::common::v1 as common;
use crate::status::{Code, Status};

/// The longest envelope, in bytes. The reference proxy reads 1 MB (protocol c.1), but the longest call that means anything,
/// 1024 acknowledgements, has about 20 KiB, and what strangers can make a node hold in memory is a multiple of this.
pub const MAX_ENVELOPE_LEN: usize = 64 * 1024;

/// A call this crate has the messages for. `service` and `method` are the envelope's words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after the call it stands for")]
pub enum Method {
    SendMessage,
    OpenMessageStream,
    OpenMessageStreamWithKeepAlive,
    PollMessages,
    AckMessages,
    GetStatus,
    RegisterWebhook,
    Codify,
    GetPathMetadata,
    LoginToThirdPartyApp,
    GetLoginForThirdPartyApp,
    GetAllRates,
    GetTokenAccountInfos,
    SubmitIntent,
    GetIntentMetadata,
    GetLimits,
    CanWithdrawToAccount,
}

/// The services the official clients know, those without a [`Method`] included.
const SERVICES: [&str; 13] = [
    "Account",
    "Badge",
    "Chat",
    "ContactList",
    "Currency",
    "Device",
    "Identity",
    "Invite",
    "Messaging",
    "MicroPayment",
    "PhoneVerification",
    "Push",
    "Transaction",
];

const METHODS: [(&str, &str, Method); 17] = [
    ("Messaging", "sendMessage", Method::SendMessage),
    ("Messaging", "openMessageStream", Method::OpenMessageStream),
    ("Messaging", "openMessageStreamWithKeepAlive", Method::OpenMessageStreamWithKeepAlive),
    ("Messaging", "pollMessages", Method::PollMessages),
    ("Messaging", "ackMessages", Method::AckMessages),
    ("MicroPayment", "getStatus", Method::GetStatus),
    ("MicroPayment", "registerWebhook", Method::RegisterWebhook),
    ("MicroPayment", "codify", Method::Codify),
    ("MicroPayment", "getPathMetadata", Method::GetPathMetadata),
    ("Identity", "loginToThirdPartyApp", Method::LoginToThirdPartyApp),
    ("Identity", "getLoginForThirdPartyApp", Method::GetLoginForThirdPartyApp),
    ("Currency", "getAllRates", Method::GetAllRates),
    ("Account", "getTokenAccountInfos", Method::GetTokenAccountInfos),
    ("Transaction", "submitIntent", Method::SubmitIntent),
    ("Transaction", "getIntentMetadata", Method::GetIntentMetadata),
    ("Transaction", "getLimits", Method::GetLimits),
    ("Transaction", "canWithdrawToAccount", Method::CanWithdrawToAccount),
];

impl Method {
    /// The method of these names, as an envelope writes them.
    pub fn find(service: &str, method: &str) -> Option<Self> {
        METHODS.iter().find(|row| (row.0, row.1) == (service, method)).map(|row| row.2)
    }

    /// `Messaging` in `Messaging.sendMessage`.
    pub fn service_name(self) -> &'static str {
        self.row().0
    }

    /// `sendMessage` in `Messaging.sendMessage`.
    pub fn method_name(self) -> &'static str {
        self.row().1
    }

    /// Whether the server answers with more than one message. Over HTTP such a call gets the first and no more.
    pub fn is_streaming(self) -> bool {
        matches!(self, Self::OpenMessageStream | Self::OpenMessageStreamWithKeepAlive | Self::SubmitIntent)
    }

    fn row(self) -> &'static (&'static str, &'static str, Self) {
        METHODS.iter().find(|row| row.2 == self).expect("every method has a row, see the test")
    }
}

/// Why an envelope is not a call. The texts are the reference's where it has some.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE_LEN`].
    #[error("expected an envelope of at most {MAX_ENVELOPE_LEN} bytes, got {0}")]
    TooLong(usize),
    /// Not a protobuf message of that shape.
    #[error("undecodable envelope: {0}")]
    Undecodable(String),
    /// None of the protocol's services.
    #[error("Invalid service name: {0}")]
    Service(String),
    /// Not a method this service has here.
    #[error("Invalid method name: {0}.{1}")]
    Method(String, String),
}

impl EnvelopeError {
    /// What an undecodable or unknown call is over HTTP.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::TooLong(_) => 413,
            Self::Undecodable(_) => 400,
            Self::Service(_) | Self::Method(..) => 404,
        }
    }

    /// The ERROR envelope. Its text has no code name, as in the reference.
    pub fn to_response(&self) -> Vec<u8> {
        error_response(self.to_string())
    }
}

/// A call, out of its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Which one.
    pub method: Method,
    /// The serialized request message, not looked at yet.
    pub body: Vec<u8>,
}

/// Reads a call. Any version and unknown envelope fields are accepted.
///
/// # Errors
///
/// When the envelope is too long or undecodable, or names no call this crate has the messages for.
pub fn decode_request(bytes: &[u8]) -> Result<Call, EnvelopeError> {
    let request: common::Request = decode(bytes)?;
    if !SERVICES.contains(&request.service.as_str()) {
        return Err(EnvelopeError::Service(shortened(&request.service)));
    }
    match Method::find(&request.service, &request.method) {
        Some(method) => Ok(Call { method, body: request.body }),
        None => Err(EnvelopeError::Method(request.service, shortened(&request.method))),
    }
}

/// Writes a call the way the JavaScript SDK does: without a version.
pub fn encode_request(method: Method, body: Vec<u8>) -> Vec<u8> {
    let (service, method) = (method.service_name().to_owned(), method.method_name().to_owned());
    common::Request { version: String::new(), service, method, body }.encode_to_vec()
}

/// Writes an answer, or one message of a stream. An empty message makes an empty envelope: zero bytes.
pub fn ok_response(body: &impl Message) -> Vec<u8> {
    ok_response_bytes(body.encode_to_vec())
}

/// The same for a message that is serialized already.
pub fn ok_response_bytes(body: Vec<u8>) -> Vec<u8> {
    let result = common::response::Result::Ok.into();
    common::Response { result, body, message: String::new() }.encode_to_vec()
}

/// Writes a failure.
pub fn failed_response(status: &Status) -> Vec<u8> {
    error_response(status.to_string())
}

/// Reads an answer: the serialized response message, or the text of the failure.
///
/// # Errors
///
/// When the envelope is too long or undecodable. A failure the server tells of is the inner `Err`.
pub fn decode_response(bytes: &[u8]) -> Result<Result<Vec<u8>, String>, EnvelopeError> {
    let response: common::Response = decode(bytes)?;
    let ok = response.result == i32::from(common::response::Result::Ok);
    Ok(if ok { Ok(response.body) } else { Err(response.message) })
}

/// What the reference answers when a handler gives none.
pub fn no_response() -> Status {
    Status::new(Code::Internal, "No response received from gRPC service")
}

/// Reads the request message of a call.
///
/// # Errors
///
/// `invalid_argument` with the parser's text.
pub fn decode_body<M: Message + Default>(body: &[u8]) -> Result<M, Status> {
    M::decode(body).map_err(|error| Status::invalid_argument(format!("undecodable request: {error}")))
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, EnvelopeError> {
    if bytes.len() > MAX_ENVELOPE_LEN {
        return Err(EnvelopeError::TooLong(bytes.len()));
    }
    M::decode(bytes).map_err(|error| EnvelopeError::Undecodable(error.to_string()))
}

fn error_response(message: String) -> Vec<u8> {
    let result = common::response::Result::Error.into();
    common::Response { result, body: Vec::new(), message }.encode_to_vec()
}

/// A name from outside is not repeated at any length.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(service: &str, method: &str) -> Vec<u8> {
        common::Request {
            version: "1.0".into(),
            service: service.into(),
            method: method.into(),
            body: vec![1],
        }
        .encode_to_vec()
    }

    #[test]
    fn every_method_is_found_by_the_names_it_writes() {
        for (service, method, id) in METHODS {
            assert_eq!(decode_request(&request(service, method)), Ok(Call { method: id, body: vec![1] }));
            assert_eq!((id.service_name(), id.method_name()), (service, method));
            assert_eq!(decode_request(&encode_request(id, vec![1])).map(|call| call.method), Ok(id));
        }
    }

    #[test]
    fn a_call_nobody_serves_is_named_in_the_references_words() {
        let check = |bytes: &[u8], text: &str, http: u16| {
            let error = decode_request(bytes).expect_err(text);
            assert_eq!((error.to_string().as_str(), error.http_status()), (text, http));
        };
        check(&request("Nothing", "getStatus"), "Invalid service name: Nothing", 404);
        check(&request("Badge", "resetBadgeCount"), "Invalid method name: Badge.resetBadgeCount", 404);
        check(&request("MicroPayment", "GetStatus"), "Invalid method name: MicroPayment.GetStatus", 404);
        check(&[], "Invalid service name: ", 404);
        let long = vec![0; MAX_ENVELOPE_LEN + 1];
        check(&long, "expected an envelope of at most 65536 bytes, got 65537", 413);
        assert_eq!(decode_request(&[0x0a]).map_err(|error| error.http_status()), Err(400));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_request(&bytes);
            let _ = decode_response(&bytes);
        }
    }
}
