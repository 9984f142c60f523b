//! One call over one connection to an address that was judged.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_ok;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::{Error, UrlError};
use crate::lookups::Lookup;
use crate::not_global;
use crate::resolve::Resolve;
use crate::target::Target;

/// The largest head of an answer.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;
/// How long the next address waits for the one before it (RFC 8305, 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Addresses that may be connected to; only [`Judged::resolve`] makes them.
#[derive(Debug)]
pub(crate) struct Judged(Vec<SocketAddr>);

impl Judged {
    /// Asks for a name's addresses, once, and takes none of them unless all may be called. A literal, which the rules let pass in
    /// dev alone, needs no look-up.
    pub(crate) async fn resolve(
        target: &Target,
        resolver: &dyn Resolve,
        lookup: Option<Lookup>,
        dev: bool,
    ) -> Result<Self, UrlError> {
        let host = &target.host;
        let failed = |why: String| UrlError::Resolve { host: host.clone(), why };
        let mut addresses = match (host.parse(), lookup) {
            (Ok(address), _) => vec![SocketAddr::new(address, target.port)],
            (Err(_), Some(lookup)) => {
                let found = resolver.resolve(host, target.port, lookup).await;
                found.map_err(|error| failed(error.to_string()))?
            }
            (Err(_), None) => return Err(failed("nobody looks it up".to_owned())),
        };
        if addresses.is_empty() {
            return Err(failed("it has no address".to_owned()));
        }
        for address in &mut addresses {
            if !dev {
                address.set_port(target.port);
            }
            let ip = address.ip();
            if let Some(range) = not_global(ip)
                && !(dev && ip.is_loopback())
            {
                tracing::debug!(host, address = %ip, range, "not called: the address is not global");
                return Err(UrlError::NotGlobal { host: host.clone(), address: ip, range });
            }
        }
        addresses.truncate(MAX_ADDRESSES);
        Ok(Self(addresses))
    }
}

/// What a call brings back before its body is read.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
}

/// Sends a request and gives `read` the answer, all on a connection that ends with it.
pub(crate) async fn exchange<T>(
    target: &Target,
    judged: Judged,
    tls: &Arc<ClientConfig>,
    request: hyper::http::request::Builder,
    body: Vec<u8>,
    read: impl AsyncFnOnce(Head, Incoming) -> Result<T, Error>,
) -> Result<T, Error> {
    let host = &target.host;
    let http = |error: &dyn std::error::Error| Error::Http { host: host.clone(), why: words(error) };
    let stream = connect(host, judged).await?;
    let request = request
        .uri(target.path_and_query.as_str())
        .header(HOST, target.authority.as_str())
        .header(USER_AGENT, "quittance")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| http(&error))?;
    let answer = async |sent: Result<Response<Incoming>, hyper::Error>| {
        let (head, body) = sent.map_err(|error| http(&error))?.into_parts();
        let location = head.headers.get(LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned);
        read(Head { status: head.status.as_u16(), location }, body).await
    };
    if target.tls {
        let name = ServerName::try_from(host.clone())
            .map_err(|error| Error::Tls { host: host.clone(), why: error.to_string() })?;
        let secured = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        let stream = secured.map_err(|error| Error::Tls { host: host.clone(), why: words(&error) })?;
        converse(stream, request, answer, http).await
    } else {
        converse(stream, request, answer, http).await
    }
}

async fn converse<T, S>(
    stream: S,
    request: Request<Full<Bytes>>,
    answer: impl AsyncFnOnce(Result<Response<Incoming>, hyper::Error>) -> Result<T, Error>,
    http: impl Fn(&dyn std::error::Error) -> Error,
) -> Result<T, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| http(&error))?;
    let mut exchange = pin!(async move { answer(sender.send_request(request).await).await });
    // Driven here and not by a task, so that a call that is dropped or out of time closes its connection at once.
    tokio::select! {
        biased;
        answered = &mut exchange => return answered,
        _ = connection => {}
    }
    // The connection is done; what it brought, its failure included, is there.
    exchange.await
}

/// Connects to the first address that answers, each a little after the one before it.
async fn connect(host: &str, Judged(addresses): Judged) -> Result<TcpStream, Error> {
    let attempts = addresses.into_iter().zip(0..).map(|(address, nth)| {
        Box::pin(async move {
            tokio::time::sleep(NEXT_ADDRESS * nth).await;
            TcpStream::connect(address).await.map_err(|error| (address, error))
        })
    });
    let (stream, _) = select_ok(attempts).await.map_err(|(address, error)| Error::Connect {
        host: host.to_owned(),
        address,
        why: error.to_string(),
    })?;
    // A request is one write; its end should not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(host: &str, mut body: Incoming, limit: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Http { host: host.to_owned(), why: words(&error) })?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(Error::BodyTooLarge { host: host.to_owned(), limit });
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// An error and what caused it; hyper's own words alone say little.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
