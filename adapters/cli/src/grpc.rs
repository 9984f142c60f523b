//! Talking to a sequencer over gRPC, as an official payer's app does.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame};
use prost::Message;
use quittance_code_api::envelope::Method;
use reqwest::header::HeaderMap;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::error::{CliError, Kind};

/// How long a server may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read: the protocol's largest, a thousand messages, stays below.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// Bytes in front of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A sequencer.
#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    http: reqwest::Client,
    server: String,
}

/// One call under way.
pub(crate) struct Call {
    server: String,
    to: mpsc::Sender<Bytes>,
    answer: Answer,
    buffer: BytesMut,
}

enum Answer {
    Awaited(tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>),
    Open(reqwest::Body),
    Over,
}

/// The messages of a call on their way out.
struct Outgoing(mpsc::Receiver<Bytes>);

impl Grpc {
    pub(crate) fn new(server: &str) -> Result<Self, CliError> {
        // Installed once per process; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(5));
        // With TLS the two agree on HTTP/2 in the handshake; without, both have to know.
        let builder = if server.starts_with("https://") { builder } else { builder.http2_prior_knowledge() };
        let http = builder.build().map_err(CliError::failed)?;
        Ok(Self { http, server: server.trim_end_matches('/').into() })
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// A call with one answer.
    pub(crate) async fn call<T: Message + Default>(
        &self,
        method: Method,
        request: &impl Message,
    ) -> Result<T, CliError> {
        let answer = self.call_raw(method, request).await?;
        T::decode(answer.as_slice()).map_err(|error| self.strange(&error.to_string()))
    }

    /// The same, for an answer whose bytes carry signatures.
    pub(crate) async fn call_raw(&self, method: Method, request: &impl Message) -> Result<Vec<u8>, CliError> {
        let mut call = self.open(method);
        call.send(&request.encode_to_vec()).await?;
        call.close();
        let answer = call.next().await?.ok_or_else(|| self.strange("no message"))?;
        match call.next().await? {
            None => Ok(answer),
            Some(_) => Err(self.strange("more than one message")),
        }
    }

    /// A call with several messages.
    pub(crate) fn open(&self, method: Method) -> Call {
        let (to, outgoing) = mpsc::channel(1);
        let request = self
            .http
            .post(format!("{}/{}", self.server, path(method)))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(reqwest::Body::wrap(Outgoing(outgoing)));
        let answer = Answer::Awaited(tokio::spawn(request.send()));
        Call { server: self.server.clone(), to, answer, buffer: BytesMut::new() }
    }

    fn strange(&self, what: &str) -> CliError {
        strange(&self.server, what)
    }
}

impl Call {
    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &[u8]) -> Result<(), CliError> {
        let length = u32::try_from(message.len()).map_err(CliError::failed)?;
        let framed = [&[0], length.to_be_bytes().as_slice(), message].concat();
        match timeout(TIMEOUT, self.to.send(framed.into())).await {
            // A server that has ended the call says why.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(late(&self.server)),
        }
    }

    /// Says that no more messages come.
    pub(crate) fn close(&mut self) {
        let (nobody, _) = mpsc::channel(1);
        self.to = nobody;
    }

    /// The next message, or `None` when the call has ended well.
    ///
    /// # Errors
    /// How the call failed.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        let server = self.server.clone();
        timeout(TIMEOUT, self.read()).await.unwrap_or_else(|_| Err(late(&server)))
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            match &mut self.answer {
                Answer::Awaited(answer) => {
                    let response = answer.await.map_err(CliError::failed)?;
                    let response = response.map_err(|error| unreachable(&self.server, &error))?;
                    if response.status() != 200 {
                        let what = format!("HTTP {}", response.status());
                        return Err(strange(&self.server, &what));
                    }
                    // A call that ends without a message says so in its head.
                    let ended = status(response.headers());
                    self.answer = Answer::Open(response.into());
                    if let Some(ended) = ended {
                        return self.end(ended);
                    }
                }
                Answer::Open(body) => {
                    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
                    match frame.transpose().map_err(|error| unreachable(&self.server, &error))? {
                        None => return Err(strange(&self.server, "no status at the end")),
                        Some(frame) => match frame.into_data() {
                            Ok(bytes) => self.buffer.extend_from_slice(&bytes),
                            Err(frame) => {
                                let trailers = frame.into_trailers().unwrap_or_default();
                                let ended = status(&trailers);
                                return self.end(ended.unwrap_or_else(|| (2, "no status".into())));
                            }
                        },
                    }
                }
                Answer::Over => return Ok(None),
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Vec<u8>>, CliError> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let [compressed, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if compressed != 0 || length > MAX_ANSWER_BYTES {
            return Err(strange(&self.server, "a message that is compressed or too long"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).to_vec()))
    }

    fn end(&mut self, (code, text): (u32, String)) -> Result<Option<Vec<u8>>, CliError> {
        self.answer = Answer::Over;
        let kind = match code {
            0 => return Ok(None),
            // Resource exhausted and unavailable: nothing was done.
            8 | 14 => Kind::Unavailable,
            // Canceled, unknown, deadline exceeded, internal: what was done is not known.
            1 | 2 | 4 | 13 => Kind::Unreachable,
            _ => Kind::Refused,
        };
        let text = if text.is_empty() { "no reason given".into() } else { text };
        Err(CliError::new(kind, format!("{} answered with gRPC status {code}: {text}", self.server)))
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// `code.transaction.v2.Transaction/SubmitIntent`
fn path(method: Method) -> String {
    let package = match method.service_name() {
        "Messaging" => "code.messaging.v1",
        "MicroPayment" => "code.micropayment.v1",
        "Identity" => "code.user.v1",
        "Currency" => "code.currency.v1",
        "Account" => "code.account.v1",
        _ => "code.transaction.v2",
    };
    let name = method.method_name();
    let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
    format!("{package}.{}/{}{rest}", method.service_name(), first.to_ascii_uppercase())
}

fn status(headers: &HeaderMap) -> Option<(u32, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status")?.parse().ok()?;
    Some((code, percent_decoded(text("grpc-message").unwrap_or_default())))
}

/// What cannot stand in a header is two hexadecimal digits behind a `%`. Anything else stays as it is.
fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn strange(server: &str, what: &str) -> CliError {
    CliError::failed(format!("{server} does not speak the protocol: it answered {what}"))
}

fn late(server: &str) -> CliError {
    CliError::new(Kind::Unreachable, format!("no answer from {server} within {TIMEOUT:?}"))
}

fn unreachable(server: &str, error: &reqwest::Error) -> CliError {
    let mut why = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        why = format!("{why}: {deeper}");
        source = deeper.source();
    }
    CliError::new(Kind::Unreachable, format!("no answer from {server}: {why}"))
        .hint("check that the server runs: quittance serve --data DIR --listen ADDRESS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_as_it_was_meant() {
        for (text, plain) in [
            ("no nonce is free", "no nonce is free"),
            ("100%25 of it", "100% of it"),
            ("%e2%82%ac", "\u{20ac}"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("", ""),
        ] {
            assert_eq!(percent_decoded(text), plain, "{text}");
        }
    }

    #[test]
    fn every_method_has_its_full_name() {
        assert_eq!(path(Method::SubmitIntent), "code.transaction.v2.Transaction/SubmitIntent");
        assert_eq!(path(Method::PollMessages), "code.messaging.v1.Messaging/PollMessages");
        assert_eq!(path(Method::GetAllRates), "code.currency.v1.Currency/GetAllRates");
    }
}
