use std::time::Duration;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method as HttpMethod, StatusCode, header};
use axum::response::Response;
use tokio::time::timeout;

use super::body::{self, Unread};
use super::places::{self, Origin};
use super::{Api, calls, duplex, hub, messaging, web_socket};
use crate::envelope::{
    Call, EnvelopeError, MAX_ENVELOPE_LEN, Method, decode_request, failed_response, ok_response_bytes,
};
use crate::status::{Code, Status};

/// How long a stream that is asked for over plain HTTP waits for its first and only message. Below the time after which
/// proxies give up on an answer.
const FIRST_MESSAGE_WAIT: Duration = Duration::from_secs(20);

/// Everything that comes to an envelope's path (protocol c).
pub(super) async fn serve(
    State(api): State<Api>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    match *request.method() {
        HttpMethod::OPTIONS => return preflight(),
        HttpMethod::POST => return post(&api, request).await,
        _ => {}
    }
    match upgrade {
        Ok(upgrade) => web_socket::accept(api, places::origin(request.extensions()), upgrade),
        Err(rejection) if request.headers().contains_key(header::UPGRADE) => {
            let text = format!("expected a WebSocket upgrade: {rejection}");
            envelope(StatusCode::BAD_REQUEST, failed_response(&Status::invalid_argument(text)))
        }
        Err(_) => {
            let status = Status::invalid_argument("http post or a WebSocket upgrade expected");
            let mut response = envelope(StatusCode::METHOD_NOT_ALLOWED, failed_response(&status));
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
            response
        }
    }
}

/// A failure with a status that is never 2xx: the JavaScript client looks at nothing else (protocol h.1).
pub(super) fn refused(status: &Status) -> Response {
    let code = StatusCode::from_u16(status.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = envelope(code, failed_response(status));
    if matches!(status.code, Code::ResourceExhausted | Code::Unavailable) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

async fn post(api: &Api, request: Request) -> Response {
    let origin = places::origin(request.extensions());
    let body = match body::read(api, request).await {
        Ok(body) => body,
        Err(Unread::TooLong) => {
            let text = format!("expected an envelope of at most {MAX_ENVELOPE_LEN} bytes");
            let bytes = failed_response(&Status::invalid_argument(text));
            return envelope(StatusCode::PAYLOAD_TOO_LARGE, bytes);
        }
        Err(Unread::TooSlow) => {
            return refused(&Status::new(Code::DeadlineExceeded, "the request did not arrive in time"));
        }
        Err(Unread::TooMany) => return refused(&body::too_many()),
        Err(Unread::Broken) => return refused(&Status::invalid_argument("the request ended early")),
    };
    let answer = match decode_request(&body) {
        Err(error) => return undecodable(&error),
        Ok(call) if call.method == Method::OpenMessageStream => first_message(api, origin, &call).await,
        Ok(call) if duplex::is_duplex(call.method) => Err(one_way(call.method)),
        Ok(call) => calls::answer(api, &call).await,
    };
    match answer {
        Ok(body) => envelope(StatusCode::OK, ok_response_bytes(body)),
        Err(status) => refused(&status),
    }
}

/// A conversation needs both directions at once. Its first message alone, which the reference's proxy gives, serves nobody.
fn one_way(method: Method) -> Status {
    let name = format!("{}.{}", method.service_name(), method.method_name());
    Status::new(Code::Unimplemented, format!("{name} is a conversation: expected a WebSocket or gRPC"))
}

/// A stream over plain HTTP gets its first message (protocol c.1).
async fn first_message(api: &Api, origin: Option<Origin>, call: &Call) -> Result<Vec<u8>, Status> {
    let _place = api.places.take(origin)?;
    let mut stream = messaging::open(api, origin, &call.body).await?;
    tokio::select! {
        () = api.options.shutdown.cancelled() => Err(hub::shutting_down()),
        first = timeout(FIRST_MESSAGE_WAIT, stream.next()) => {
            let none = || Status::new(Code::DeadlineExceeded, "no message came in time");
            first.unwrap_or_else(|_| Err(none()))
        }
    }
}

/// A browser asks before it sends this content type (protocol c.1).
fn preflight() -> Response {
    let mut response = envelope(StatusCode::NO_CONTENT, Vec::new());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn undecodable(error: &EnvelopeError) -> Response {
    let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    envelope(status, error.to_response())
}

fn envelope(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
