//! What tools ask a gRPC server: how it is, and what it speaks.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{self, HeaderMap};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use futures_util::FutureExt as _;
use http_body::Frame;
use tokio::time::{sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;
use tonic_reflection::server::Builder;
use tower::{Service, ServiceExt as _, service_fn};

use super::{SERVICES, UNARY_WAIT, deadline, exchange, words};
use crate::proto::DESCRIPTORS;
use crate::server::places::{self, Place};
use crate::server::{Api, hub};
use crate::status::Status;

/// A service's name, or the name of a symbol, and little more.
const MAX_QUESTION_LEN: usize = 4 * 1024;

/// `grpc.health.v1.Health`, and `ServerReflection` in both its versions.
pub(super) fn routes(api: &Api) -> Router<Api> {
    let (reporter, health) = health_reporter();
    for (service, _) in SERVICES {
        // Nobody else has the reporter, so there is nothing to wait for.
        let _ = reporter.set_service_status(service, ServingStatus::Serving).now_or_never();
    }
    let shutdown = api.options.shutdown.clone();
    // Whoever watches hears it before its stream ends.
    let told = CancellationToken::new();
    let telling = told.clone();
    api.options.tasks.spawn(async move {
        shutdown.cancelled().await;
        for service in SERVICES.iter().map(|(name, _)| *name).chain([""]) {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
        telling.cancel();
    });
    let health = health.max_decoding_message_size(MAX_QUESTION_LEN);
    let mut router = Router::new().route("/grpc.health.v1.Health/{*method}", guarded(health, &told));
    let describe = || Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    match (describe().build_v1(), describe().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => {
            let v1 = guarded(v1.max_decoding_message_size(MAX_QUESTION_LEN), &told);
            let v1alpha = guarded(v1alpha.max_decoding_message_size(MAX_QUESTION_LEN), &told);
            router = router
                .route("/grpc.reflection.v1.ServerReflection/{*method}", v1)
                .route("/grpc.reflection.v1alpha.ServerReflection/{*method}", v1alpha);
        }
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "no reflection: the schema cannot be read");
        }
    }
    router
}

/// A service that knows of no limits, within those of this node. Its streams end when everybody has been `told` that the node
/// shuts down.
fn guarded<S>(service: S, told: &CancellationToken) -> MethodRouter<Api>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let told = told.clone();
    any(async move |State(api): State<Api>, request: Request| -> Response {
        let service = service_fn(move |request: http::Request<Body>| {
            let (api, service, told) = (api.clone(), service.clone(), told.clone());
            async move {
                let answer = answer(&api, service, told, request).await;
                Ok(answer.unwrap_or_else(|status| words::told(&status).into_http()))
            }
        });
        exchange(service, request).await
    })
}

async fn answer<S>(
    api: &Api,
    service: S,
    told: CancellationToken,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, Status>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
{
    // A check takes no place: a node that is full is not ill.
    let is_stream = !request.uri().path().ends_with("/Check");
    let place = is_stream.then(|| api.places.take(places::origin(request.extensions()))).transpose()?;
    let longest = if is_stream { api.options.stream_life } else { UNARY_WAIT };
    let deadline = deadline::deadline(request.headers(), longest)?;
    let answered = timeout_at(deadline, service.oneshot(request)).await.map_err(|_| deadline::passed())?;
    let Ok(response) = answered;
    let over = Box::pin(async move {
        tokio::select! {
            () = told.cancelled() => hub::shutting_down(),
            () = sleep_until(deadline) => deadline::passed(),
        }
    });
    Ok(response.map(|body| Body::new(Guarded { body, over: Some(over), _place: place })))
}

/// An answer that ends with the node or with its deadline.
struct Guarded {
    body: Body,
    /// Gone once it has come.
    over: Option<Pin<Box<dyn Future<Output = Status> + Send>>>,
    _place: Option<Place>,
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if self.over.is_none() {
            return Poll::Ready(None);
        }
        // First what there is: the news that the node is shutting down, too.
        if let ready @ Poll::Ready(_) = Pin::new(&mut self.body).poll_frame(cx) {
            return ready;
        }
        let Some(Poll::Ready(status)) = self.over.as_mut().map(|over| over.as_mut().poll(cx)) else {
            return Poll::Pending;
        };
        (self.over, self.body) = (None, Body::empty());
        let mut trailers = HeaderMap::new();
        // A status of this node's always fits into headers.
        let _ = words::told(&status).add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.over.is_none() || self.body.is_end_stream()
    }
}
