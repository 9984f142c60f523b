//! The same calls over gRPC and gRPC-Web, on the port of everything else.

mod codec;
mod deadline;
mod line;
mod tools;
mod words;

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{self, HeaderMap, HeaderValue, Method as HttpMethod, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tonic::Streaming;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_web::GrpcWebLayer;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use super::messaging::{self, MessageStream};
use super::places::{self, Origin};
use super::{Api, body, calls, duplex, hub};
use crate::envelope::{Call, MAX_ENVELOPE_LEN, Method};
use crate::status::{Code, Status};
use codec::Raw;
use line::{Answers, Line, Sender};

/// How long a call with one answer may take, from its first byte to the answer.
const UNARY_WAIT: Duration = Duration::from_secs(30);

/// The services, with the names that an envelope has for them.
const SERVICES: [(&str, &str); 6] = [
    ("code.account.v1.Account", "Account"),
    ("code.currency.v1.Currency", "Currency"),
    ("code.messaging.v1.Messaging", "Messaging"),
    ("code.micropayment.v1.MicroPayment", "MicroPayment"),
    ("code.transaction.v2.Transaction", "Transaction"),
    ("code.user.v1.Identity", "Identity"),
];

/// The protocol's services, and with them health and reflection.
pub(super) fn routes(api: &Api) -> Router<Api> {
    let mut router = tools::routes(api);
    for (service, _) in SERVICES {
        router = router.route(&format!("/{service}/{{*method}}"), any(serve));
    }
    router
}

async fn serve(State(api): State<Api>, request: Request) -> Response {
    let service = service_fn(move |request| {
        let api = api.clone();
        async move { Ok::<_, Infallible>(call(api, request).await) }
    });
    exchange(service, request).await
}

/// Answers a request in the form it came in: gRPC, or one of the two of gRPC-Web, which browsers speak.
async fn exchange<S>(service: S, request: Request) -> Response
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    let mut response = match *request.method() {
        HttpMethod::OPTIONS => preflight(),
        HttpMethod::POST if is_grpc(request.headers()) => {
            let Ok(response) = GrpcWebLayer::new().layer(service).oneshot(request).await;
            response.map(axum::body::Body::new)
        }
        HttpMethod::POST => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected application/grpc\n").into_response()
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST, OPTIONS")]).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let seen = HeaderValue::from_static("grpc-status, grpc-message");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, seen);
    response
}

/// Messages are protobuf, in whichever of the three forms. Which of them it is, the layer says.
fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.strip_prefix("application/grpc")).is_some_and(|form| {
        let form = form.strip_suffix("+proto").unwrap_or(form);
        matches!(form, "" | "-web" | "-web-text")
    })
}

fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, grpc-timeout, x-grpc-web, x-user-agent"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn call(api: Api, request: http::Request<Body>) -> http::Response<Body> {
    let (named, origin) = (method(request.uri().path()), places::origin(request.extensions()));
    let longest = match &named {
        // A stream ends by its own age, and says so.
        Ok(method) if is_stream(*method) => api.options.stream_life + UNARY_WAIT,
        _ => UNARY_WAIT,
    };
    let deadline = deadline::deadline(request.headers(), longest);
    let answer = service_fn(move |request: tonic::Request<Streaming<Bytes>>| {
        let (api, named, deadline) = (api.clone(), named.clone(), deadline.clone());
        async move {
            let answers = answer(api, origin, named?, deadline?, request.into_inner()).await?;
            Ok::<_, Status>(tonic::Response::new(answers))
        }
    });
    let answer = answer.map_err(|status| words::told(&status));
    Grpc::new(Raw).max_decoding_message_size(MAX_ENVELOPE_LEN).streaming(answer, request).await
}

/// The method of `/code.messaging.v1.Messaging/SendMessage`.
fn method(path: &str) -> Result<Method, Status> {
    let names = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let found = names.and_then(|(service, method)| {
        let (_, service) = SERVICES.iter().find(|(name, _)| *name == service)?;
        let first = method.chars().next().filter(char::is_ascii_uppercase)?;
        Method::find(service, &format!("{}{}", first.to_ascii_lowercase(), method.get(1..)?))
    });
    found.ok_or_else(|| Status::new(Code::Unimplemented, "the service has no such method"))
}

fn is_stream(method: Method) -> bool {
    method == Method::OpenMessageStream || duplex::is_duplex(method)
}

async fn answer(
    api: Api,
    origin: Option<Origin>,
    method: Method,
    deadline: Instant,
    mut incoming: Streaming<Bytes>,
) -> Result<Answers, Status> {
    if !is_stream(method) {
        let _reading = api.calls.try_acquire().map_err(|_| body::too_many())?;
        let work = async {
            let body = only(&mut incoming).await?.into();
            calls::answer(&api, &Call { method, body }).await
        };
        return timeout_at(deadline, work).await.map_err(|_| deadline::passed())?.map(line::answer);
    }
    let place = match method {
        Method::SubmitIntent => api.places.take_for_payment(origin)?,
        _ => api.places.take(origin)?,
    };
    let (outgoing, answers) = line::answers(place);
    let (tasks, to) = (api.options.tasks.clone(), outgoing.clone());
    if duplex::is_duplex(method) {
        let mut line = Line { incoming, outgoing: to };
        let talk = {
            let api = api.clone();
            async move { duplex::converse(&api, origin, method, &mut line).await }
        };
        tasks.spawn(run(api, deadline, outgoing, talk));
    } else {
        let opened = async {
            let body = only(&mut incoming).await?;
            messaging::open(&api, origin, &body).await
        };
        let soon = deadline.min(Instant::now() + UNARY_WAIT);
        let messages = timeout_at(soon, opened).await.map_err(|_| deadline::passed())??;
        let relay = relay(api.options.stream_life, messages, to);
        tasks.spawn(run(api, deadline, outgoing, relay));
    }
    Ok(answers)
}

/// The one request of a call that takes one.
async fn only(incoming: &mut Streaming<Bytes>) -> Result<Bytes, Status> {
    let mut next = async || incoming.message().await.map_err(|status| words::heard(&status));
    let first = next().await?.ok_or_else(|| Status::invalid_argument("expected a request, got none"))?;
    match next().await? {
        None => Ok(first),
        Some(_) => Err(Status::invalid_argument("this call takes one request")),
    }
}

/// Sees a call with several answers to its end: its own, its client's, or the node's.
async fn run(
    api: Api,
    deadline: Instant,
    outgoing: Sender,
    work: impl Future<Output = Result<(), Status>> + Send,
) {
    let ended = tokio::select! {
        biased;
        () = outgoing.closed() => return,
        () = api.options.shutdown.cancelled() => Err(hub::shutting_down()),
        () = sleep_until(deadline) => Err(deadline::passed()),
        ended = work => ended,
    };
    if let Err(status) = ended {
        outgoing.fail(&status).await;
    }
}

async fn relay(life: Duration, mut messages: MessageStream, outgoing: Sender) -> Result<(), Status> {
    let relay = async {
        loop {
            outgoing.send(messages.next().await?).await?;
        }
    };
    timeout(life, relay).await.unwrap_or_else(|_| Err(messaging::aged()))
}
