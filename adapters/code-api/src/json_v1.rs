//! The JSON API, version 1: what its bodies say and how it refuses them (protocol b).

use prost::Message as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::key::{PublicKey, SignatureBytes, base58_exact};
use crate::proto::code::messaging::v1 as messaging;
use crate::proto::code::user::v1 as user;
use crate::validate::Validate;
use crate::wire::delimited;

/// Why a body or a query is refused, always with HTTP status 400.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRequest {
    /// Not JSON, or not of the right shape.
    #[error("{0}")]
    Json(String),
    /// `intent` is not base58 of 32 bytes.
    #[error("intent is not a public key")]
    Intent,
    /// The query parameter of getStatus is missing.
    #[error("intent query parameter missing")]
    IntentMissing,
    /// The query parameter of getStatus is not base58 of 32 bytes.
    #[error("intent id is not a public key")]
    IntentId,
    /// `signature` is not base58 of 64 bytes.
    #[error("signature is invalid")]
    Signature,
    /// `message` is not URL-safe base64 without padding.
    #[error("message not valid base64")]
    Base64,
    /// `message` is not the protobuf message this route takes.
    #[error("message bytes is not a {0}")]
    Message(&'static str),
    /// `message` breaks a rule of the schema.
    #[error("message failed proto validation: {0}")]
    Schema(String),
    /// Another HTTP method than the route's.
    #[error("http {0} expected")]
    HttpMethod(&'static str),
}

impl BadRequest {
    /// 400, whatever the reason.
    pub fn http_status(&self) -> u16 {
        400
    }
}

/// What `POST /v1/createIntent` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateIntent {
    /// The rendezvous public key.
    pub intent: PublicKey,
    /// The serialized `RequestToReceiveBill`, as it arrived.
    pub inner: Vec<u8>,
    /// The same, decoded.
    pub request: messaging::RequestToReceiveBill,
    /// By the rendezvous key, over [`message`](Self::message).
    pub signature: SignatureBytes,
    /// Where to call when the payer has paid. Not looked at yet.
    pub webhook: Option<String>,
}

/// What `POST /v1/getUserId` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct GetUserId {
    /// With intent and signature replaced by those of the body.
    pub request: user::GetLoginForThirdPartyAppRequest,
}

/// The three states `GET /v1/getStatus` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum IntentStatus {
    /// Nobody asked for this payment.
    Unknown,
    /// Asked for, not paid.
    Pending,
    /// Paid: accepted and not revoked.
    Submitted,
}

#[derive(Deserialize)]
struct Body {
    intent: Option<String>,
    message: Option<String>,
    signature: Option<String>,
    webhook: Option<String>,
}

impl CreateIntent {
    /// Reads a body. Unknown keys are ignored; a missing one counts as empty.
    ///
    /// # Errors
    ///
    /// The first of the reference's checks that fails, in its order.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let (intent, signature, inner, webhook) = parse_body(body)?;
        let request = messaging::RequestToReceiveBill::decode(inner.as_slice())
            .map_err(|_| BadRequest::Message("RequestToReceiveBill"))?;
        Ok(Self { intent, inner, request, signature, webhook })
    }

    /// The serialized `Message` the signature covers: the inner bytes as field 5.
    pub fn message(&self) -> Vec<u8> {
        delimited(5, &self.inner)
    }

    /// The `SendMessage` request that says the same, so that both ways in share one path.
    pub fn send_message_request(&self) -> Vec<u8> {
        let key = delimited(2, &delimited(1, &self.intent.0));
        let signature = delimited(3, &delimited(1, &self.signature));
        [delimited(1, &self.message()), key, signature].concat()
    }
}

impl GetUserId {
    /// Reads a body. The message has to hold a placeholder signature, because it is checked before the real one is put in.
    ///
    /// # Errors
    ///
    /// The first of the reference's checks that fails, in its order.
    pub fn parse(body: &[u8]) -> Result<Self, BadRequest> {
        let (intent, signature, inner, _) = parse_body(body)?;
        let mut request = user::GetLoginForThirdPartyAppRequest::decode(inner.as_slice())
            .map_err(|_| BadRequest::Message("GetLoginForThirdPartyAppRequest"))?;
        request.validate().map_err(|violation| BadRequest::Schema(violation.to_string()))?;
        request.intent_id = Some(intent.into());
        request.signature = Some(signature.into());
        Ok(Self { request })
    }
}

/// Reads the query of `GET /v1/getStatus`.
///
/// # Errors
///
/// When the parameter is missing or is not a public key.
pub fn parse_status_query(intent: Option<&str>) -> Result<PublicKey, BadRequest> {
    let intent = intent.filter(|text| !text.is_empty()).ok_or(BadRequest::IntentMissing)?;
    intent.parse().map_err(|_| BadRequest::IntentId)
}

/// `{"success":true}`
pub fn success_body() -> String {
    r#"{"success":true}"#.to_owned()
}

/// `{"status":"PENDING","success":true}`
pub fn status_body(status: IntentStatus) -> String {
    serde_json::json!({ "status": status, "success": true }).to_string()
}

/// `{"success":true,"user":"…"}`, without `user` when nobody is logged in.
pub fn user_body(user: Option<PublicKey>) -> String {
    match user {
        Some(user) => serde_json::json!({ "success": true, "user": user.to_string() }).to_string(),
        None => success_body(),
    }
}

/// `{"error":"…","success":false}`. Never to be sent with status 200: some SDKs only look for the key.
pub fn error_body(text: &str) -> String {
    serde_json::json!({ "error": text, "success": false }).to_string()
}

type Parts = (PublicKey, SignatureBytes, Vec<u8>, Option<String>);

fn parse_body(body: &[u8]) -> Result<Parts, BadRequest> {
    // A struct can be read from a list as well, which no SDK sends and the reference refuses.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(BadRequest::Json("expected an object, got an array".to_owned()));
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| BadRequest::Json(error.to_string()))?;
    let intent = body.intent.unwrap_or_default().parse().map_err(|_| BadRequest::Intent)?;
    let signature = base58_exact(&body.signature.unwrap_or_default()).map_err(|_| BadRequest::Signature)?;
    let message = body.message.unwrap_or_default();
    let inner = data_encoding::BASE64URL_NOPAD.decode(message.as_bytes()).map_err(|_| BadRequest::Base64)?;
    Ok((intent, signature, inner, body.webhook))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyPair, base58};
    use proptest::prelude::*;

    const KEY: &str = "E8otxw1CVX9bfyddKu3ZB3BVLa4VVF9J7CTPdnUwT9jR";

    fn body(intent: &str, message: &str, signature: &str) -> Vec<u8> {
        serde_json::json!({ "intent": intent, "message": message, "signature": signature })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn an_sdk_is_told_what_is_wrong_in_the_order_it_expects() {
        let signature = base58(&[1; 64]);
        let check = |body: Vec<u8>, want: &str| {
            assert_eq!(CreateIntent::parse(&body).map_err(|error| error.to_string()), Err(want.to_owned()));
        };
        check(b"{}".to_vec(), "intent is not a public key");
        check(body("", "", ""), "intent is not a public key");
        check(body(&KEY[8..], "", ""), "intent is not a public key");
        check(body(&"1".repeat(100_000), "", ""), "intent is not a public key");
        check(body(KEY, "", "abc"), "signature is invalid");
        check(body(KEY, "+/+/", &signature), "message not valid base64");
        check(body(KEY, "CgA=", &signature), "message not valid base64");
        check(body(KEY, "____", &signature), "message bytes is not a RequestToReceiveBill");
        check(b"{".to_vec(), "EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn the_rebuilt_call_is_the_one_the_other_way_in_takes() {
        let create = CreateIntent::parse(&body(KEY, "CgA", &base58(&[1; 64]))).expect("a body");
        let request = messaging::SendMessageRequest::decode(create.send_message_request().as_slice())
            .expect("a request");
        assert_eq!(request.message.expect("a message").encode_to_vec(), create.message());
        assert_eq!(request.signature.expect("a signature").value, [1; 64]);
    }

    #[test]
    fn a_login_query_is_read_with_the_bodys_own_signature() {
        let verifier = KeyPair::from_seed(&[8; 32]);
        let intent: PublicKey = KEY.parse().expect("a key");
        let request = crate::call::get_login_for_third_party_app(intent, &verifier);
        let encode = |bytes: Vec<u8>| data_encoding::BASE64URL_NOPAD.encode(&bytes);
        let parsed = GetUserId::parse(&body(KEY, &encode(request.encode_to_vec()), &base58(&[1; 64])));
        assert_eq!(parsed.map(|it| it.request.signature), Ok(Some([1; 64].into())));
        let unsigned = user::GetLoginForThirdPartyAppRequest { signature: None, ..request };
        let error = GetUserId::parse(&body(KEY, &encode(unsigned.encode_to_vec()), &base58(&[1; 64])));
        let text = "message failed proto validation: \
                    invalid GetLoginForThirdPartyAppRequest.Signature: value is required";
        assert_eq!(error.map_err(|error| error.to_string()), Err(text.to_owned()));
    }

    #[test]
    fn answers_have_the_keys_the_sdks_look_for() {
        assert_eq!(status_body(IntentStatus::Submitted), r#"{"status":"SUBMITTED","success":true}"#);
        assert_eq!(user_body(None), r#"{"success":true}"#);
        assert_eq!(error_body("a\"b"), r#"{"error":"a\"b","success":false}"#);
        let status = |query: Option<&str>| parse_status_query(query).map_err(|error| error.to_string());
        assert_eq!(status(None), Err("intent query parameter missing".to_owned()));
        assert_eq!(status(Some("x")), Err("intent id is not a public key".to_owned()));
        assert!(status(Some(KEY)).is_ok());
    }

    proptest! {
        #[test]
        fn any_body_is_an_answer(body in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,60}") {
            let _ = CreateIntent::parse(&body);
            let _ = GetUserId::parse(&body);
            let _ = parse_status_query(Some(&text));
            let _ = crate::nonce::Nonce::from_client_secret(&text);
        }
    }
}
