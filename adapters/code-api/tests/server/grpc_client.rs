//! gRPC as its specification has it, over a plain HTTP/2 connection, so that a test can also break it.

use bytes::{Buf as _, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::Message as _;
use quittance_code_api::envelope::Method;
use quittance_code_api::proto::code::messaging::v1 as messaging;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::node::{Node, STUCK};

/// How a call ended: gRPC's number, and the text.
pub(crate) type Failure = (u32, String);

/// One connection.
#[derive(Clone)]
pub(crate) struct Grpc(pub(crate) SendRequest<Bytes>);

impl Node {
    pub(crate) async fn grpc(&self) -> Grpc {
        let stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let mut builder = h2::client::Builder::new();
        builder.initial_max_send_streams(1000);
        let (send, connection) = builder.handshake(stream).await.expect("HTTP/2");
        tokio::spawn(connection);
        Grpc(send.ready().await.expect("a connection"))
    }
}

/// The full name of a method, as a path.
pub(crate) fn path(method: Method) -> String {
    let package = match method.service_name() {
        "Messaging" => "code.messaging.v1",
        "MicroPayment" => "code.micropayment.v1",
        "Identity" => "code.user.v1",
        "Currency" => "code.currency.v1",
        "Account" => "code.account.v1",
        "Transaction" => "code.transaction.v2",
        other => panic!("{other}: unknown package"),
    };
    let name = method.method_name();
    format!("/{package}.{}/{}{}", method.service_name(), name[..1].to_uppercase(), &name[1..])
}

/// A message behind its length.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a length");
    [&[0], &length.to_be_bytes()[..], message].concat()
}

impl Grpc {
    /// Opens a call, with no message sent yet.
    pub(crate) fn open(&mut self, path: &str, headers: &[(&str, &str)]) -> GrpcCall {
        let mut request = axum::http::Request::post(format!("http://node{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let (answer, send) = self.0.send_request(request, false).expect("a stream");
        GrpcCall { send, answer: Some(answer), body: None, buffer: BytesMut::new(), status: None }
    }

    /// A call with one message.
    pub(crate) fn start(&mut self, path: &str, message: &[u8]) -> GrpcCall {
        let mut call = self.open(path, &[]);
        call.send(message);
        call.close();
        call
    }

    /// A call with one message and one answer.
    pub(crate) async fn call(&mut self, method: Method, message: &[u8]) -> Result<Vec<u8>, Failure> {
        self.start(&path(method), message).answer().await
    }
}

/// One call under way.
pub(crate) struct GrpcCall {
    pub(crate) send: SendStream<Bytes>,
    answer: Option<ResponseFuture>,
    body: Option<RecvStream>,
    buffer: BytesMut,
    status: Option<Failure>,
}

impl GrpcCall {
    pub(crate) fn send(&mut self, message: &[u8]) {
        self.raw(&framed(message));
    }

    /// Bytes that may be less than a message. Nothing when the server has ended the call already.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.send.send_data(Bytes::copy_from_slice(bytes), false);
    }

    /// Says that no more messages come.
    pub(crate) fn close(&mut self) {
        let _ = self.send.send_data(Bytes::new(), true);
    }

    /// The next message, or `None` at the end; see [`end`](Self::end). Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        timeout(STUCK, self.read()).await.expect("a message in time")
    }

    /// Waits for the headers of the answer, which the server sends once a stream is open. Whether it is.
    pub(crate) async fn is_opened(&mut self) -> bool {
        timeout(STUCK, self.head()).await.expect("headers in time");
        self.status.is_none()
    }

    pub(crate) async fn opened(&mut self) {
        assert!(self.is_opened().await, "{:?}", self.status);
    }

    async fn head(&mut self) {
        let Some(answer) = &mut self.answer else { return };
        let answered = answer.await;
        self.answer = None;
        match answered {
            Ok(response) => {
                assert_eq!(response.status(), 200, "gRPC tells its failures in its own words");
                assert_eq!(response.headers()["content-type"], "application/grpc");
                self.status = status(response.headers());
                self.body = Some(response.into_body());
            }
            Err(error) => self.status = Some((u32::MAX, error.to_string())),
        }
    }

    async fn read(&mut self) -> Option<Vec<u8>> {
        self.head().await;
        let body = self.body.as_mut()?;
        loop {
            if let Some((head, rest)) = self.buffer.split_first_chunk::<5>() {
                assert_eq!(head[0], 0, "nothing is compressed");
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if rest.len() >= length {
                    self.buffer.advance(5);
                    return Some(self.buffer.split_to(length).to_vec());
                }
            }
            match body.data().await {
                Some(Ok(bytes)) => {
                    body.flow_control().release_capacity(bytes.len()).expect("capacity");
                    self.buffer.extend_from_slice(&bytes);
                }
                Some(Err(error)) => {
                    self.status = Some((u32::MAX, error.to_string()));
                    return None;
                }
                None => break,
            }
        }
        assert!(self.buffer.is_empty(), "half a message at the end");
        if let Ok(Some(trailers)) = body.trailers().await {
            self.status = status(&trailers);
        }
        None
    }

    /// How the call ended, behind its last message.
    pub(crate) async fn end(&mut self) -> Failure {
        assert_eq!(self.next().await, None);
        self.status.clone().expect("a status")
    }

    pub(crate) async fn answer(mut self) -> Result<Vec<u8>, Failure> {
        let message = self.next().await;
        match message {
            None => Err(self.status.expect("a status")),
            Some(message) => match self.end().await {
                (0, _) => Ok(message),
                failure => panic!("an answer and {failure:?}"),
            },
        }
    }

    /// The next message of a stream.
    pub(crate) async fn message(&mut self) -> messaging::Message {
        let body = self.next().await.unwrap_or_else(|| panic!("{:?}", self.status));
        let response = messaging::OpenMessageStreamResponse::decode(body.as_slice()).expect("a response");
        let [message] = <[_; 1]>::try_from(response.messages).expect("one message at a time");
        message
    }
}

fn status(headers: &axum::http::HeaderMap) -> Option<Failure> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let text = headers.get("grpc-message").map_or("", |text| text.to_str().expect("text"));
    // Percent-encoded, of which these tests meet the blank and a few signs.
    let bytes = text.as_bytes();
    let (mut plain, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            plain.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    Some((code, String::from_utf8(plain).expect("text")))
}
