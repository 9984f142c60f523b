use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message as _;
use quittance_core::ids::IntentId;

use super::body::{self, Unread};
use super::{Api, login, messaging, micro_payment};
use crate::envelope::MAX_ENVELOPE_LEN;
use crate::json_v1::{self, BadRequest, CreateIntent, GetUserId};
use crate::key::PublicKey;
use crate::proto::code::micropayment::v1::register_webhook_response::Result as Registered;
use crate::status::{Code, Status};

/// The paths of the JSON API.
pub(super) const PATHS: [&str; 3] = ["/v1/createIntent", "/v1/getStatus", "/v1/getUserId"];

/// `POST /v1/createIntent` (protocol b.1).
pub(super) async fn create_intent(State(api): State<Api>, request: Request) -> Json {
    if request.method() != Method::POST {
        return Err(BadRequest::HttpMethod("post").into());
    }
    let body = body::read(&api, request).await?;
    let create = CreateIntent::parse(&body)?;
    let refused = |text: String| Refusal { status: 400, text };
    if let Some(url) = &create.webhook {
        let not_available = |_| refused("webhooks are not available on this node".to_owned());
        let outbound = micro_payment::outbound(&api).map_err(not_available)?;
        outbound.host(url).map_err(|error| refused(error.to_string()))?;
        // Nobody is asked for the address in a message that nobody signed, which is refused below.
        if messaging::is_authentic(IntentId(create.intent.0), &create.message(), create.signature) {
            micro_payment::check(outbound, url).await?.map_err(|error| refused(error.to_string()))?;
        }
    }
    messaging::send(&api, &create.send_message_request()).await?;
    if let Some(url) = &create.webhook {
        match micro_payment::register(&api, IntentId(create.intent.0), url).await? {
            Registered::Ok | Registered::AlreadyRegistered => {}
            result => return Err(Status::new(Code::Internal, result.as_str_name()).into()),
        }
    }
    Ok(answer(200, json_v1::success_body()))
}

/// `GET /v1/getStatus` (protocol b.2).
pub(super) async fn get_status(
    State(api): State<Api>,
    method: Method,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Json {
    if method != Method::GET {
        return Err(BadRequest::HttpMethod("get").into());
    }
    let query = query.map(|Query(pairs)| pairs).unwrap_or_default();
    let intent = query.iter().find(|(name, _)| name == "intent").map(|(_, value)| value.as_str());
    let intent = json_v1::parse_status_query(intent)?;
    let status = micro_payment::intent_status(&api, IntentId(intent.0)).await?;
    Ok(answer(200, json_v1::status_body(status)))
}

/// `POST /v1/getUserId` (protocol b.3).
pub(super) async fn get_user_id(State(api): State<Api>, request: Request) -> Json {
    if request.method() != Method::POST {
        return Err(BadRequest::HttpMethod("post").into());
    }
    let body = body::read(&api, request).await?;
    let GetUserId { request } = GetUserId::parse(&body)?;
    let read = login::get_login(&api, &request.encode_to_vec()).await?;
    let user = read.user_id.and_then(|user| PublicKey::from_slice(&user.value));
    Ok(answer(200, json_v1::user_body(user)))
}

type Json = Result<Response, Refusal>;

/// A failure on its way out.
pub(super) struct Refusal {
    status: u16,
    text: String,
}

impl From<BadRequest> for Refusal {
    fn from(error: BadRequest) -> Self {
        Self { status: error.http_status(), text: error.to_string() }
    }
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        let text = match unread {
            Unread::TooLong => format!("expected a body of at most {MAX_ENVELOPE_LEN} bytes"),
            Unread::TooSlow => return Status::new(Code::DeadlineExceeded, "").into(),
            Unread::TooMany => return body::too_many().into(),
            Unread::Broken => "the request ended early".to_owned(),
        };
        BadRequest::Json(text).into()
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let (status, text) = status.json_v1();
        Self { status, text }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.status, json_v1::error_body(&self.text))
    }
}

fn answer(status: u16, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
